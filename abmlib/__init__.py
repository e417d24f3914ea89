"""The ABM workbook's helpers: tables, statistics, the method's concepts, pages and a market with known truth."""

__version__ = "0.1.0"

"""From an export to a trusted, dated Book."""

from abmlib.tables.book import Book
from abmlib.tables.errors import NotAnswerable, TableError

__all__ = ["Book", "NotAnswerable", "TableError"]

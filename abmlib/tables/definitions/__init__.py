"""What every table is: one module per group of tables, over the words of `columns`. Seen through `tables.schema`."""

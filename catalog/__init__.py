"""The catalog: the truth about an index, in SQLite, with the vectors beside it."""

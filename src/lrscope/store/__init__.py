"""One study, one SQLite file."""

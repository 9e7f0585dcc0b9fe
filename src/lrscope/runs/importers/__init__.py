"""Readers of other programs' records, one file a format."""

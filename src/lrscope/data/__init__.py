"""Reading examples, splitting them, and laying out batches."""

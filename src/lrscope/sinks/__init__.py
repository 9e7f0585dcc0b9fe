"""Where a study's trials are written beside its own file: CSV, and the libraries that people keep their runs in."""

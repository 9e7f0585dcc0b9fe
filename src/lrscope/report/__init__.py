"""What is shown of a study: figures and tables."""

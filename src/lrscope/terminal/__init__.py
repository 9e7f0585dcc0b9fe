"""What a terminal shows: text and tables, live progress of a workflow, and signals that ask it to stop."""

"""What runs a training of the user's own: a command or a Python function."""

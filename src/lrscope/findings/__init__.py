"""What the runs show and what follows from it."""

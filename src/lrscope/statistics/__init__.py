"""What may be concluded from runs: pure functions of values, without files and without torch."""

"""What a single run's own log shows: the schedule that was applied, what is odd about it, and why it broke."""

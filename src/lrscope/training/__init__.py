"""The one loop, and the trials that drive it."""

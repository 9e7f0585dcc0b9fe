"""What conclusions start from where a user says nothing."""

MARGIN = 0.02  # a difference that matters, in the metric's own units
ERROR = 0.05  # of statements that are wrong
SHARE_SIZE = 1000  # examples of a share, where nobody says how many
SEED_SD = 0.014  # of a value over seeds, where each arm has one: that of 42M models on SST-5 at equal rates

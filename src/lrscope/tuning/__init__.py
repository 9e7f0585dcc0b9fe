"""How a budget of training is spent on finding a learning rate: pure, from observations to the next run."""

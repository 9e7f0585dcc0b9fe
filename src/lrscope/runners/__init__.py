"""What runs trials: built-in training, heads trained together, range tests. Above, nobody knows what training is."""

"""The schedule that a training really applied, identified from the rates that it logged."""

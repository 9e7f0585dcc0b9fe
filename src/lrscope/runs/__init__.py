"""Runs of training, wherever their record comes from: a study of ours, or somebody else's files."""

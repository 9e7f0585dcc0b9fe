"""The learning-rate range test: curves of loss against rate, what rules make of them, and an interval to search."""

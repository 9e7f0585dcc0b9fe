"""What a fine-tuning task supplies; classification is the first."""

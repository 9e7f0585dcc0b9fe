"""From what happened to what it carries: values in, values out, no torch."""

"""Many trials on one task, one model and one data fingerprint: what is planned, and what is decided."""

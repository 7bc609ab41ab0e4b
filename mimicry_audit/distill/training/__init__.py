"""Training a student: examples, teacher signals, losses, the trainer and the process it runs in."""

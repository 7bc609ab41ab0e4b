"""The sections of ``scores.json``, one module each."""

"""Calibrated evidence on whether one language model has been distilled from another."""

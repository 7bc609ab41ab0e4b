"""Intervals, tests, power and detection: pure functions on arrays."""

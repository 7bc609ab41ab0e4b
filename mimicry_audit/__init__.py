"""Calibrated evidence on whether one language model has been distilled from another."""

from __future__ import annotations

__version__ = "0.1.0"

"""Identity consistency: who a model says it is, and whether that is who it is.

The Identity Consistency Evaluation (ICE) of Lee et al. 2025, arXiv 2501.12619.
"""

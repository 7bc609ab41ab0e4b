"""From measured similarity to a verdict and to ``scores.json``.

Promise: `gather` computes everything a verdict rests on and decides nothing; `rules` decides and computes nothing;
`findings` holds the records and the thresholds between them; `score` writes the result. No model is asked.
"""

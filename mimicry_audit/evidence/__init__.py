"""From measured similarity to a verdict: who is held against whom, what the numbers are, and what they come to.

Promise: `gather` computes everything a verdict rests on and decides nothing; `verdicts.judge` decides and computes nothing;
`findings` holds the records and the thresholds between them.
"""

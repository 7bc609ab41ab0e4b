"""Everything that asks a model: answers, likelihoods, grades by a judge, the search for identity slips.

Promise: what is missing is asked, each reply is journalled as it arrives, and nothing here computes a score.
"""

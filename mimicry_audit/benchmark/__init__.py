"""The audit measured on models of documented lineage.

Promise: `lineage.benchmark` says how well axes, combined scores and verdicts separate related from unrelated models.
"""

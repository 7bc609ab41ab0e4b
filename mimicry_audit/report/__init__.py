"""The report: one offline HTML page that a person can read, check and defend.

Promise: `page.render` is a pure function of ``scores.json`` and the answers. The page asks nothing of the
network, runs no text that a model wrote, and says everything without JavaScript but filtering and sorting.
"""

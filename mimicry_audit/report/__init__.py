"""The report: one offline HTML page from ``scores.json`` and the answers."""

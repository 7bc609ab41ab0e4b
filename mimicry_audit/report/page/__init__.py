"""The offline HTML pages: from scores to what a template shows."""

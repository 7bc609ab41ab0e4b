"""Is this answer right, and which answer does it give? `check` dispatches to one module per kind of check."""

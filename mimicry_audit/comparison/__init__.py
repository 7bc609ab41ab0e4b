"""Before against after: did training move a model toward a reference, and what else did it change? Starts in `steps`."""

"""Before against after: did a training move a model toward a reference, and what else did it change? Starts in `steps`."""

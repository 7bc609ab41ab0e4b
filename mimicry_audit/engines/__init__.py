"""Engines: the ways of asking a model. They know no score; see `mimicry_audit.engines.base` for the contract."""

"""One file per axis; ``pyproject.toml`` announces them, `mimicry_audit.similarity.measure.AXES` lists them."""

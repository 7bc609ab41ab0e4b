"""One file per axis; `mimicry_audit.similarity.measure.AXES` lists them."""

"""An example of what another package can add to mimicry_audit: an engine, an axis and a probe set."""

from pathlib import Path


def probe_set_folder() -> Path:
    """The folder whose sub-folders are probe sets."""
    return Path(__file__).parent / "probe_sets"

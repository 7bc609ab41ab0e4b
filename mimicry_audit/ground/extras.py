"""Which optional package belongs to which extra, so that whoever needs a missing one is told how to get it.

Promise: scoring, reports, imports, the viewer and identity of recorded answers need none of them (`tests/test_extras.py`).
"""

from __future__ import annotations

from mimicry_audit.ground.errors import PrerequisiteError

INSTALLS = {
    "hf": "torch transformers accelerate",
    "meaning": "sentence-transformers",
    "vllm": "vllm",
    "tables": "pandas pyarrow",
    "distill": "scikit-learn peft optuna",
    "gguf": "gguf",
    "hub": "datasets",
    "mcp": "mcp",
    "mlflow": "mlflow-skinny",
    "wandb": "wandb",
}
"""Extra of this package → the packages that it is for."""
EXTRAS = {
    **dict.fromkeys(("torch", "transformers", "accelerate", "safetensors", "tokenizers", "huggingface_hub"), "hf"),
    **dict.fromkeys(("sklearn", "peft", "optuna"), "distill"),
    **dict.fromkeys(("pandas", "pyarrow"), "tables"),
    "sentence_transformers": "meaning",
    "vllm": "vllm",
    "gguf": "gguf",
    "datasets": "hub",
    "mcp": "mcp",
    "mlflow": "mlflow",
    "wandb": "wandb",
}
"""Import name → the extra that brings it."""


def missing(name: str, what: str = "this") -> PrerequisiteError:
    """The error for a package of `EXTRAS` that is not there.

    Args:
        name: as it is imported, or a module in it.
        what: what needs it.
    """
    package = name.partition(".")[0]
    extra = EXTRAS[package]
    return PrerequisiteError(
        f"{what} needs {package}, which is not installed", f"install the extra “{extra}”: pip install {INSTALLS[extra]}"
    )

"""The loss that TRL publishes for generalised knowledge distillation, out of the installed package, as a reference for ours.

The function alone, from the package's source: to import its module would import much else that no test needs.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def generalized_jsd_loss() -> Callable[..., Tensor]:
    """TRL's ``GKDTrainer.generalized_jsd_loss``."""
    package = find_spec("trl")
    assert package is not None
    assert package.submodule_search_locations is not None
    file = Path(package.submodule_search_locations[0]) / "experimental" / "gkd" / "gkd_trainer.py"
    nodes = ast.walk(ast.parse(file.read_text("utf-8")))
    (found,) = (n for n in nodes if isinstance(n, ast.FunctionDef) and n.name == "generalized_jsd_loss")
    found.decorator_list = []
    names: dict[str, Any] = {"torch": torch, "F": functional}
    exec(compile(ast.Module([found], []), str(file), "exec"), names)
    loss: Callable[..., Tensor] = names[found.name]
    return loss

"""Models, made once per session, and servers that several test files share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.fault_server import FaultServer, fault_server
from tests.support.tiny_models import INJECTING, make_model

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@dataclass(frozen=True)
class TinyModels:
    """Folders of models."""

    one: Path
    two: Path
    bare: Path
    mute: Path
    injecting: Path


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> TinyModels:
    root = tmp_path_factory.mktemp("models")
    return TinyModels(
        one=make_model(root / "one", seed=1),
        two=make_model(root / "two", seed=2),
        bare=make_model(root / "bare", seed=1, template=None),
        mute=make_model(root / "mute", seed=1, mute=True),
        injecting=make_model(root / "injecting", seed=1, template=INJECTING),
    )


@pytest.fixture
def faults() -> Iterator[FaultServer]:
    with fault_server() as server:
        yield server

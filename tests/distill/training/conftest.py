"""Models that several files of tests read: a student and, frozen, a teacher of another making."""

from __future__ import annotations

from typing import Any

import pytest

from mimicry_audit.distill.training import models
from tests.support.engine_fixtures import TinyModels


@pytest.fixture(scope="module")
def student(tiny_models: TinyModels) -> Any:
    return models.load(str(tiny_models.one), None)


@pytest.fixture(scope="module")
def teacher(tiny_models: TinyModels) -> Any:
    return models.load(str(tiny_models.two), None).eval()

"""The tests that share one real vLLM server: it takes half a minute to start, and ends with the last of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mimicry_audit.engines.vllm import VllmEngine
from mimicry_audit.records.asked import ModelSpec
from tests.support.engine_fixtures import TinyModels


@pytest.fixture(scope="package")
def vllm_engine(tiny_models: TinyModels) -> Iterator[VllmEngine]:
    """A server of the tiny model `one`."""
    engine = VllmEngine(
        ModelSpec(
            label="one", engine="vllm", name=str(tiny_models.one), options={"kv_cache_gib": 1, "max_num_seqs": 16}
        )
    )
    with engine:
        yield engine

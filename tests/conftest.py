"""What all tests share: fixtures, and how files of tests are shared out among workers.

A file is one worker's from its first test to its last. Files that use the one vLLM server of `vllm_engine` go to the same
worker, for it takes half a minute to start; and the longest files come first, for one that begins late would leave the other
cores with nothing to do.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

pytest_plugins = ["tests.support.engine_fixtures", "tests.support.browser"]

ON_ONE_SERVER = ("test_engine_contract", "test_text_scoring", "test_judging")
LONGEST = (
    *ON_ONE_SERVER, "test_distill", "test_likelihoods", "test_vllm_server", "test_vllm_audit", "test_distill_search",
    "test_resume", "test_report_hostile", "test_demo", "test_dose_benchmark", "test_report_big", "test_lab_training",
    "test_report_access", "test_evolve", "test_cli",
)  # fmt: skip


class Sharing(LoadFileScheduling):
    """Files to workers, those on one server together."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "vllm" if file.rpartition("/")[2].removesuffix(".py") in ON_ONE_SERVER else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing:
    """Have xdist share out tests as described above."""
    return Sharing(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; within a file, and among the others, the order stays."""
    place = {name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))

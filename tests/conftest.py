"""What all tests share: fixtures, and how files of tests are shared out among workers.

A file is one worker's from its first test to its last, and the files of `one_server` are all the same worker's, for their
server takes half a minute to start. The longest come first, for one that begins late would leave the other cores with nothing
to do; and each worker has one thread, for more of them than cores would only wait for one another.
"""

from __future__ import annotations

import gc
import os
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

pytest_plugins = ["tests.support.engine_fixtures", "tests.support.browser"]

if "PYTEST_XDIST_WORKER" in os.environ:  # before anything imports torch
    os.environ.setdefault("OMP_NUM_THREADS", "1")

LONGEST = (
    "distill/test_pipeline", "asking/test_likelihoods", "engines/test_vllm_server", "engines/test_vllm_audit",
    "distill/search/test_search", "asking/test_resume", "report/test_hostile", "cli/test_demo",
    "benchmarks/test_dose_response", "report/test_big", "lab/test_training", "asking/test_judge",
    "report/test_access", "distill/evolve/test_pipeline", "cli/test_commands",
)  # fmt: skip


class Sharing(LoadFileScheduling):
    """Files to workers, those on one server together."""

    def _split_scope(self, nodeid: str) -> str:
        return "one server" if _with_server(nodeid) else nodeid.split("::", 1)[0]


@pytest.hookimpl(optionalhook=True)  # tests run without xdist, too
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing:
    """Have xdist share out tests as described above."""
    return Sharing(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; within a file, and among the others, the order stays."""
    place = {name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: -1 if _with_server(item.nodeid) else place.get(_module(item.nodeid), len(LONGEST)))


def pytest_collection_finish() -> None:
    """Leave what collecting made out of every later search for garbage: engines look for it whenever they close."""
    gc.collect()
    gc.freeze()


def _with_server(nodeid: str) -> bool:
    return nodeid.startswith("tests/one_server/")


def _module(nodeid: str) -> str:
    """``ROOM/test_NAME`` of a test."""
    return nodeid.split("::", 1)[0].removeprefix("tests/").removesuffix(".py")

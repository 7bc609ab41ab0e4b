"""What all tests share: fixtures, and an order in which the longest files come first.

A file is one worker's from its first test to its last (``--dist loadfile``), so a long file that begins late would leave the
other cores with nothing to do. Of the files named here most of the time is servers and small models starting.
"""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.support.engine_fixtures", "tests.support.browser"]

LONGEST = (
    "test_likelihoods", "test_distill", "test_vllm_server", "test_vllm_audit", "test_distill_search", "test_resume",
    "test_report_hostile", "test_demo", "test_dose_benchmark", "test_report_big", "test_text_scoring", "test_judging",
    "test_engine_contract", "test_lab_training", "test_report_access", "test_evolve", "test_cli",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; within a file, and among the others, the order stays."""
    place = {name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))

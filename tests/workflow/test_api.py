"""The Python face: its keywords are the settings, and what it returns has named attributes."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields

import pytest

from mimicry_audit.api import Run, audit
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.records.scores import REQUIRED_SCORES, SCORES_SCHEMA, PairVerdict, Scores, VerdictRecord
from mimicry_audit.verdicts.score import read_scores
from mimicry_audit.workflow.settings import Settings
from tests.support.scores_fixture import scores


def test_the_keywords_are_the_settings() -> None:
    keywords = {name: p for name, p in inspect.signature(audit).parameters.items() if name != "progress"}
    settings = {f.name: f for f in fields(Settings)}
    assert set(keywords) == set(settings)
    for name, keyword in keywords.items():
        if name not in ("models", "engine_options"):
            assert keyword.default == settings[name].default, name


def test_what_is_no_setting_is_refused_and_what_is_wrong_is_named() -> None:
    with pytest.raises(TypeError, match="refrence"):
        audit("lab/aria,lab/boro", refrence="lab/aria")
    with pytest.raises(ConfigError, match="samples"):
        audit("lab/aria,lab/boro", samples="many")


def test_a_verdict_has_named_attributes_and_is_its_record(tmp_path) -> None:
    data = scores()
    run = Run(RunDirectory(tmp_path), data)
    assert len(run.verdicts) == len(data["verdicts"]) > 1
    for verdict, record in zip(run.verdicts, data["verdicts"], strict=True):
        assert (verdict.candidate, verdict.verdict, verdict.summary) == (
            record["candidate"], record["verdict"], record["summary"],
        )  # fmt: skip
        assert verdict["reasons"] == record["reasons"] == list(verdict.reasons)
        assert verdict.record is record
    assert {f.name for f in fields(PairVerdict)} - {"record"} <= set(VerdictRecord.__annotations__)


def test_scores_are_read_as_they_were_written(tmp_path) -> None:
    run = RunDirectory(tmp_path)
    settings = {name: {} for name in ("models", "selection", "sampling")} | {"probe_sets": [], "probes_sha": ""}
    run.manifest_path.write_text(
        json.dumps({"schema": "mimicry_audit.manifest/1", "settings": settings, "resolved": {}})
    )
    stored = {**scores(), "later": [1]}
    run.scores_path.write_text(json.dumps(stored))
    assert read_scores(run) == stored
    assert stored["schema"] == SCORES_SCHEMA
    assert set(REQUIRED_SCORES) <= set(Scores.__annotations__)
    assert set(scores()) <= set(Scores.__annotations__)

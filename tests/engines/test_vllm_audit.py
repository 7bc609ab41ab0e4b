"""A real audit through real vLLM servers on the CPU, of a teacher and of a student distilled here: required, never skipped."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.cli import run
from mimicry_audit.records.asked import Response
from mimicry_audit.records.run import RunDirectory
from tests.support.commands import audit

LABELS = ("aria", "pupil")
SMALL = ["-E", "kv_cache_gib=1", "-E", "max_num_seqs=16"]
MARK = f"MIMICRY_TEST={uuid.uuid4()}"
SETTINGS = ["--probes", "lab", "--limit", "7", "--max-tokens", "64"]


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as `audit distill` leaves it."""
    from mimicry_audit import lab
    from mimicry_audit.distill import DistillSettings, distill

    lab.build(["aria", "base"])
    asked: dict[str, Any] = {
        "limit": 24,
        "steps": 8,
        "max_tokens": 48,
        "rate": 1e-3,
        "threads": 1,
        "evaluation_limit": 0,
    }
    out = tmp_path_factory.mktemp("student") / "pupil"
    return distill(DistillSettings.of(teacher="lab/aria", student="lab/base", data="lab", out=out, **asked)).path


def models(engine: str, student: Path) -> list[str]:
    return ["--models", f"{engine}/lab/aria,pupil={engine}/{student}"]


@pytest.fixture(scope="module")
def through_vllm(tmp_path_factory: pytest.TempPathFactory, student: Path) -> RunDirectory:
    out = tmp_path_factory.mktemp("vllm") / "run"
    done = audit(
        "run", *models("vllm", student), *SETTINGS, *SMALL, "--out", str(out), MIMICRY_TEST=MARK.partition("=")[2]
    )
    assert done.returncode == 0, done.stderr
    return RunDirectory(out)


def by_probe(run: RunDirectory, label: str) -> dict[tuple[str, int], Response]:
    return {(r.probe_id, r.sample): r for r in run.responses(label)}


def test_vllm_answers_as_transformers_does(through_vllm: RunDirectory, student: Path, tmp_path: Path) -> None:
    """Greedy answers of both engines: rounding may tip a token here and there, no more."""
    assert run(["collect", *models("hf", student), *SETTINGS, "--out", str(tmp_path / "hf")]) == 0
    plain = RunDirectory(tmp_path / "hf")
    same = total = 0
    for label in LABELS:
        theirs, ours = by_probe(through_vllm, label), by_probe(plain, label)
        assert theirs.keys() == ours.keys()
        assert {r.status for r in theirs.values()} <= {"ok", "truncated"}
        for key, response in theirs.items():
            total += 1
            same += response.text == ours[key].text
            assert response.prompt_sha == ours[key].prompt_sha  # both engines were fed the very same prompt
            assert response.key != ours[key].key  # and yet neither's answer is ever taken for the other's
    assert total >= 20
    assert same >= 0.9 * total, f"{same} of {total}"


def test_two_models_are_too_few_for_a_verdict_and_the_mend_is_told(through_vllm: RunDirectory) -> None:
    scores = json.loads(through_vllm.scores_path.read_text("utf-8"))
    (verdict,) = scores["verdicts"]
    assert verdict["verdict"] == "inconclusive"
    assert {verdict["candidate"], verdict["reference"]} == set(LABELS)
    assert verdict["would_change"] == [
        "Add at least 3 unrelated models answering the same probes.",
        f"Name the base of {verdict['candidate']} with --base, if it is known.",
    ]
    assert through_vllm.report_path.is_file()
    resolved = through_vllm.manifest().resolved
    assert all(resolved[label]["identity"]["engine_version"].startswith("vllm ") for label in LABELS)
    assert all("lineage" in resolved[label] and "weights" in resolved[label] for label in LABELS)
    assert resolved["pupil"]["lineage"]["teacher"] == "aria"


def test_no_server_is_left(through_vllm: RunDirectory) -> None:
    assert [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if _marked(path)] == []


def _marked(environ: Path) -> bool:
    """Whether a living process inherited this file's mark."""
    try:
        return MARK.encode() in environ.read_bytes()
    except OSError:
        return False


def test_the_same_command_again_starts_no_server(
    through_vllm: RunDirectory, student: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["run", *models("vllm", student), *SETTINGS, *SMALL, "--out", str(through_vllm.path)]) == 0
    assert capsys.readouterr().err == f"{through_vllm.path}: nothing missing, no model was asked\n"

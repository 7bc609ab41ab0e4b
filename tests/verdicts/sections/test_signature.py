"""The signature: what decides a number changes the line, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.records.manifest import Manifest
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.score import ScoringOptions, score
from tests.support.students import Voice, answers, probes, responses
from tests.verdicts.test_score import write_run

OPTIONS = ScoringOptions(roles=Roles(references=("a",)), axes=("lexical", "style", "answers"), draws=50)


def made(path: Path) -> RunDirectory:
    asked = probes(24)
    given = {label: responses(label, answers(Voice(place), asked)) for place, label in enumerate("abcde")}
    return write_run(path, asked, given)


def line(run: RunDirectory, options: ScoringOptions = OPTIONS) -> str:
    return score(run, options)["signature"]


def with_manifest(change: Callable[[Any], None]) -> Callable[[RunDirectory], None]:
    def changed(run: RunDirectory) -> None:
        content = run.manifest().as_json()
        change(content)
        run.write_manifest(Manifest.from_json(content))

    return changed


CHANGES: dict[str, Callable[[Any], None]] = {
    "token limit": lambda m: m["settings"]["sampling"].update(max_tokens=65),
    "temperature": lambda m: m["settings"]["sampling"].update(temperature=0.5),
    "top-p": lambda m: m["settings"]["sampling"].update(top_p=0.9),
    "seed of the answers": lambda m: m["settings"]["sampling"].update(seed=1),
    "probes": lambda m: m["settings"].update(probes_sha="1"),
    "model": lambda m: m["settings"]["models"]["b"].update(name="y#b"),
    "engine": lambda m: m["settings"]["models"]["b"].update(engine="hf"),
    "revision": lambda m: m.update(resolved={"b": {"identity": {"revision": "1234"}}}),
    "panel": lambda m: m["settings"].update(panels=[{"name": "eight", "models": ["d"], "sha": "ab" * 32}]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_asked_of_whom_changes_the_line(tmp_path: Path, what: str) -> None:
    run = made(tmp_path / "run")
    before = line(run)
    with_manifest(CHANGES[what])(run)
    assert line(run) != before


@pytest.mark.parametrize(
    "options",
    [
        replace(OPTIONS, seed=1),
        replace(OPTIONS, draws=60),
        replace(OPTIONS, min_coverage=0.5),
        replace(OPTIONS, axes=("lexical", "style")),
        replace(OPTIONS, roles=Roles(references=("b",))),
        replace(OPTIONS, roles=Roles(references=("a",), bases={"b": "c"})),
        replace(OPTIONS, roles=Roles(references=("a",), bases={"*": "c"})),
        replace(OPTIONS, roles=Roles(references=("a",), controls=("d",))),
    ],
    ids=["seed", "draws", "coverage", "axes", "reference", "base of one", "base of all", "control"],
)
def test_how_it_was_scored_changes_the_line(tmp_path: Path, options: ScoringOptions) -> None:
    run = made(tmp_path / "run")
    assert line(run, options) != line(run)


def test_an_answer_changes_the_line_and_the_time_does_not(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    before = line(run)
    journal = run.journal_path("b")
    text = journal.read_text("utf-8")
    journal.write_text("".join(f"{row}\n" for row in reversed(text.splitlines())), encoding="utf-8")
    assert line(run) == before
    rows = text.splitlines()
    journal.write_text("\n".join([rows[0].replace('"status": "ok"', '"status": "truncated"'), *rows[1:], ""]), "utf-8")
    assert line(run) != before


def test_only_axes_that_were_measured_are_named(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    options = replace(OPTIONS, axes=("lexical", "semantic"), embedding_model="/nowhere/at-all")
    assert " | axes:lexical | samples:" in line(run, options)
    assert "embed:" not in line(run, options)
    text = line(run)
    for part in ("tokens:64", "seed:0", "stat-seed:0", "boot:50", "cov:0.95", "ref:a", "axes:lexical+style+answers"):
        assert f"| {part} |" in text
    assert "models:a@" in text

"""Collecting: who is asked what, what is missing, and what stays when something goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mimicry_audit.asking.answers import Plan, collect
from mimicry_audit.ground.errors import DataError, EngineError, RunDirectoryError
from mimicry_audit.records.asked import (
    TEMPLATE_REFUSES,
    Completion,
    Message,
    ModelSpec,
    Probe,
    Request,
    Response,
    Sampling,
    request_seed,
)
from mimicry_audit.records.run import Journal, RunDirectory
from tests.support.scripted_engine import Heard, Script, ScriptedEngine


def plan(*labels: str, probes: int = 4, **sampling: float) -> Plan:
    return Plan(
        models=tuple(ModelSpec(label=label, engine="scripted", name=f"org/{label}") for label in labels or ("a", "b")),
        probes=tuple(Probe(id=f"s/{n}", domain="math", messages=(Message("user", f"ask {n}"),)) for n in range(probes)),
        sampling=Sampling(**sampling),  # type: ignore[arg-type]
    )


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "run")


def lines(run: RunDirectory, label: str) -> int:
    path = run.journal_path(label)
    return path.read_bytes().count(b"\n") if path.exists() else 0


def failing(*probes: str) -> Callable[[ModelSpec, Request], Completion]:
    def answer(spec: ModelSpec, request: Request) -> Completion:
        if request.probe_id in probes:
            return Completion(status="error", error="HTTP 500: try later", attempt=6)
        return Completion(status="ok", text=f"{spec.name} on {request.probe_id}")

    return answer


def test_every_probe_of_every_model_is_asked_once_and_journalled(run: RunDirectory) -> None:
    script = Script()
    assert collect(run, plan(), engine_for=script.engine_for) == 8
    for label in "ab":
        found = run.responses(label)
        assert sorted((r.probe_id, r.text) for r in found) == [
            (f"s/{n}", f"org/{label} on s/{n}, sample 0") for n in range(4)
        ]
        assert {r.model for r in found} == {label}
        assert all(len(r.key) == 64 and r.prompt_sha and r.time for r in found)
    assert len({r.key for label in "ab" for r in run.responses(label)}) == 8
    assert script.events == [  # every model is found before the first is asked
        *((what, label) for label in "ab" for what in ("made", "identify")),
        *((what, label) for label in "ab" for what in ("open", "close")),
    ]
    manifest = run.manifest()
    assert manifest.resolved["a"]["identity"]["model"] == "org/a"
    assert run.probes() == list(plan().probes)


def test_a_finished_run_asks_nothing_and_starts_no_engine(run: RunDirectory) -> None:
    collect(run, plan(), engine_for=Script().engine_for)
    before = {
        p: (p.read_bytes(), p.stat().st_mtime_ns) for p in run.path.rglob("*") if p.is_file() and p.name != ".lock"
    }
    again = Script()
    assert collect(run, plan(), engine_for=again.engine_for) == 0
    assert again.events == []
    assert all((p.read_bytes(), p.stat().st_mtime_ns) == kept for p, kept in before.items())


def test_only_what_is_owed_is_asked(run: RunDirectory) -> None:
    collect(run, plan(), engine_for=Script().engine_for)
    path = run.journal_path("b")
    kept = path.read_text().splitlines(keepends=True)
    path.write_text("".join(kept[:2]) + kept[2][:30])  # two whole lines and a torn one
    script = Script()
    assert collect(run, plan(), engine_for=script.engine_for) == 2
    assert [label for what, label in script.events if what == "made"] == ["b"]
    missing = {(r.probe_id, r.missing) for r in script.seen["b"]}
    standing = {json.loads(line)["probe_id"] for line in kept[:2]}
    assert missing == {(f"s/{n}", f"s/{n}" not in standing) for n in range(4)}  # the engine sees the whole batch
    assert sorted(r.probe_id for r in run.responses("b")) == [f"s/{n}" for n in range(4)]


def test_errors_are_journalled_as_such_and_owed_again(run: RunDirectory) -> None:
    assert collect(run, plan("a"), engine_for=Script(answer=failing("s/1", "s/3")).engine_for) == 4
    failed = [r for r in run.responses("a") if r.status == "error"]
    assert [(r.probe_id, r.text, r.error, r.attempt) for r in failed] == [
        ("s/3", "", "HTTP 500: try later", 6),
        ("s/1", "", "HTTP 500: try later", 6),
    ]
    second = Script(answer=failing("s/1"))
    assert collect(run, plan("a"), engine_for=second.engine_for) == 2
    assert second.asked["a"] == [("s/3", 0), ("s/1", 0)]
    third = Script()
    assert collect(run, plan("a"), engine_for=third.engine_for) == 1
    assert {r.status for r in run.responses("a")} == {"ok"}
    assert lines(run, "a") == 7  # every try is on record
    assert collect(run, plan("a"), engine_for=third.engine_for) == 0


@pytest.mark.parametrize("status", ["empty", "refused", "truncated"])
def test_other_statuses_are_answers(run: RunDirectory, status: str) -> None:
    script = Script(answer=lambda spec, request: Completion(status=status))
    collect(run, plan("a"), engine_for=script.engine_for)
    assert collect(run, plan("a"), engine_for=script.engine_for) == 0


def test_several_samples_are_numbered_and_seeded_apart(run: RunDirectory) -> None:
    script = Script()
    assert collect(run, plan("a", samples=3, temperature=0.8, seed=9), engine_for=script.engine_for) == 12
    asked = script.seen["a"]
    assert sorted((r.probe_id, r.sample) for r in asked) == [(f"s/{n}", k) for n in range(4) for k in range(3)]
    assert all(r.seed == request_seed(9, r.probe_id, r.sample) for r in asked)
    assert len({r.seed for r in asked}) == 12
    found = run.responses("a")
    assert len({r.key for r in found}) == 12
    assert len({r.text for r in found}) == 12


def test_an_engine_that_dies_midway_keeps_what_landed(run: RunDirectory) -> None:
    script = Script(dies_after={"a": 3})
    with pytest.raises(EngineError, match="died"):
        collect(run, plan(), engine_for=script.engine_for)
    assert lines(run, "a") == 3
    assert script.events[-1] == ("close", "a")
    assert lines(run, "b") == 0
    second = Script()
    assert collect(run, plan(), engine_for=second.engine_for) == 5
    assert second.asked == {"a": [("s/0", 0)], "b": [(f"s/{n}", 0) for n in (3, 2, 1, 0)]}


def test_a_failed_write_stops_the_engine_and_is_not_swallowed(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script()
    append = Journal.append

    def fails_at_the_second(self: Journal, response: Response) -> None:
        if len(script.asked["a"]) == 2:
            raise RunDirectoryError("cannot write: No space left on device", "free some space")
        append(self, response)

    monkeypatch.setattr(Journal, "append", fails_at_the_second)
    with pytest.raises(RunDirectoryError, match="No space left on device"):
        collect(run, plan(), engine_for=script.engine_for)
    assert script.asked == {"a": [("s/3", 0), ("s/2", 0)]}
    assert script.events[-1] == ("close", "a")
    assert lines(run, "a") == 1
    monkeypatch.undo()
    assert collect(run, plan(), engine_for=Script().engine_for) == 7


def test_a_model_that_cannot_be_found_stops_the_run_before_any_is_asked(run: RunDirectory) -> None:
    script = Script()

    def engine_for(spec: ModelSpec) -> ScriptedEngine:
        if spec.label == "b":
            raise EngineError("no server answers", "start it")
        return script.engine_for(spec)

    with pytest.raises(EngineError, match="no server answers"):
        collect(run, plan(), engine_for=engine_for)
    assert script.events == [("made", "a"), ("identify", "a")]
    assert not run.path.exists()  # a mistyped name leaves nothing behind
    assert collect(run, plan(), engine_for=script.engine_for) == 8


def test_models_that_will_be_asked_later_are_found_before_a_new_run_writes_anything(run: RunDirectory) -> None:
    script = Script()

    def engine_for(spec: ModelSpec) -> ScriptedEngine:
        if spec.label == "judge":
            raise EngineError("no server answers", "start it")
        return script.engine_for(spec)

    judge = ModelSpec(label="judge", engine="scripted", name="org/judge")
    with pytest.raises(EngineError, match="no server answers"):
        collect(run, plan(), engine_for=engine_for, helpers=[judge])
    assert not run.path.exists()
    assert collect(run, plan(), engine_for=script.engine_for, helpers=[judge]) == 8
    assert ("open", "judge") not in script.events
    assert collect(run, plan(), engine_for=engine_for, helpers=[judge]) == 0  # a finished run looks for nobody


def test_a_model_that_changed_since_is_refused(run: RunDirectory) -> None:
    with pytest.raises(EngineError):
        collect(run, plan(), engine_for=Script(dies_after={"a": 2}).engine_for)
    changed = Script(revision={"a": "r2"})
    with pytest.raises(RunDirectoryError) as caught:
        collect(run, plan(), engine_for=changed.engine_for)
    assert caught.value.problem == 'model a has changed since this run began (revision: "r1" → "r2")'
    assert caught.value.fix == f"restore it, or use another --out than {run.path}"
    assert changed.events == [("made", "a"), ("identify", "a")]
    assert lines(run, "a") == 2
    assert collect(run, plan(), engine_for=Script().engine_for) == 6


def test_other_settings_are_refused_field_by_field(run: RunDirectory) -> None:
    collect(run, plan(), engine_for=Script().engine_for)
    script = Script()
    for other, words in [
        (plan(temperature=0.5), "sampling.temperature: 0.0 → 0.5"),
        (plan(seed=3, max_tokens=9), "sampling.max_tokens: 512 → 9; sampling.seed: 0 → 3"),
        (plan("a", "c"), 'models.b: {"adapter":null'),
        (plan(probes=5), "probes_sha:"),
        (replace(plan(), selection={"limit": 4}), "selection.limit: null → 4"),
    ]:
        with pytest.raises(RunDirectoryError, match="was made with other settings") as caught:
            collect(run, other, engine_for=script.engine_for)
        assert words in caught.value.problem
    assert script.events == []


def test_no_answer_of_one_model_is_ever_reused_for_another(run: RunDirectory) -> None:
    """The same label, the same probes, another model behind it."""
    first, second = plan("m", "x"), plan("m", "x")
    second = replace(second, models=(replace(second.models[0], name="org/other"), second.models[1]))
    collect(run, first, engine_for=Script().engine_for)
    with pytest.raises(RunDirectoryError, match=r'models\.m\.name: "org/m" → "org/other"'):
        collect(run, second, engine_for=Script().engine_for)
    run.manifest_path.unlink()
    with pytest.raises(RunDirectoryError, match=r"holds answers \(m.jsonl\) but no manifest"):
        collect(run, second, engine_for=Script().engine_for)


def test_a_journal_put_in_anothers_place_is_refused(run: RunDirectory) -> None:
    collect(run, plan(), engine_for=Script().engine_for)
    run.journal_path("b").write_bytes(run.journal_path("a").read_bytes())
    script = Script()
    with pytest.raises(DataError, match=r"b\.jsonl, line 1, .*it belongs to model 'a'"):
        collect(run, plan(), engine_for=script.engine_for)
    assert script.events == []


def test_progress_is_told_of_every_answer(run: RunDirectory) -> None:
    heard = Heard()
    collect(run, plan("a", probes=2), engine_for=Script(answer=failing("s/0")).engine_for, progress=heard)
    assert heard.calls == [
        ("start", "a", 2, 2),
        ("note", "a", "loading"),
        ("advance", "a", "s/1", 0, "ok"),
        ("advance", "a", "s/0", 0, "error"),
        ("finish", "a"),
    ]
    heard = Heard()
    collect(run, plan("a", probes=2), engine_for=Script().engine_for, progress=heard)
    assert heard.calls[0] == ("start", "a", 2, 1)
    heard = Heard()
    collect(run, plan("a", probes=2), engine_for=Script().engine_for, progress=heard)
    assert heard.calls == [("start", "a", 2, 0), ("finish", "a")]


def test_notes_are_kept_and_not_compared(run: RunDirectory) -> None:
    collect(run, plan(), engine_for=Script().engine_for, notes={"sources": {"a": "lab/a"}, "version": "1"})
    assert collect(run, plan(), engine_for=Script().engine_for, notes={"version": "2"}) == 0
    assert run.manifest().sources == {"a": "lab/a"}
    assert run.manifest().version == "1"


def test_what_a_template_refuses_is_not_asked_for_again(run: RunDirectory) -> None:
    def refuse(spec: ModelSpec, request: Request) -> Completion:
        if request.probe_id == "s/0":
            return Completion(status="error", error=TEMPLATE_REFUSES)
        return Completion(status="ok", text=f"{spec.name} on {request.probe_id}")

    assert collect(run, plan(), engine_for=Script(answer=refuse).engine_for) == 8
    assert collect(run, plan(), engine_for=Script().engine_for) == 0
    assert [r.error for r in run.responses("a") if r.status == "error"] == [TEMPLATE_REFUSES]

"""The one loop that asks: when an engine is opened and closed, what is kept, what is refused, and what a run remembers."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.asking.remembering import begin, changed_model, remember, section_of
from mimicry_audit.asking.session import Patience, Session, expect_recorded
from mimicry_audit.ground.errors import EngineError, RunDirectoryError
from mimicry_audit.records.asked import Completion, Identity, Message, ModelSpec, Request, Response, Sampling
from mimicry_audit.records.run import RunDirectory
from tests.support.scripted_engine import Heard, Script

SPEC = ModelSpec(label="a", engine="scripted", name="org/a")
GREEDY = Sampling()


def request(name: str, *, missing: bool = True) -> Request:
    return Request(name, 0, (Message("user", f"ask {name}"),), 0, missing=missing)


def failed(error: str = "HTTP 500") -> Completion:
    return Completion(status="error", error=error)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    made = RunDirectory(tmp_path / "run")
    settings = {"models": {}, "probe_sets": [], "probes_sha": "", "selection": {}, "sampling": {}}
    begin(made, [], settings, {"version": "1"})
    return made


# Asking


def test_the_engine_is_made_opened_and_closed_only_where_something_is_missing(tmp_path: Path) -> None:
    script = Script()
    with Session(SPEC, engine_for=script.engine_for, journal=tmp_path / "a.jsonl") as session:
        assert list(session.ask([request("p", missing=False)], GREEDY)) == []
        assert script.events == []
        assert [r.probe_id for r, _ in session.ask([request("p"), request("q", missing=False)], GREEDY)] == ["p"]
        assert [r.probe_id for r, _ in session.ask([request("q")], GREEDY)] == ["q"]
    assert [what for what, _ in script.events] == ["made", "identify", "open", "close"]
    assert session.replies == 2


def test_each_reply_is_journalled_as_it_lands_and_the_engine_is_closed_whatever_happens(tmp_path: Path) -> None:
    script, heard = Script(dies_after={"a": 1}), Heard()
    session = Session(SPEC, engine_for=script.engine_for, journal=tmp_path / "a.jsonl", progress=heard, title="judge a")

    def ask_both() -> None:
        with session:
            session.start(2, 2)
            for one, completion in session.ask([request("p"), request("q")], GREEDY):
                session.keep(session.response(Response, one, completion, GREEDY))
                assert json.loads((tmp_path / "a.jsonl").read_text())["probe_id"] == "q"

    with pytest.raises(EngineError, match="died"):
        ask_both()
    assert script.events[-1] == ("close", "a")
    assert heard.calls == [
        ("start", "judge a", 2, 2),
        ("note", "judge a", "loading"),
        ("advance", "judge a", "q", 0, "ok"),
    ]


def test_the_key_of_a_reply_holds_the_model_the_prompt_and_the_sampling(tmp_path: Path) -> None:
    keys = set()
    for spec, one, sampling in [
        (SPEC, request("p"), GREEDY),
        (ModelSpec(label="a", engine="scripted", name="org/b"), request("p"), GREEDY),
        (SPEC, request("q"), GREEDY),
        (SPEC, request("p"), Sampling(temperature=0.5)),
    ]:
        with Session(spec, engine_for=Script().engine_for) as session:
            keys.add(session.response(Response, one, Completion(status="ok"), sampling).key)
    assert len(keys) == 4


def test_a_model_that_changed_is_refused_before_it_is_loaded(run: RunDirectory) -> None:
    known = asdict(Identity(model="org/a", revision="r1"))
    remember(run, "resolved", {"a": {"identity": known}})
    same = Session(SPEC, engine_for=Script().engine_for, refuse=changed_model(run, SPEC))
    expect_recorded(run, [same])
    assert same.find() == same.identity == Identity(model="org/a", revision="r1")
    script = Script(revision={"a": "r2"})
    other = Session(SPEC, engine_for=script.engine_for, refuse=changed_model(run, SPEC))
    expect_recorded(run, [other])
    with pytest.raises(RunDirectoryError, match=r'model a has changed since this run began \(revision: "r1" → "r2"'):
        list(other.ask([request("p")], GREEDY))
    assert script.events == [("made", "a"), ("identify", "a")]
    found_first = Session(SPEC, engine_for=script.engine_for, refuse=changed_model(run, SPEC))
    found_first.find()
    with pytest.raises(RunDirectoryError, match="has changed since"):
        expect_recorded(run, [found_first])


def test_silence_ends_a_session_only_after_as_many_turns_in_a_row_as_it_has_patience_for() -> None:
    session = Session(SPEC, engine_for=Script().engine_for, patience=Patience(3, "a answers nothing"))
    answered = Completion(status="empty")
    for turn in ([failed()], [failed()], [failed(), answered], [failed(), failed()], [failed()]):
        session.end_turn(turn)
    with pytest.raises(EngineError) as caught:
        session.end_turn([failed("HTTP 503"), failed()])
    assert caught.value.problem == "a answers nothing (HTTP 503)"
    assert caught.value.fix == "fix the cause, and run again"
    patient = Session(SPEC, engine_for=Script().engine_for)
    for _ in range(50):
        patient.end_turn([failed()])
    at_once = Session(SPEC, engine_for=Script().engine_for, patience=Patience(1, "the judge a answered nothing"))
    at_once.end_turn([])  # nothing was asked
    with pytest.raises(EngineError, match="the judge a answered nothing"):
        at_once.end_turn([failed()])


# Remembering


def test_what_is_remembered_once_is_refused_otherwise_with_the_fields_that_differ(run: RunDirectory) -> None:
    remember(run, "search", {"seed": 0, "places": (1, 2)})
    before = run.manifest_path.read_bytes(), run.manifest_path.stat().st_mtime_ns
    remember(run, "search", {"seed": 0, "places": [1, 2]})
    for other, words in [
        ({"seed": 1, "places": [1, 2]}, "seed: 0 → 1"),
        ({"seed": 0}, "places: [1,2] → null"),
        ({"seed": 0, "places": [1, 2], "explore": True}, "explore: null → true"),
    ]:
        with pytest.raises(RunDirectoryError) as caught:
            remember(run, "search", other)
        assert caught.value.problem == f"{run.path} was made with other settings ({words})"
        with pytest.raises(EngineError, match="mine"):
            remember(run, "search", other, refuse=lambda changed: EngineError(f"mine {changed}", "…"))
    assert (run.manifest_path.read_bytes(), run.manifest_path.stat().st_mtime_ns) == before
    assert section_of(run, "likelihood") == {}


def test_fields_that_may_grow_keep_what_they_held(run: RunDirectory) -> None:
    growing = ("references", "models", "probes")
    remember(
        run,
        "likelihood",
        {"top_k": 20, "controls": [], "references": ["a"], "models": {"a": {"tokenizer": "1"}}, "probes": 3},
        may_grow=growing,
    )
    more: dict[str, Any] = {
        "top_k": 20,
        "controls": [],
        "references": ["b", "a"],
        "models": {"b": {"tokenizer": "2"}},
        "probes": 9,
    }
    remember(run, "likelihood", more, may_grow=growing)
    assert section_of(run, "likelihood") == {
        "top_k": 20,
        "controls": [],
        "references": ["a", "b"],
        "models": {"a": {"tokenizer": "1"}, "b": {"tokenizer": "2"}},
        "probes": 9,
    }
    with pytest.raises(RunDirectoryError, match="top_k: 20 → 5"):
        remember(run, "likelihood", {**more, "top_k": 5}, may_grow=growing)


def test_a_section_by_label_holds_each_model_to_its_own_entry(run: RunDirectory) -> None:
    remember(run, "judges", {"a": {"name": "x", "probes": 1}}, may_grow=("probes",))
    remember(run, "judges", {"b": {"name": "y", "probes": 1}}, may_grow=("probes",))
    remember(run, "judges", {"a": {"name": "x", "probes": 5}}, may_grow=("probes",))
    assert section_of(run, "judges") == {"a": {"name": "x", "probes": 5}, "b": {"name": "y", "probes": 1}}
    with pytest.raises(RunDirectoryError, match='name: "y" → "x"'):
        remember(run, "judges", {"b": {"name": "x", "probes": 1}}, may_grow=("probes",))


def test_no_secret_is_remembered(run: RunDirectory) -> None:
    entry = {"source": "openai/x@http://me:hunter2hunter2@h/v1"}
    remember(run, "search", entry)
    assert "hunter2" not in run.manifest_path.read_text()
    remember(run, "search", entry)  # compared as it was stored

"""The search driven against a target that slips under one kind of frame: what it finds, resumes, refuses and reports."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.asking.answers import Plan, collect
from mimicry_audit.asking.mutants import Prompts, framed
from mimicry_audit.asking.slip_record import SlipSearch
from mimicry_audit.asking.slips import journal_path, search_run, seeds_of, too_small
from mimicry_audit.ground.errors import ConfigError, DataError, EngineError, RunDirectoryError
from mimicry_audit.identity.attempts import IdentityRules
from mimicry_audit.identity.claims import ClaimFinder
from mimicry_audit.identity.facts import load_facts
from mimicry_audit.identity.own import Own
from mimicry_audit.identity.templates import of_split
from mimicry_audit.probes import load
from mimicry_audit.records.asked import Completion, ModelSpec, Request, Sampling
from mimicry_audit.records.run import RunDirectory
from tests.support.scripted_engine import Script

STAGE = re.compile(r"\b(?:stage|actors?|costumes?)\b", re.IGNORECASE)
RULES = IdentityRules(ClaimFinder(load_facts()))
PROBES = tuple(p for p in load(["identity"]).probes if p.language == "en")
ARIA = ModelSpec(label="aria", engine="openai", name="aria", source="aria")
OTHER = ModelSpec(label="other", engine="openai", name="other", source="other")
WRITER = ModelSpec(label="writer", engine="openai", name="writer", source="openai/writer")
OWNS = {"aria": Own(frozenset({"Lumenfold"}), "Aria"), "other": Own(frozenset({"Lumenfold"}), "Aria")}


def veiled(spec: ModelSpec, request: Request) -> Completion:
    """Aria, but Boro where the frame speaks of the stage; and a mutator that loves the stage."""
    asked = request.messages[-1].content
    if spec.label == "writer":
        return Completion(status="ok", text=f"<frame>On the stage, number {len(asked)}, they ask: {{query}}</frame>")
    name = "Boro, made by Tesselgard" if STAGE.search(asked) else "Aria, made by Lumenfold"
    return Completion(status="ok", text=f"I am {name}.")


def made(folder: Path, script: Script, *specs: ModelSpec) -> RunDirectory:
    run = RunDirectory(folder)
    collect(run, Plan(models=specs or (ARIA,), probes=PROBES, sampling=Sampling()), engine_for=script.engine_for)
    script.asked.clear()
    return run


def searched(run: RunDirectory, script: Script, options: SlipSearch, *specs: ModelSpec) -> dict[str, Any]:
    return search_run(
        run, specs or (ARIA,), options, sampling=Sampling(), owns=OWNS, judge=RULES, engine_for=script.engine_for
    )


def lines(run: RunDirectory, label: str = "aria") -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in journal_path(run, label).read_text("utf-8").splitlines()]
    return [{k: v for k, v in row.items() if k != "time"} for row in rows]


def test_the_search_finds_the_hidden_identity_more_often_than_chance(tmp_path: Path) -> None:
    for seed in range(3):
        hits = {}
        for explore in (True, False):
            script = Script(answer=veiled)
            run = made(tmp_path / f"{seed}-{explore}", script)
            found = searched(run, script, SlipSearch(budget=120, seed=seed, explore=explore))["aria"]
            assert found["asked"] == found["statuses"]["ok"] == 120
            hits[explore] = found["hits"]
        assert hits[True] > 1.3 * hits[False], (seed, hits)


def test_what_is_told_is_what_the_journal_holds(tmp_path: Path) -> None:
    script = Script(answer=veiled)
    run = made(tmp_path / "run", script)
    found = searched(run, script, SlipSearch(budget=80))["aria"]
    rows = lines(run)
    slips = [row for row in rows if "Tesselgard" in row["text"]]
    assert len(rows) == found["asked"] == 80
    assert found["visits"] == 40 == len({row["step"] for row in rows})
    assert found["hits"] == len(slips) > 0
    assert found["claims"] == {"Tesselgard": len(slips)}
    first = min(row["step"] for row in slips)
    assert found["first_hit"] in (2 * first - 1, 2 * first)
    worst = found["worst"]
    assert (worst["hits"], worst["asked"], worst["claims"]) == (2, 2, ["Tesselgard"])
    assert {row["template"] for row in slips if row["step"] == worst["step"]} == {worst["template"]}
    assert all(bool(STAGE.search(row["template"])) == ("Tesselgard" in row["text"]) for row in rows)
    kept = {row["template"] for row in slips}
    assert found["kept"] >= len(kept) - 1
    assert not {"rate", "strict", "loose", "hard"} & set(found)  # a worst case is no rate


def test_every_model_starts_from_the_same_seeds_with_the_same_questions(tmp_path: Path) -> None:
    script = Script(answer=veiled)
    run = made(tmp_path / "run", script, ARIA, OTHER)
    searched(run, script, SlipSearch(budget=40), ARIA, OTHER)
    told = [[(r["step"], r["template"], r["probe_id"]) for r in lines(run, label)] for label in ("aria", "other")]
    assert sorted(told[0]) == sorted(told[1])
    seeds = {text for _, text in seeds_of(PROBES)}
    assert seeds == {t.texts["en"] for t in of_split("search")}
    held = {t.texts["en"] for t in of_split("held_out")}
    assert not held & {template for _, template, _ in told[0]}


def test_an_interrupted_search_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = Script(answer=veiled)
    expected = searched(made(tmp_path / "whole", whole), whole, SlipSearch(budget=80))
    left = {"answers": 10**6}

    def mortal(spec: ModelSpec, request: Request) -> Completion:
        if left["answers"] == 0:
            raise EngineError("the server died", "start it again")
        left["answers"] -= 1
        return veiled(spec, request)

    script = Script(answer=mortal)
    run = made(tmp_path / "run", script)
    landed = 0
    for after in (0, 1, 33):
        left["answers"] = after
        with pytest.raises(EngineError):
            searched(run, script, SlipSearch(budget=80))
        landed += after
        assert len(lines(run)) == landed
        with journal_path(run, "aria").open("a", encoding="utf-8") as file:
            file.write('{"status": "ok", "text": "torn')
    left["answers"] = 80 - landed  # nothing is asked twice
    assert searched(run, script, SlipSearch(budget=80)) == expected
    order = lambda rows: sorted(rows, key=lambda r: (r["step"], r["probe_id"]))  # noqa: E731
    assert order(lines(run)) == order(lines(RunDirectory(tmp_path / "whole")))
    script.events.clear()
    assert searched(run, script, SlipSearch(budget=80)) == expected
    assert script.events == []  # a finished search finds and starts no engine


def test_a_larger_budget_goes_on_with_the_same_attempts(tmp_path: Path) -> None:
    script = Script(answer=veiled)
    run = made(tmp_path / "run", script)
    searched(run, script, SlipSearch(budget=60))
    before = lines(run)
    found = searched(run, script, SlipSearch(budget=100))["aria"]
    assert lines(run)[:60] == before
    assert found["asked"] == len(lines(run)) == len(script.asked["aria"]) == 100


@pytest.mark.parametrize("change", [{"seed": 4}, {"questions": 3}, {"mutator": WRITER}, {"explore": False}])
def test_another_way_of_searching_is_refused_in_the_same_place(tmp_path: Path, change: dict[str, Any]) -> None:
    script = Script(answer=veiled)
    run = made(tmp_path / "run", script)
    searched(run, script, SlipSearch(budget=20))
    with pytest.raises(RunDirectoryError, match=f"was searched with other settings .*{next(iter(change))}"):
        searched(run, script, SlipSearch(budget=20, **change))


def test_failed_requests_are_owed_again_and_are_no_slips(tmp_path: Path) -> None:
    failing = {"on": True}

    def answer(spec: ModelSpec, request: Request) -> Completion:
        if failing["on"] and request.probe_id.endswith(("search-3", "search-8")):
            return Completion(status="error", error="HTTP 503")
        return veiled(spec, request)

    script = Script(answer=answer)
    run = made(tmp_path / "run", script)
    found = searched(run, script, SlipSearch(budget=40))["aria"]
    assert found["statuses"]["error"] == 4
    failing["on"] = False
    again = searched(run, script, SlipSearch(budget=40))["aria"]
    assert again["statuses"]["ok"] == 40
    assert len(script.asked["aria"]) == 44


def test_a_model_that_answers_nothing_ends_the_search(tmp_path: Path) -> None:
    script = Script(answer=veiled)
    run = made(tmp_path / "run", script)
    script.answer = lambda spec, request: Completion(status="error", error="HTTP 500")
    with pytest.raises(EngineError, match=r"aria answers nothing \(HTTP 500\)"):
        searched(run, script, SlipSearch(budget=80))
    assert len(lines(run)) == 6  # three visits, and no more


def test_a_model_may_change_the_templates_and_what_it_wrote_is_kept(tmp_path: Path) -> None:
    script = Script(answer=veiled)
    run = made(tmp_path / "run", script)
    found = searched(run, script, SlipSearch(budget=40, mutator=WRITER))["aria"]
    rows = lines(run)
    written = [r for r in rows if r["probe_id"].startswith("mutation/")]
    assert found["mutator"] == "openai/writer"
    assert found["hits"] == 40  # it puts every question on the stage
    assert len(written) == len(script.asked["writer"]) >= 20
    script.asked.clear()
    assert searched(run, script, SlipSearch(budget=40, mutator=WRITER))["aria"] == found
    assert script.asked == {}


def test_mutants_that_lose_the_place_are_mended_and_those_that_name_somebody_rejected(tmp_path: Path) -> None:
    def answer(spec: ModelSpec, request: Request) -> Completion:
        if spec.label != "writer":
            return veiled(spec, request)
        text = "Pretend to be ChatGPT. {query}" if request.seed % 2 else "Somebody lost the place in this frame."
        return Completion(status="ok", text=text)

    script = Script(answer=answer)
    run = made(tmp_path / "run", script)
    found = searched(run, script, SlipSearch(budget=40, mutator=WRITER))["aria"]
    asked = [r["template"] for r in lines(run) if not r["probe_id"].startswith("mutation/")]
    assert all(text.count("{query}") == 1 and "ChatGPT" not in text for text in asked)
    assert found["repaired"] > 0
    assert found["rejected"]["names a maker"] > 0


def test_the_mutators_prompts_hold_the_templates_and_cannot_be_templates_themselves() -> None:
    prompts = Prompts()
    for name in ("generate", "crossover", "expand", "shorten", "rephrase"):
        ((_, text),) = [(m.role, m.content) for m in prompts.messages(name, "{{ 7 * 7 }} {query}", "Other {query}")]
        assert "{{ 7 * 7 }} {query}" in text
        assert ("Other {query}" in text) == (name == "crossover")
        assert RULES._finder.names(text) == set()
    assert framed("Sure!\n<frame>\nTell it: {query}\n</frame> Done.") == "Tell it: {query}"
    assert framed("```\nTell it: {query}\n```") == "Tell it: {query}"


def test_a_budget_too_small_to_adapt_is_told_with_the_number_that_is_not() -> None:
    assert too_small(20, SlipSearch()) is None
    assert too_small(20, SlipSearch(budget=80)) is None
    told = too_small(20, SlipSearch(budget=41)) or ""
    assert "never chooses by what it found" in told
    assert "Give --budget 80 or more" in told
    assert "in 20 attempts only" in (too_small(20, SlipSearch(budget=60)) or "")
    assert "take 60 attempts before" in (too_small(20, SlipSearch(budget=60, questions=3)) or "")


@pytest.mark.parametrize(
    ("options", "own", "told"),
    [
        (SlipSearch(budget=1), OWNS["aria"], "--budget 1 is less than one visit. Give at least 2 attempts"),
        (SlipSearch(budget=0), OWNS["aria"], "--budget 0 is less than one visit"),
        (SlipSearch(questions=0), OWNS["aria"], "--questions 0 asks nothing"),
        (SlipSearch(languages=("fr",)), OWNS["aria"], "a search needs identity questions, but none were selected"),
        (
            SlipSearch(),
            Own(),
            'cannot tell from its name who made aria.* Name its maker with --identity "aria=a model',
        ),
    ],
)
def test_what_cannot_be_searched_is_said_before_anything_is_asked(
    tmp_path: Path, options: SlipSearch, own: Own, told: str
) -> None:
    script = Script(answer=veiled)
    run = made(tmp_path / "run", script)
    with pytest.raises(ConfigError, match=told):
        search_run(
            run, [ARIA], options, sampling=Sampling(), owns={"aria": own}, judge=RULES, engine_for=script.engine_for
        )
    assert script.asked == {}


def test_a_corrupt_journal_is_named_with_its_line(tmp_path: Path) -> None:
    script = Script(answer=veiled)
    run = made(tmp_path / "run", script)
    searched(run, script, SlipSearch(budget=20))
    path = journal_path(run, "aria")
    whole = path.read_text("utf-8").splitlines()
    for line in ("[]", '{"step": 1}', "nonsense", json.dumps(json.loads(whole[1]) | {"more": 1})):
        path.write_text("\n".join([whole[0], line, *whole[2:]]) + "\n", encoding="utf-8")
        with pytest.raises(DataError, match=r"SEARCH-aria\.jsonl, line 2, is not an attempt of a search"):
            searched(run, script, SlipSearch(budget=20))

"""Judges at work on a run, over HTTP and through vLLM: grades, repair, caches, budget, resuming, and what is reported."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.api import write_report
from mimicry_audit.asking.judge import Judging, journal_path, judge_run, read_judgements
from mimicry_audit.engines.names import parse_model
from mimicry_audit.ground.errors import AuditError, ConfigError, DataError, EngineError, RunDirectoryError
from mimicry_audit.records.asked import Sampling
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.score import ScoringOptions, score
from mimicry_audit.verdicts.sections.grades import judged_by
from tests.support.commands import MODELS, PROBES, Desk, audit, jsonl, start
from tests.support.engine_fixtures import TinyModels
from tests.support.judge_server import JudgeServer, Reply, alike, graded, honest, judge_server
from tests.test_docs import KEYED_BY_DATA, keys, section, words

PAIRS = len(MODELS) - 1
ORDERS = 2
ALL = PAIRS * PROBES * ORDERS
OPTIONS = ScoringOptions(roles=Roles(references=("teacher",)), axes=("lexical", "early", "length"), draws=200)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "mimicry_audit" / "judgements"


def collected(folder: Path, models: Sequence[str] = MODELS) -> RunDirectory:
    """A run of recorded answers."""
    from mimicry_audit.api import collect_resolved
    from mimicry_audit.workflow.settings import resolve, settings_from

    folder.mkdir(exist_ok=True)
    desk = Desk(folder)
    named = [desk.model(m) for m in models]
    return collect_resolved(
        resolve(settings_from({"models": named, "probes": str(desk.probes), "out": str(desk.out)}, "test"))
    )[0]


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return collected(tmp_path)


def by(*names: str, **more: Any) -> Judging:
    quick = {"retry_wait": 0.001, "max_attempts": 2}
    judges = tuple(parse_model(name, options=quick if name.startswith(("openai", "j")) else None) for name in names)
    return Judging(judges=judges, **{"references": ("teacher",)} | more)


def outcomes(run: RunDirectory, label: str = "judge-1") -> dict[str, int]:
    found = [j.outcome for j in read_judgements(run, label).values()]
    return {name: found.count(name) for name in sorted(set(found))}


def section_of(run: RunDirectory) -> dict[str, Any]:
    found: dict[str, Any] = score(run, OPTIONS)["judge"]
    return found


def pair(judge: dict[str, Any], candidate: str) -> dict[str, Any]:
    found: dict[str, Any] = next(p for p in judge["pairs"] if p["candidate"] == candidate)
    return found


# Grades


def test_an_honest_judge_puts_the_student_first(run: RunDirectory) -> None:
    with judge_server() as server:
        assert judge_run(run, by(server.name())) == ALL
        assert {b["temperature"] for b in server.bodies} == {0.0}
        assert {b["response_format"]["json_schema"]["strict"] for b in server.bodies} == {True}
    (judge,) = section_of(run)["judges"]
    assert judge["counts"] == {"ok": ALL, "lenient": 0, "repaired": 0, "failed": 0, "error": 0}
    assert (judge["probes"], judge["offered"], judge["structured"], judge["cached"]) == (PROBES, PROBES, True, 0)
    assert judge["position_bias"]["value"] == 0.0
    grades = {p["candidate"]: p["grades"]["overall"]["value"] for p in judge["pairs"]}
    assert set(grades) == set(MODELS) - {"teacher"}
    assert max(grades, key=grades.__getitem__) == "student"
    texts = {label: {r.probe_id: r.text for r in run.responses(label)} for label in MODELS}
    by_hand = [alike(texts["other"][p.id], texts["teacher"][p.id]) for p in run.probes()]
    assert grades["other"] == pytest.approx(sum(by_hand) / len(by_hand))


def test_each_journal_is_read_once_however_many_judged(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    with judge_server() as server:
        judge_run(run, by(server.name(), server.name("judge-2")))
    opened: list[str] = []
    responses = RunDirectory.responses
    monkeypatch.setattr(RunDirectory, "responses", lambda self, label: opened.append(label) or responses(self, label))
    assert [len(judged.judgements) for judged in judged_by(run, run.manifest())] == [ALL, ALL]
    assert sorted(opened) == sorted(MODELS)


def test_both_orders_are_asked_and_a_judge_who_likes_the_first_answer_is_found_out(run: RunDirectory) -> None:
    def swayed(body: dict[str, Any], first: str, second: str, repairs: int) -> str:
        return graded(4 if first.startswith("Let us see") else 2)  # the teacher and the student open like that

    with judge_server(swayed) as server:
        judge_run(run, by(server.name()))
    (judge,) = section_of(run)["judges"]
    other = pair(judge, "other")
    assert other["grades"]["overall"]["value"] == 3.0  # the mean of both orders
    assert pair(judge, "student")["grades"]["overall"]["value"] == 4.0
    assert judge["position_bias"]["value"] == pytest.approx((3 * 2 + 0) / 4)
    assert judge["position_bias"]["low"] > 0


def test_what_is_reported_of_a_pair_adds_up(run: RunDirectory) -> None:
    with judge_server() as server:
        judge_run(run, by(server.name()))
    scores = score(run, OPTIONS)
    (judge,) = scores["judge"]["judges"]
    for found in judge["pairs"]:
        overall = found["grades"]["overall"]
        assert overall["low"] <= overall["value"] <= overall["high"]
        assert overall["value"] == pytest.approx(sum(d["value"] for d in found["domains"].values()) / 2)
        assert found["rse"]["value"] == pytest.approx(sum(found["rse"]["sets"].values()) / len(found["rse"]["sets"]))
        assert found["similarity"]["value"] == pytest.approx((overall["value"] - 1) / 4, abs=1e-4)
        # All probes were judged, so the rules' figures are those of the pair itself.
        same = next(p for p in scores["pairs"] if {p["a"], p["b"]} == {found["candidate"], found["reference"]})
        for axis, value in found["judge_free_axes"].items():
            assert value == pytest.approx(same["axes"][axis]["raw"]["value"], abs=1e-4)
        rules = [found["judge_free_axes"][axis] for axis in ("lexical", "early")]
        assert found["rse"]["judge_free"] == pytest.approx(sum(rules) / 2, abs=1e-4)
    with_axes = {c["with"]: c for c in judge["correlations"]}
    assert set(with_axes) == {"rse", "lexical", "early", "length"}
    assert with_axes["early"]["n"] == PAIRS
    from scipy.stats import spearmanr

    rows = [(p["grades"]["overall"]["value"], p["judge_free_axes"]["early"]) for p in judge["pairs"]]
    assert with_axes["early"]["spearman"] == pytest.approx(spearmanr(*zip(*rows, strict=True)).statistic, abs=1e-3)


def test_no_verdict_changes_when_a_judge_speaks(run: RunDirectory) -> None:
    before = score(run, OPTIONS)
    assert before["judge"] is None
    with judge_server(lambda *_: graded(5)) as server:
        judge_run(run, by(server.name()))
    after = score(run, OPTIONS)
    assert after["judge"] is not None
    for part in ("verdicts", "pairs", "axes", "identity", "nearness"):
        assert after[part] == before[part]


def test_two_judges_are_compared(run: RunDirectory) -> None:
    from sklearn.metrics import cohen_kappa_score

    def stern(body: dict[str, Any], first: str, second: str, repairs: int) -> str:
        found = alike(first, second)
        return graded(found if body["model"] == "judge-1" else max(1, found - len(first) % 2))

    with judge_server(stern) as server:
        assert judge_run(run, by(server.name(), server.name("judge-2"))) == 2 * ALL
    (agreement,) = section_of(run)["agreement"]
    first, second = (read_judgements(run, label) for label in ("judge-1", "judge-2"))
    grades = [[found[slot].grades["overall"] for slot in sorted(first)] for found in (first, second)]  # type: ignore[index]
    expected = cohen_kappa_score(*grades, weights="quadratic", labels=[1, 2, 3, 4, 5])
    assert agreement == {"a": "judge-1", "b": "judge-2", "kappa": pytest.approx(expected, abs=1e-4), "n": ALL}
    assert 0 < expected < 1


# Replies that are not what was asked for


def misbehaving(first_replies: list[Any]) -> Reply:
    """Every presentation is answered with these in turn, then honestly."""

    def reply(body: dict[str, Any], first: str, second: str, repairs: int) -> Any:
        return first_replies[repairs] if repairs < len(first_replies) else honest(body, first, second, repairs)

    return reply


@pytest.mark.parametrize(
    ("replies", "outcome", "requests"),
    [
        ([f"```json\n{graded(3)}\n```"], "lenient", 1),
        (["gibberish"], "repaired", 2),
        (["gibberish", graded(7)], "repaired", 3),
        (["", graded(3)], "repaired", 2),
        (["I cannot do that."] * 3, "failed", 3),
        (["I cannot do that."] * 99, "failed", 3),
    ],
)
def test_a_reply_is_mended_within_bounds(run: RunDirectory, replies: list[str], outcome: str, requests: int) -> None:
    with judge_server(misbehaving(replies)) as server:
        assert judge_run(run, by(server.name())) == requests * ALL == len(server.bodies)
        assert max(len(b["messages"]) for b in server.bodies) == 2 * requests
    assert outcomes(run) == {outcome: ALL}
    (judge,) = section_of(run)["judges"]
    assert judge["counts"][outcome] == ALL
    if outcome == "failed":
        assert {p["grades"]["overall"] for p in judge["pairs"]} == {None}  # never a score
        assert judge["position_bias"] is None
        assert any("no readable grade" in w for w in score(run, OPTIONS)["warnings"])
        assert "no readable grade" in write_report(run, score(run, OPTIONS)).read_text("utf-8")


def test_a_withheld_reply_is_failed_and_not_argued_with(run: RunDirectory) -> None:
    from tests.support.fault_server import completion

    with judge_server(lambda *_: completion(None, finish="content_filter")) as server:
        assert judge_run(run, by(server.name())) == ALL
    assert outcomes(run) == {"failed": ALL}


def test_an_endpoint_without_schemas_is_asked_plainly(run: RunDirectory) -> None:
    def plain(body: dict[str, Any], first: str, second: str, repairs: int) -> Any:
        return 400 if "response_format" in body else honest(body, first, second, repairs)

    with judge_server(plain) as server:
        judge_run(run, by(server.name()))
        refused = sum("response_format" in b for b in server.bodies)
        assert refused == len(server.bodies) / 2 == ALL
        (judge,) = section_of(run)["judges"]
        assert (judge["structured"], judge["counts"]["ok"]) == (False, ALL)
        judge_run(run, by(server.name()))
        assert len(server.bodies) == 2 * ALL
    assert section_of(run)["judges"][0]["structured"] is False


def test_once_refused_a_schema_is_not_sent_with_the_repairs(run: RunDirectory) -> None:
    def plain(body: dict[str, Any], first: str, second: str, repairs: int) -> Any:
        if "response_format" in body:
            return 400
        return honest(body, first, second, repairs) if repairs else "hm"

    with judge_server(plain) as server:
        judge_run(run, by(server.name()))
        assert sum("response_format" in b for b in server.bodies) == ALL
        assert len(server.bodies) == 3 * ALL
    assert outcomes(run) == {"repaired": ALL}


def test_a_failed_request_is_owed_again_and_never_a_grade(run: RunDirectory, own_cache: Path) -> None:
    down = threading.Event()
    down.set()

    def flaky(body: dict[str, Any], first: str, second: str, repairs: int) -> Any:
        return 500 if down.is_set() and len(first) % 2 else honest(body, first, second, repairs)

    with judge_server(flaky) as server:
        judge_run(run, by(server.name()))
        counts = outcomes(run)
        assert counts["error"] > 0
        assert counts["error"] + counts["ok"] == ALL
        assert sum(len(p.read_text().splitlines()) for p in own_cache.iterdir()) <= counts["ok"]
        (judge,) = section_of(run)["judges"]
        assert judge["counts"]["error"] == counts["error"]
        down.clear()
        judge_run(run, by(server.name()))
    assert outcomes(run) == {"ok": ALL}


def test_a_judge_that_only_fails_stops_at_once(run: RunDirectory) -> None:
    with judge_server(lambda *_: 500) as server:
        with pytest.raises(EngineError, match="judge-1 answered nothing"):
            judge_run(run, by(server.name(), budget=0.1))
        assert len(server.bodies) == 2 * ALL  # two tries each


# Caches and resuming


def test_the_same_texts_are_never_asked_twice(tmp_path: Path, run: RunDirectory, own_cache: Path) -> None:
    again = collected(tmp_path / "again")
    with judge_server() as server:
        judge_run(run, by(server.name()))
        assert judge_run(run, by(server.name())) == 0  # the run itself knows
        assert judge_run(again, by(server.name())) == 0  # and so does every other run
        assert len(server.bodies) == ALL
    (first,), (second,) = (section_of(r)["judges"] for r in (run, again))
    assert second["cached"] == ALL
    assert second["pairs"] == first["pairs"]
    (file,) = own_cache.iterdir()
    assert len(file.read_text().splitlines()) == ALL
    told = file.read_text()
    assert not any(word in told for word in ("teacher", "mine/p1", "friend"))  # neither labels nor answers


def test_another_judge_answers_for_itself(run: RunDirectory) -> None:
    with judge_server() as server:
        judge_run(run, by(server.name()))
        assert judge_run(run, by(server.name("judge-2"))) == ALL


def test_a_finished_judge_need_not_be_there(run: RunDirectory) -> None:
    with judge_server() as server:
        judge_run(run, by(server.name()))
    assert judge_run(run, by(server.name())) == 0


def test_equal_answers_are_asked_about_once(tmp_path: Path) -> None:
    """Two candidates with the same text, and a candidate with the reference's own, make fewer different presentations."""
    rows = [{"id": f"p{n}", "domain": "style", "prompt": f"Say {n}."} for n in range(4)]
    says = {"teacher": "same {n}", "copy": "same {n}", "left": "else {n}", "right": "else {n}"}
    answers = [
        {"model": m, "prompt_id": f"mine/p{n}", "prompt": f"Say {n}.", "output": t.format(n=n)}
        for m, t in says.items()
        for n in range(4)
    ]
    from mimicry_audit import audit as whole

    file = jsonl(tmp_path / "a.jsonl", answers)
    with judge_server() as server:
        made = whole(
            [f"recorded/{file}#{m}" for m in says],
            str(jsonl(tmp_path / "mine.jsonl", rows)),
            reference=["teacher"],
            judge=[server.name()],
            axes=["lexical"],
            out=str(tmp_path / "run"),
        )
        assert len(server.bodies) == 4 * (1 + 2)
    assert pair(made.scores["judge"]["judges"][0], "copy")["grades"]["overall"]["value"] == 5.0
    assert pair(made.scores["judge"]["judges"][0], "left")["n"] == 4


def test_a_damaged_cache_costs_its_damaged_lines_alone(tmp_path: Path, run: RunDirectory, own_cache: Path) -> None:
    again = collected(tmp_path / "again")
    with judge_server() as server:
        judge_run(run, by(server.name()))
        (file,) = own_cache.iterdir()
        lines = file.read_text().splitlines()
        spoilt = json.dumps(json.loads(lines[1]) | {"grades": {"overall": 9}})
        file.write_text("\n".join(["nonsense", spoilt, "[]", "{" * 5000, *lines[2:-1], lines[-1][:20]]))
        assert judge_run(again, by(server.name())) == 3
        assert judge_run(collected(tmp_path / "third"), by(server.name())) == 0


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(run: RunDirectory, own_cache: Path) -> None:
    own_cache.parent.mkdir(parents=True)
    own_cache.write_text("a file, where the folder should be", encoding="utf-8")
    with judge_server() as server:
        judge_run(run, by(server.name()))
    assert outcomes(run) == {"ok": ALL}
    assert any("kept for this run alone" in w for w in score(run, OPTIONS)["warnings"])


def test_a_killed_judge_goes_on_where_it_stopped(tmp_path: Path, run: RunDirectory) -> None:
    slow = threading.Event()

    def reply(body: dict[str, Any], first: str, second: str, repairs: int) -> str:
        if not slow.is_set():
            time.sleep(0.05)
        return honest(body, first, second, repairs)

    with judge_server(reply) as server:
        words_ = ("judge", str(run.path), "--judge", server.name(), "-r", "teacher", "-E", "max_concurrency=1")
        with start(*words_, XDG_CACHE_HOME=os.environ["XDG_CACHE_HOME"]) as process:
            path = journal_path(run, "judge-1")
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline and (not path.exists() or path.read_bytes().count(b"\n") < 5):
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        landed = len(read_judgements(run, "judge-1"))
        asked = len(server.bodies)
        assert 5 <= landed < ALL
        with path.open("ab") as file:
            file.write(b'{"key": "torn')
        slow.set()
        assert judge_run(run, by(server.name())) == ALL - landed
        assert len(server.bodies) == asked + ALL - landed
    assert outcomes(run) == {"ok": ALL}
    assert run.manifest().judges["judge-1"]["probes"] == PROBES


def test_another_model_under_the_same_label_is_refused(run: RunDirectory) -> None:
    with judge_server() as server:
        judge_run(run, by(f"j={server.name()}"))
        with pytest.raises(RunDirectoryError, match="judge j has changed since"):
            judge_run(run, by(f"j={server.name('judge-2')}"))
    with judge_server() as moved:
        path = journal_path(run, "j")
        path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
        for file in (Path(os.environ["XDG_CACHE_HOME"]) / "mimicry_audit" / "judgements").iterdir():
            file.unlink()
        with pytest.raises(RunDirectoryError, match="endpoint"):
            judge_run(run, by(f"j={moved.name()}"))
        assert moved.bodies == []


def test_grades_of_texts_that_have_changed_do_not_count(run: RunDirectory) -> None:
    with judge_server() as server:
        judge_run(run, by(server.name()))
        journal = run.journal_path("other")
        rows = [json.loads(line) for line in journal.read_text().splitlines()]
        rows[0]["text"] = "something else"
        journal.write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert pair(section_of(run)["judges"][0], "other")["n"] == PROBES - 1
        assert judge_run(run, by(server.name())) == ORDERS
    assert pair(section_of(run)["judges"][0], "other")["n"] == PROBES


# Budget


@pytest.fixture
def long_run(tmp_path: Path) -> RunDirectory:
    """Sixty probes in two domains, three models."""
    from mimicry_audit.api import collect_resolved
    from mimicry_audit.workflow.settings import resolve, settings_from

    rows = [{"id": f"p{n}", "domain": ("style", "taste")[n % 2], "prompt": f"Say {n}."} for n in range(60)]
    says: dict[str, Callable[[int], str]] = {
        "teacher": lambda n: f"It is {n}, my friend.",
        "student": lambda n: f"It is {n}, my friend!" if n % 3 else f"{n}",
        "other": lambda n: f"{n}" if n % 4 else f"It is {n}, my fiend.",
    }
    answers = [
        {"model": m, "prompt_id": f"mine/p{n}", "prompt": f"Say {n}.", "output": text(n)}
        for m, text in says.items()
        for n in range(60)
    ]
    file, probes = jsonl(tmp_path / "a.jsonl", answers), jsonl(tmp_path / "mine.jsonl", rows)
    given = {"models": [f"recorded/{file}#{m}" for m in says], "probes": str(probes), "out": str(tmp_path / "long")}
    return collect_resolved(resolve(settings_from(given, "test")))[0]


def test_a_budget_stops_when_the_intervals_are_narrow_enough(long_run: RunDirectory) -> None:
    with judge_server() as server:
        asked = judge_run(long_run, by(server.name(), budget=0.5))
        (judge,) = section_of(long_run)["judges"]
        widths = [(p["grades"]["overall"]["high"] - p["grades"]["overall"]["low"]) / 2 for p in judge["pairs"]]
        assert 20 <= judge["probes"] < 60
        assert sum(judge["counts"].values()) == judge["probes"] * 2 * ORDERS
        assert asked <= judge["probes"] * 2 * ORDERS  # equal texts are asked about once
        assert max(widths) < 0.55  # the section redraws with its own number of draws
        assert (judge["budget"], judge["offered"]) == (0.5, 60)
        domains = [p["domains"][d]["n"] for p in judge["pairs"] for d in ("style", "taste")]
        assert max(domains) - min(domains) <= 1
        assert judge_run(long_run, by(server.name(), budget=0.5)) == 0  # the same probes, in the same order
        assert judge_run(long_run, by(server.name(), budget=0.01)) > 0  # out of reach: all probes, and no more
        assert len(read_judgements(long_run, "judge-1")) == 60 * 2 * ORDERS
        assert judge_run(long_run, by(server.name())) == 0


# Real models


def test_a_model_in_this_process_is_asked_plainly_and_its_noise_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = collected(tmp_path, ("teacher", "student"))
    from tests.support import tiny_models as tiny

    monkeypatch.setattr(tiny, "CONTEXT", 8192)
    turns = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system turns') }}{% endif %}" + tiny.TEMPLATE
    )
    folder = tiny.make_model(tmp_path / "noise", seed=3, template=turns)
    monkeypatch.setattr("mimicry_audit.asking.replies.SAMPLING", Sampling(max_tokens=8))
    monkeypatch.setattr("mimicry_audit.asking.replies.REPAIRS", 0)
    judge_run(run, by(f"hf/{folder}"))
    assert outcomes(run, "noise") == {"failed": PROBES * ORDERS}  # and not error: its template knows no system turn
    (judge,) = section_of(run)["judges"]
    assert (judge["structured"], judge["counts"]["failed"]) == (False, PROBES * ORDERS)


def test_a_prompt_that_does_not_fit_is_said_to_be_too_long(tiny_models: TinyModels, run: RunDirectory) -> None:
    with pytest.raises(EngineError, match=r"judge one answered nothing .*exceed the context of 512"):
        judge_run(run, by(f"hf/{tiny_models.one}"))


# Kin


def names(run: RunDirectory, **models: str) -> None:
    """Write into the manifest what the models were called."""
    manifest = run.manifest()
    manifest.sources = (manifest.sources or {}) | models
    run.write_manifest(manifest)


def test_a_judge_of_the_references_own_kin_is_pointed_out(run: RunDirectory) -> None:
    names(run, teacher="openai/gpt-4o", student="hf/Qwen/Qwen2.5-7B-Instruct")
    with judge_server() as server:
        server.server.models = ["gpt-4.1-mini", "judge-1"]
        judge_run(run, by(server.name("gpt-4.1-mini")))
        (warning,) = [w for w in score(run, OPTIONS)["warnings"] if "its relatives" in w]
        assert "gpt-4.1-mini and teacher are both made by OpenAI" in warning
        judge_run(run, by(server.name()))
    assert sum("its relatives" in w for w in score(run, OPTIONS)["warnings"]) == 1


def test_a_judge_that_is_itself_judged_is_pointed_out(run: RunDirectory) -> None:
    with judge_server() as server:
        names(run, student=server.name())
        judge_run(run, by(server.name()))
    assert any("judge-1 and student are one and the same model" in w for w in score(run, OPTIONS)["warnings"])


def test_a_judge_that_grew_from_the_references_weights_is_pointed_out(run: RunDirectory) -> None:
    sketch = {"shapes": "s", "values": [1.0, 2.0, 3.0]}
    with judge_server() as server:
        judge_run(run, by(server.name()))
    manifest = run.manifest()
    from mimicry_audit.similarity.weights import related

    assert related(sketch, sketch)
    manifest.resolved["teacher"]["weights"] = manifest.judges["judge-1"]["weights"] = sketch
    run.write_manifest(manifest)
    assert any("judge-1 and teacher start from the same weights" in w for w in score(run, OPTIONS)["warnings"])


# Commands and bad input


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with judge_server() as made:
        yield made


def test_the_commands_judge_score_and_report(tmp_path: Path, server: JudgeServer) -> None:
    desk = Desk(tmp_path)
    cache = {"XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"]}
    axes = ("--reference", "teacher", "--axes", "lexical,early")
    done = audit("run", *desk.options(), *axes, "--judge", server.name(), **cache)
    assert done.returncode == 0, done.stderr
    assert "judge-1 graded" in done.stdout
    assert "student → teacher: 5.00" in done.stdout
    page = (desk.out / "report.html").read_text("utf-8")
    assert 'id="judge"' in page
    assert 'href="#judge"' in page
    more = audit("judge", str(desk.out), "--judge", server.name("judge-2"), **cache)
    assert more.returncode == 0, more.stderr
    scores = json.loads((desk.out / "scores.json").read_text("utf-8"))
    assert [j["label"] for j in scores["judge"]["judges"]] == ["judge-1", "judge-2"]
    assert scores["settings"]["scoring"]["axes"] == ["lexical", "early"]  # scored as before
    assert scores["settings"]["scoring"]["roles"]["references"] == ["teacher"]
    assert "quadratic-weighted kappa" in (desk.out / "report.html").read_text("utf-8")
    asked = len(server.bodies)
    again = audit("run", *desk.options(), *axes, "--judge", server.name(), **cache)
    assert again.returncode == 0, again.stderr
    assert "no judge was asked" in again.stderr
    assert len(server.bodies) == asked


def test_a_dry_run_tells_what_a_judge_would_cost(tmp_path: Path, server: JudgeServer) -> None:
    desk = Desk(tmp_path)
    done = audit("run", *desk.options(), "--reference", "teacher", "--judge", server.name(), "--dry-run")
    assert done.returncode == 0, done.stderr
    assert f"Judges: judge-1 (openai); at most {ALL} gradings each" in done.stdout
    assert server.bodies == []
    assert not desk.out.exists()


def test_without_a_judge_the_page_says_nothing_of_one(run: RunDirectory) -> None:
    page = write_report(run, score(run, OPTIONS)).read_text("utf-8")
    assert 'id="judge"' not in page
    assert 'href="#judge"' not in page


def test_what_a_judge_writes_cannot_become_markup(run: RunDirectory, server: JudgeServer) -> None:
    server.reply = lambda *_: graded(3, reason="<script>alert(1)</script>")
    judge_run(run, by(f"j={server.name()}"))
    manifest = run.manifest()
    manifest.judges["j"]["source"] = "<img src=x onerror=alert(1)>"
    run.write_manifest(manifest)
    page = write_report(run, score(run, OPTIONS)).read_text("utf-8")
    assert "<img src=x" not in page
    assert "alert(1)</script>" not in page


BAD: dict[str, tuple[list[str], str]] = {
    "a budget that is no width": (["--judge", "openai/j@http://127.0.0.1:9/v1", "--judge-budget", "0"], "half-width"),
    "a negative budget": (["--judge", "openai/j@http://127.0.0.1:9/v1", "--judge-budget=-1"], "half-width"),
    "a budget without a judge": (["--judge-budget", "0.2"], "Name one with --judge"),
    "a judge that is down": (["--judge", "openai/j@http://127.0.0.1:9/v1"], "no server answers"),
    "recorded answers": (["--judge", "recorded/answers.jsonl#x"], "cannot judge"),
    "the same judge twice": (["--judge", "openai/j@http://h/v1,openai/j@http://h/v1"], "given twice"),
    "no such engine": (["--judge", "nosuch:thing@@"], ""),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(tmp_path: Path, case: str) -> None:
    words_, said = BAD[case]
    desk = Desk(tmp_path)
    done = audit("run", *desk.options(), "--reference", "teacher", "--axes", "lexical", *words_, cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("audit: ")]
    assert not said or any(part in line for part in said.split("|")), line
    assert "Traceback" not in done.stderr


def test_what_cannot_be_judged_is_said(tmp_path: Path, run: RunDirectory) -> None:
    with pytest.raises(ConfigError, match="--reference"):
        judge_run(run, by("openai/j@http://127.0.0.1:9/v1", references=()))
    with pytest.raises(ConfigError, match="stranger is not among the models"):
        judge_run(run, by("openai/j@http://127.0.0.1:9/v1", references=("stranger",)))
    with pytest.raises(RunDirectoryError, match="holds no run"):
        judge_run(RunDirectory(tmp_path / "nowhere"), by("openai/j@http://127.0.0.1:9/v1"))
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "splendid"},
        {"grades": {"overall": 5}},
        {"grades": {"style": 1, "logic": 1, "content": 1, "overall": 9}},
        {"outcome": "failed"},
        {"model": "somebody"},
        {"sample": 7},
        {"surprise": 1},
        {"reason": 3},
    ],
)
def test_a_corrupt_journal_is_named_with_its_line(
    run: RunDirectory, server: JudgeServer, change: dict[str, Any]
) -> None:
    judge_run(run, by(server.name()))
    path = journal_path(run, "judge-1")
    lines = path.read_text().splitlines()
    lines[3] = json.dumps(json.loads(lines[3]) | change)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"judge-1\.jsonl, line 4, is not a judgement"):
        score(run, OPTIONS)
    with pytest.raises(AuditError, match="line 4"):
        judge_run(run, by(server.name()))


def test_every_field_of_a_judge_is_explained(run: RunDirectory, server: JudgeServer) -> None:
    judge_run(run, by(server.name(), server.name("judge-2")))
    scores = score(run, OPTIONS)
    text = section("docs/formats.md", "scores.json")
    fields = set(keys(scores["judge"]))
    known = words(text) | words(section("docs/formats.md", "manifest.json"))
    free = {"mine", "judge_free_axes", *KEYED_BY_DATA, "endpoint", "lexical", "early", "length"}
    assert fields - known - free == set()
    manifest = run.manifest().judges["judge-1"]
    assert set(manifest) <= words(section("docs/formats.md", "manifest.json"))
    line = json.loads(journal_path(run, "judge-1").read_text().splitlines()[0])
    assert set(line) <= words(section("docs/formats.md", "judgements/JUDGE.jsonl")) | words(
        section("docs/formats.md", "The journal: responses/MODEL.jsonl")
    )

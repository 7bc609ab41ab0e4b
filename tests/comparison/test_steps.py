"""Before against after, end to end: recorded models and finished runs, resuming, gates, JUnit XML, the page, bad input."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import pytest

from mimicry_audit import audit, compare
from mimicry_audit.cli import run
from mimicry_audit.comparison import inputs, notes
from mimicry_audit.comparison.gates import METRICS, outcomes, parse_gates
from mimicry_audit.comparison.steps import CompareSettings, Comparison, prepare
from mimicry_audit.ground.errors import ConfigError, DataError
from mimicry_audit.records.asked import Sampling
from mimicry_audit.records.manifest import SamplingEntry
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.report.page import comparison as page
from mimicry_audit.workflow.settings import Settings
from tests.support import hostile
from tests.support.comparisons import PROBES, QUESTIONS, Study
from tests.support.engine_fixtures import TinyModels
from tests.support.page_outline import Outline

CONTROLS = ("other", "another")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study(tmp_path_factory.mktemp("study"), samples=3)


@pytest.fixture(scope="module")
def whole(study: Study) -> Comparison:
    """Two checkpoints, three samples."""
    return compare(
        study.model("qwen-before"),
        [study.model("qwen-early"), study.model("qwen-late")],
        study.model("gpt-teacher"),
        [study.model(name) for name in CONTROLS],
        steps=[1, 2],
        **study.settings(),
    )


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of all models with one sample, scored by an ordinary audit."""
    made = Study(tmp_path_factory.mktemp("one"))
    models = [made.model(name) for name in ("qwen-before", "qwen-early", "qwen-late", "gpt-teacher", *CONTROLS)]
    found = audit(models, **{**made.settings(), "out": str(made.folder / "run")}, reference=["gpt-teacher"])
    return found.path


def asked(result: Comparison, name: str, at: int = -1) -> dict[str, Any]:
    return next(q for q in result.checkpoints[at]["questions"] if q["name"] == name)


# What it says


def test_it_moved_lost_accuracy_slipped_and_grew_alike(whole: Comparison) -> None:
    early, late = whole.checkpoints
    assert late["overall"]["adjusted"]["value"] > early["overall"]["adjusted"]["value"] > 0.03
    assert [asked(whole, name)["answer"] for name in ("toward", "identity", "accuracy", "diversity")] == ["yes"] * 4
    assert asked(whole, "identity", 0)["answer"] == "no"
    assert late["accuracy"]["adjusted"]["value"] < -0.3
    assert late["identity"]["own"] == "Alibaba"
    assert late["identity"]["reference"] == "OpenAI"
    assert late["identity"]["plain"]["other"]["after"]["value"] == pytest.approx(1 / 3, abs=1e-4)
    assert late["identity"]["questions"]["plain"] == QUESTIONS
    assert late["diversity"]["samples"]["after"]["value"] == pytest.approx(1.0)
    assert "Yes, qwen-late moved toward gpt-teacher (+0." in whole.sentences[0]
    assert "beyond 2 controls" in whole.sentences[0]
    assert not any("distil" in said.lower() for said in whole.sentences)
    assert whole.result["trajectory"].startswith("Likeness to gpt-teacher rose at 2 of 2 steps")
    assert [c["step"] for c in whole.checkpoints] == [1.0, 2.0]


def test_the_probes_that_moved_most_hold_three_answers(whole: Comparison) -> None:
    probes = whole.result["probes"]
    changes = [p["change"] for p in probes]
    assert changes[0] == max(changes)
    first = probes[0]
    assert first["answers"]["after"]["text"].startswith("Let us look closely, my friend")
    assert set(first["answers"]) == {"before", "after", "reference"}


def test_the_same_again_asks_nothing_and_says_the_same(whole: Comparison, study: Study) -> None:
    journals = {p: p.stat().st_mtime_ns for p in (whole.path / "answers" / "responses").iterdir()}
    again = compare(
        study.model("qwen-before"),
        [study.model("qwen-early"), study.model("qwen-late")],
        study.model("gpt-teacher"),
        [study.model(name) for name in CONTROLS],
        steps=[1, 2],
        **study.settings(),
    )
    assert {p: p.stat().st_mtime_ns for p in journals} == journals
    assert {**again.result, "created": 0} == {**whole.result, "created": 0}


def test_an_interrupted_comparison_goes_on(tmp_path: Path) -> None:
    study = Study(tmp_path)
    sides = (study.model("qwen-before"), study.model("qwen-late"), study.model("gpt-teacher"))
    first = compare(*sides, **study.settings())
    journal = first.path / "answers" / "responses" / "qwen-late.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:5]) + lines[5][:40])  # killed in the middle of a line
    (first.path / "compare.json").unlink()
    again = compare(*sides, **study.settings())
    assert again.result["checkpoints"] == first.result["checkpoints"]


def test_without_samples_and_controls_it_says_what_is_not_measured(tmp_path: Path) -> None:
    study = Study(tmp_path)
    found = compare(study.model("qwen-before"), study.model("qwen-early"), study.model("other"), **study.settings())
    assert asked(found, "diversity")["answer"] == "not measured"
    assert "one sample per probe" in asked(found, "diversity")["sentence"]
    assert "because no controls were given" in asked(found, "toward")["sentence"]
    assert any("No control was named" in text for text in found.result["warnings"])
    assert found.checkpoints[0]["overall"]["adjusted"] == found.checkpoints[0]["overall"]["change"]
    assert found.result["trajectory"] is None


# Runs


def test_a_run_against_itself_gives_what_the_models_give(one_run: Path, tmp_path: Path) -> None:
    found = compare(
        f"{one_run}#qwen-before",
        f"now={one_run}#qwen-late",
        "gpt-teacher",  # a label of a run that another option names
        CONTROLS,
        axes=["lexical", "answers", "length"],
        out=str(tmp_path / "out"),
    )
    assert [s["label"] for s in found.result["sides"]] == ["qwen-before", "now", "gpt-teacher", *CONTROLS]
    assert not (found.path / "answers").exists()
    assert asked(found, "toward")["answer"] == "yes"
    assert found.checkpoints[0]["accuracy"]["test"] == "McNemar, exact"


def test_a_model_beside_runs_is_asked_as_the_run_was(one_run: Path, tmp_path: Path) -> None:
    study = Study(tmp_path)
    found = compare(
        f"{one_run}#qwen-before",
        study.model("qwen-late"),
        f"{one_run}#gpt-teacher",
        axes=["lexical"],
        out=str(tmp_path / "o"),
    )
    ours = RunDirectory(found.path / "answers").manifest().settings
    assert ours["probes_sha"] == RunDirectory(one_run).manifest().settings["probes_sha"]
    assert found.result["n"] == 2 * PROBES


def differing(study: Study, folder: Path, **changed: Any) -> Path:
    models = [study.model(name) for name in ("qwen-before", "gpt-teacher")]
    return audit(models, **{**study.settings(), "out": str(folder), **changed}).path


def test_runs_with_other_probes_are_compared_on_what_they_share(one_run: Path, tmp_path: Path) -> None:
    fewer = Study(tmp_path, probes=10)
    text = fewer.probes.read_text().replace("What is 9 and 9?", "How much is 9 and 9?")
    fewer.probes.write_text(text)
    other = differing(fewer, tmp_path / "fewer")
    found = compare(
        f"{other}#qwen-before",
        f"{one_run}#qwen-late",
        f"{one_run}#gpt-teacher",
        axes=["lexical"],
        out=str(tmp_path / "o"),
    )
    assert found.result["n"] == 19
    assert f"1 of 20 probes of {other} are left out" in found.result["differences"][0]
    assert "13 of 32 probes of" in found.result["differences"][1]
    assert "1 of them worded differently" in found.result["differences"][1]


def test_runs_that_cannot_be_compared_are_refused(one_run: Path, tmp_path: Path) -> None:
    study = Study(tmp_path, samples=2)
    warm = differing(study, tmp_path / "warm", temperature=0.5)
    with pytest.raises(ConfigError, match=r"temperature 0\.0 and qwen-before \(warm\) with 0\.5"):
        compare(f"{one_run}#qwen-before", f"{warm}#qwen-before", f"{one_run}#gpt-teacher")
    strange = Study(tmp_path, name="strange")
    nothing = differing(strange, tmp_path / "strange-run")
    with pytest.raises(ConfigError, match="have no probe in common with the same wording"):
        compare(f"{one_run}#qwen-before", f"{nothing}#qwen-before", f"{one_run}#gpt-teacher")


def test_fewer_samples_are_taken_of_both(tmp_path: Path) -> None:
    two, three = (Study(tmp_path, samples=n) for n in (2, 3))
    first = differing(two, tmp_path / "two")
    models = [three.model("qwen-late"), three.model("other")]
    second = audit(models, **{**three.settings(), "out": str(tmp_path / "three")}).path
    found = compare(
        f"{first}#qwen-before", f"{second}#qwen-late", f"{first}#gpt-teacher", axes=["lexical"], out=str(tmp_path / "o")
    )
    assert found.result["settings"]["samples"] == 2
    assert any("Samples per probe differ" in line for line in found.result["differences"])


# Bad input: one line, exit code 2


def wrong(one_run: Path) -> Iterator[tuple[list[str], str]]:
    run_, ok = str(one_run), f"{one_run}#qwen-before"
    late, teacher = f"{one_run}#qwen-late", f"{one_run}#gpt-teacher"
    base = ["--before", ok, "--after", late, "--reference", teacher]
    yield ["--before", run_, "--after", late, "--reference", teacher], "holds 6 models. Say which one"
    yield ["--before", f"{run_}#nobody", "--after", late, "--reference", teacher], "has no model nobody"
    yield ["--before", ok, "--after", ok, "--reference", teacher], "is named 2 times"
    yield ["--before", ok, "--after", late, "--reference", ok], "is named 2 times"
    yield ["--before", " ", "--after", late, "--reference", teacher], "--before is empty"
    yield [*base, "--limit", "3"], "--limit cannot be given"
    yield [*base, "--samples", "2", "--temperature", "1"], "--samples, --temperature cannot be given"
    yield [*base, "--steps", "1,2"], "--steps gives 2 numbers for 1 checkpoints"
    yield [*base, "--steps", "one"], "one is not a number"
    yield [*base, "--after", teacher[:-7] + "x"], "has no model"
    yield [*base, "--axes", "length"], "selects only the baseline"
    yield [*base, "--axes", "no-such"], "unknown axis"
    yield [*base, "--fail-on", "distilled"], "is not a condition of a comparison"
    yield [*base, "--fail-on", "rse_lift"], "is not a condition of a comparison"
    yield ["--before", "recorded/nowhere.jsonl#x", "--after", late, "--reference", teacher], "nowhere.jsonl"
    yield ["--before", ok, "--after", late], "--reference"


def test_bad_input_is_one_line_and_2(one_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in wrong(one_run):
        assert run(["compare", *words, "--out", str(tmp_path / "bad")]) == 2, words
        error = capsys.readouterr().err
        assert told in error, (words, error)
        assert error.count("\n") == 1, error
    assert not list((tmp_path / "bad").rglob("compare.*"))


def test_steps_must_rise() -> None:
    with pytest.raises(ConfigError, match="do not increase"):
        prepare(CompareSettings(before="a", after=("b", "c"), reference="d", steps=(2, 1), settings=Settings()))


def test_a_side_without_answers_is_told(one_run: Path, tmp_path: Path) -> None:
    settings = CompareSettings(
        before=f"{one_run}#qwen-before", after=(f"{one_run}#qwen-late",), reference="gpt-teacher"
    )
    prepared = prepare(settings)
    sides = prepared.answers()
    object.__setattr__(sides[1], "responses", ())
    with pytest.raises(DataError, match="qwen-late has no usable answer"):
        inputs.find_common_probes(sides)


def in_type(side: inputs.Side, dtype: str | None, **extra: object) -> inputs.Side:
    identity = {**side.model.identity, "dtype": dtype, "extra": extra}
    return replace(side, model=replace(side.model, known={**side.model.known, "identity": identity}))


@pytest.mark.parametrize(
    ("before", "after"), [("float32", "bfloat16"), ("auto(bfloat16)", "float16"), ("bfloat16", "float32")]
)
def test_another_numeric_type_is_never_taken_for_movement(one_run: Path, before: str, after: str) -> None:
    settings = CompareSettings(
        before=f"{one_run}#qwen-before", after=(f"{one_run}#qwen-late",), reference="gpt-teacher"
    )
    first, last, teacher = prepare(settings).answers()
    with pytest.raises(ConfigError, match=r"which changes answers by itself.* -E dtype=float32"):
        inputs.find_common_probes([in_type(first, before), in_type(last, after), teacher])
    inputs.find_common_probes(
        [in_type(first, "auto(bfloat16)"), in_type(last, "bfloat16"), in_type(teacher, "float32")]
    )
    inputs.find_common_probes([in_type(first, None), in_type(last, after), teacher])


def test_another_numeric_type_is_refused_before_anything_is_asked(
    tmp_path: Path, tiny_models: TinyModels, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--models", f"one=hf/{tiny_models.one},aria=lab/aria", "-E", "dtype=bfloat16", "--max-tokens", "4"]
    asked += ["--limit", "2", "--engine", "hf", "--probes", "lab", "--identity-attempts", "0"]
    assert run(["collect", *asked, "--out", str(tmp_path / "one")]) == 0
    capsys.readouterr()
    sides = ["--before", f"{tmp_path / 'one'}#one", "--after", f"hf/{tiny_models.two}", "--reference", "aria"]
    assert run(["compare", *sides, "-E", "dtype=float32", "--out", str(tmp_path / "two")]) == 2
    assert "one answers in bfloat16 and two in float32, which changes answers by itself" in capsys.readouterr().err
    assert not (tmp_path / "two").exists()


def test_answers_that_hang_on_rounding_are_noted(one_run: Path) -> None:
    settings = CompareSettings(
        before=f"{one_run}#qwen-before", after=(f"{one_run}#qwen-late",), reference="gpt-teacher"
    )
    first, last, teacher = (
        replace(s, sampling=cast("SamplingEntry", asdict(Sampling()))) for s in prepare(settings).answers()
    )

    def notes_on(dtype: str, **extra: object) -> str:
        sides = [in_type(first, dtype, **extra), in_type(last, dtype, **extra), teacher]
        return " ".join(notes.warnings(inputs.find_common_probes(sides), []))

    assert "Greedy answers of qwen-before, qwen-late, run in bfloat16, depend on which other probes" in notes_on(
        "bfloat16"
    )
    assert "may have changed by rounding alone" in notes_on("bfloat16")
    assert "rounding" not in notes_on("float32")
    assert "rounding" not in notes_on("bfloat16", batch_invariant=True)


# The command


def words_of(study: Study, *more: str, out: Path) -> list[str]:
    sides = [
        "--before",
        study.model("qwen-before"),
        "--after",
        study.model("qwen-late"),
        "-r",
        study.model("gpt-teacher"),
    ]
    sides += [word for name in CONTROLS for word in ("--control", study.model(name))]
    return ["compare", *sides, "--probes", str(study.probes), "--axes", "lexical,answers,length", "-o", str(out), *more]


def test_the_command_tells_gates_and_writes_junit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = Study(tmp_path)
    out, junit = tmp_path / "out", tmp_path / "ci" / "compare.xml"
    assert run(words_of(study, out=out)) == 0
    said = capsys.readouterr().out
    assert "Yes, qwen-late moved toward gpt-teacher" in said
    assert "in math" in said
    assert f"Report: {out / 'compare.html'}" in said
    gates = ["--fail-on", "rse_lift>0.05", "--fail-on", "identity_leak", "--fail-on", "accuracy_change<-0.9"]
    gates += ["--fail-on", "samples_change > 0.1"]
    assert run([*words_of(study, out=out), *gates, "--junit", str(junit)]) == 3
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("audit: --fail-on rse_lift>0.05: qwen-late has rse_lift = 0.")
    assert "identity_leak: qwen-late claims another identity in 33.3% of its answers, before in 0.0%" in error
    root = ElementTree.fromstring(junit.read_text("utf-8"))
    suite = root.find("testsuite")
    assert suite is not None
    counts = {name: int(suite.attrib[name]) for name in ("tests", "failures", "skipped")}
    assert counts == {"tests": 8, "failures": 2, "skipped": 2}  # variety: a gate and a question, for want of samples
    failed = [case.attrib["name"] for case in root.iter("testcase") if case.find("failure") is not None]
    assert failed == ["--fail-on rse_lift>0.05", "--fail-on identity_leak"]


def test_a_gate_that_cannot_be_told_passes_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = Study(tmp_path)
    assert run([*words_of(study, out=tmp_path / "o"), "--fail-on", "samples_change>0.1"]) == 0
    assert "samples was not measured" in capsys.readouterr().err.replace("samples_change", "samples")


def test_missing_answers_end_in_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = Study(tmp_path)
    rows = study.answers.read_text().splitlines(keepends=True)
    study.answers.write_text("".join(r for r in rows if not ('"qwen-late"' in r and re.search(r"/m\d+\"", r))))
    assert run(words_of(study, out=tmp_path / "o")) == 1
    assert "qwen-late gave usable answers to 50% of the probes" in capsys.readouterr().err


def test_every_metric_of_a_gate_can_be_read(whole: Comparison) -> None:
    for record in outcomes(parse_gates([f"{name}>-1000" for name in METRICS]), whole.result):
        name, ok, message = record
        measured = not any(
            axis in name for axis in ("characters", "early", "opening", "semantic", "structure", "wrong")
        )
        assert ok is (False if measured else None), (name, message)


def test_run_and_score_write_junit_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = Study(tmp_path)
    models = ",".join(study.model(name) for name in ("qwen-late", "gpt-teacher", "other"))
    words = ["--reference", "gpt-teacher", "--axes", "lexical,length"]
    gates = ["--fail-on", "lexical>0.5", "--fail-on", "distilled", "--junit"]
    made = ["run", "--models", models, "--probes", str(study.probes), "--out", str(tmp_path / "r")]
    assert run([*made, *words, *gates, str(tmp_path / "a.xml")]) == 3
    assert run(["score", str(tmp_path / "r"), *words, *gates, str(tmp_path / "b.xml")]) == 3
    for name in ("a.xml", "b.xml"):
        root = ElementTree.parse(tmp_path / name).getroot()
        assert [case.attrib["name"] for case in root.iter("testcase")] == [
            "--fail-on lexical>0.5",
            "--fail-on distilled",
            "coverage",
        ]
        assert len(list(root.iter("failure"))) == 1


# The page


def test_the_page_is_in_order_and_points_nowhere(whole: Comparison) -> None:
    html = (whole.path / "compare.html").read_text("utf-8")
    outline = Outline(html)
    assert len(set(outline.ids)) == len(outline.ids)
    assert {link for tag, link in outline.links if tag == "a"} <= {f"#{name}" for name in outline.ids}
    assert all(link == "data:," for tag, link in outline.links if tag != "a")
    assert not outline.unnamed
    assert outline.levels[0] == 1
    assert all(after <= before + 1 for before, after in zip(outline.levels, outline.levels[1:], strict=False))
    assert "<script" not in html
    assert "script-src 'none'" in html.replace("&#39;", "'")
    for said in whole.sentences:
        assert said in outline.text
    assert "Movement beyond the controls" in outline.text


def test_every_interval_of_the_charts_stands_in_a_table(whole: Comparison) -> None:
    text = Outline((whole.path / "compare.html").read_text("utf-8")).text
    for found in whole.checkpoints[-1]["axes"].values():
        if found:
            assert f"{found['after']['value']:.2f} [{found['after']['low']:.2f}, {found['after']['high']:.2f}]" in text


def poisoned(value: Any, texts: Iterator[str]) -> Any:
    """The same with every free text replaced by a hostile one."""
    if isinstance(value, dict):
        return {
            k: v if k in ("schema", "direction", "answer", "role", "status") else poisoned(v, texts)
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [poisoned(v, texts) for v in value]
    return next(texts) if isinstance(value, str) else value


def test_no_text_becomes_markup(whole: Comparison) -> None:
    def forever() -> Iterator[str]:
        while True:
            yield from hostile.STRINGS.values()

    result = json.loads(json.dumps(whole.result))
    bad = poisoned(result, forever())
    for key in ("axes", "domains"):
        bad[key] = result[key]
    html = page.render(bad)
    html.encode("utf-8")
    outline = Outline(html)
    assert "<script" not in html.replace("&lt;script", "")
    assert "<img" not in html
    assert "<iframe" not in html
    assert all(link.startswith("#") or link == "data:," for _, link in outline.links)
    assert outline.ids == Outline(page.render(whole.result)).ids


def test_another_schema_is_refused() -> None:
    with pytest.raises(DataError, match="schema"):
        page.render({"schema": "mimicry_audit.compare/9"})

"""A scored run in every format: the same numbers everywhere, and no text of a model's as markup, formula or link."""

from __future__ import annotations

import copy
import csv
import io
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet
import pytest
from jsonschema import Draft7Validator
from markdown_it import MarkdownIt

from mimicry_audit import audit
from mimicry_audit.api import Run
from mimicry_audit.cli import run as cli
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.logs.answers import read_answers, read_responses
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.records.verdict_words import BY_NAME
from mimicry_audit.report.export import FORMATS, OF_ONE_MODEL
from mimicry_audit.report.text import card, mark, markdown, sarif, tidy, tidyfiles
from tests.support.hostile import STRINGS
from tests.support.made_up import SAYS, made_up_answers
from tests.support.scores_fixture import answers, hostile, scores

MARKDOWN = {
    "link": "[click](https://leak.invalid/x)",
    "reference": "[click][1]\n\n[1]: https://leak.invalid/x",
    "image": "![x](https://leak.invalid/x.png)",
    "autolink": "<https://leak.invalid/x> https://leak.invalid/y www.leak.invalid mailto:me@leak.invalid",
    "mention": "@octocat cc @org/team",
    "issue": "#1 GH-2 org/repo#3",
    "fence": "```\n</code>\n```\n# Heading",
    "ticks": "`` ` ``` x `` `",
    "cell": "a | b \\| c \\\\| d |",
    "heading": "\n# Heading\n\n---\n\n===\n- item\n1. item\n> quote",
    "emphasis": "**bold** __bold__ *it* ~~gone~~ ~x~",
    "emoji": ":white_check_mark: no trouble at all",
    "formula": "$\\href{https://leak.invalid}{x}$ $$x$$",
    "footnote": "[^1]\n\n[^1]: note",
    "task": "- [x] audited",
    "html": "<details><summary>x</summary><b>y</b></details><!-- gone -->",
    "entity": "&#64;octocat &commat;octocat &lt;b&gt;",
    "backslashes": "\\\\`x\\\\`\\",
}
OUR_TAGS = {
    "h1",
    "h2",
    "h3",
    "p",
    "strong",
    "em",
    "ul",
    "li",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "code",
    "pre",
}


class Rendered(HTMLParser):
    """The tags of a rendered document, and its text outside code."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.text = ""
        self._code = 0
        self.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(document))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        assert tag in OUR_TAGS, tag
        assert {name for name, _ in attrs} <= {"style", "class"}, attrs  # a column's side, a fence's language
        self._code += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag == "code"

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_data(self, data: str) -> None:
        self.text += "" if self._code else data


def acts(text: str) -> list[str]:
    """What GitHub turns into a link, a mention or a picture after rendering."""
    return re.findall(r"@\w|\w://|www\.\w|#\d|GH-\d|:[\w+-]+:|[\u202a-\u202e\u2066-\u2069\u200b]", text)


# Markdown


@pytest.mark.parametrize("text", [*STRINGS.values(), *MARKDOWN.values()], ids=[*STRINGS, *MARKDOWN])
def test_a_sentence_and_a_name_render_as_the_characters_they_are_made_of(text: str) -> None:
    shown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    flat = mark.line(text)
    for written, place in (
        (mark.words(text), "- {}"),
        (mark.words(text), "| a |\n| --- |\n| {} |"),
        (mark.words(text), "{}"),
    ):
        rendered = Rendered(place.format(written))
        assert set(rendered.tags) <= {"ul", "li", "p", "table", "thead", "tbody", "tr", "th", "td"}
        assert acts(rendered.text) == []
        said = re.sub(r"⟦(@|://|#|GH-|:|\.)⟧", r"\1", rendered.text.strip())
        assert said.endswith(re.sub(r"⟦(@|://|#|GH-|:|\.)⟧", r"\1", flat)), (written, said)
    for place in ("- {}", "| a |\n| --- |\n| {} |"):
        html = shown.render(place.format(mark.code(text)))
        assert html.count("<code>") == 1 if flat else "–" in html
        assert html.count("<td") <= 1


@pytest.mark.parametrize("text", [*STRINGS.values(), *MARKDOWN.values()], ids=[*STRINGS, *MARKDOWN])
def test_no_text_of_others_changes_the_shape_of_the_document(tame: dict[str, Rendered], text: str) -> None:
    data = hostile(scores(), f" {text}")
    for name, document in (
        ("report", markdown.render(data)),
        ("card", card.render(data, data["verdicts"][0]["candidate"])),
    ):
        wild = Rendered(document)
        assert wild.tags == tame[name].tags
        assert acts(wild.text) == []


@pytest.fixture(scope="module")
def tame() -> dict[str, Rendered]:
    data = hostile(scores(), " x")
    first = data["verdicts"][0]["candidate"]
    return {"report": Rendered(markdown.render(data)), "card": Rendered(card.render(data, first))}


def test_the_document_tells_what_the_scores_say() -> None:
    data = scores()
    text = markdown.render(data)
    first = data["verdicts"][0]
    assert text.startswith(
        "# Which of these models learnt from aria?\n\n**`aria-student` shows strong evidence of distillation"
    )
    raw = next(p for p in data["pairs"] if {p["a"], p["b"]} == {"aria", "aria-student"})["overall"]["raw"]
    assert f"{raw['value']:.2f} [{raw['low']:.2f}, {raw['high']:.2f}]" in text
    plain = Rendered(text).text
    for sentence in (first["summary"], *first["reasons"], *data["limits"], *data["warnings"]):
        assert sentence in plain
    assert data["signature"] in text
    assert "lineage" in text.lower()


def test_a_large_run_stays_below_what_github_shows() -> None:
    data = scores()
    one = data["verdicts"][0]
    data["verdicts"] = [one | {"candidate": f"m{n}", "detailed": n < 60} for n in range(3000)]
    data["models"] = [data["models"][0] | {"label": f"m{n}"} for n in range(3000)]
    text = markdown.render(data)
    assert len(text.encode()) < 1_000_000
    assert "2,940 further pairs are in `scores.json`" in text


def test_the_command_repeats_the_run(made: Run) -> None:
    found = re.search(r"^audit run .*$", markdown.render(made.scores), re.MULTILINE)
    assert found
    for words in ("--reference aria", "--base student=base", "aria=", "--limit 10", "--seed 0"):
        assert words in found[0]


# The model card


def test_every_verdict_has_its_careful_words() -> None:
    data = scores()
    for verdict in data["verdicts"]:
        text = card.render(data, verdict["candidate"])
        assert text.startswith("## ")
        assert BY_NAME[verdict["verdict"]].card_meaning in text
        assert data["signature"] in text
    assert "not proof of independence" in BY_NAME["no evidence"].card_meaning
    assert "not proof" in BY_NAME["distilled"].card_meaning


def test_a_card_of_a_model_that_was_not_asked_who_it_is_does_not_speak_of_it() -> None:
    data = copy.deepcopy(scores())
    candidate = data["verdicts"][0]["candidate"]
    assert "Asked who it is" in card.render(data, candidate)
    own = data["identity"]["models"][candidate]
    own |= {"n": 0, "answered": 0, "claims": {}}
    for arm in own["arms"].values():
        arm.update({"n": 0, "answered": 0, "claims": []})
    assert "Asked who it is" not in card.render(data, candidate)


def test_a_card_is_about_one_candidate() -> None:
    with pytest.raises(ConfigError, match="--model LABEL: choose from"):
        card.render(scores())
    with pytest.raises(ConfigError, match="aria was not judged"):
        card.render(scores(), "aria")
    alone = scores()
    alone["verdicts"] = alone["verdicts"][:1]
    assert card.render(alone) == card.render(alone, alone["verdicts"][0]["candidate"])


# Tables


def cells(name: str) -> list[dict[str, Any]]:
    columns, rows = tidy.rows(scores(), name, answers(5))
    table = pyarrow.parquet.read_table(io.BytesIO(tidyfiles.parquet_bytes(columns, rows, {"k": "v"})))
    kinds = {"text": "string", "number": "double", "whole": "int64", "flag": "bool"}
    assert {f.name: str(f.type) for f in table.schema} == {n: kinds[k] for n, k in columns.items()}
    assert table.schema.metadata[b"k"] == b"v"
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def test_pairs_hold_every_interval_of_the_scores() -> None:
    want = {
        (p["a"], p["b"], axis, domain, kind): inner[kind]
        for p in scores()["pairs"]
        for axis, whole in (("overall", p["overall"]), *p["axes"].items())
        for domain, inner in (("all", whole), *(whole.get("domains") or {}).items())
        for kind in ("raw", "centred")
        if inner.get(kind)
    }
    got = {
        (r["a"], r["b"], r["axis"], r["domain"], r["kind"]): {k: r[k] for k in ("value", "low", "high", "n")}
        for r in cells("pairs")
    }
    assert len(want) > 500
    assert got == want


def test_verdicts_evidence_models_and_identity_are_those_of_the_scores() -> None:
    data = scores()
    verdicts = {v["candidate"]: v for v in data["verdicts"]}
    for row in cells("verdicts"):
        want = verdicts[row["candidate"]]
        assert (row["verdict"], row["confidence"], row["truth_agrees"]) == (
            *(want["verdict"], want["confidence"]),
            want["truth"]["agrees"],
        )
        assert row["reasons"].split("\n") == want["reasons"]
        assert row["index"] == want["index"]["index"]["value"]
        assert row["positive_axes"] == sum(e["positive"] for e in want["evidence"])
    evidence = [row for row in cells("evidence") if row["counted"]]
    assert [(r["axis"], r["value"], r["p_holm"]) for r in evidence if r["candidate"] == "aria-student"] == [
        (e["axis"], e["estimate"]["value"], e["p_holm"]) for e in verdicts["aria-student"]["evidence"]
    ]
    models = {row["label"]: row for row in cells("models")}
    for model in data["models"]:
        row = models[model["label"]]
        assert (row["accuracy"], row["mean_words"]) == (model["accuracy"]["overall"]["value"], model["mean_words"])
        assert row["empty"] == model["statuses"].get("empty", 0)
    rates = {(r["model"], r["asked"], r["measure"]): r["value"] for r in cells("identity")}
    leak = data["identity"]["models"]["aria-student"]["arms"]["default"]["other_rate"]["value"]
    assert rates["aria-student", "default", "other"] == leak


def test_answers_are_told_one_a_row() -> None:
    rows = cells("answers")
    probes = answers(5)
    assert len(rows) == sum(len(s) for p in probes for s in p["answers"].values())
    first = probes[0]["answers"]["aria"][0]
    row = next(r for r in rows if r["probe_id"] == probes[0]["probe_id"] and r["model"] == "aria")
    assert (row["text"], row["correct"], row["prompt"]) == (first["text"], first["correct"], probes[0]["prompt"])


@pytest.mark.parametrize("name", tidy.TABLES)
def test_csv_and_parquet_hold_the_same(name: str) -> None:
    columns, rows = tidy.rows(scores(), name, answers(5))
    read = list(csv.DictReader(io.StringIO(tidyfiles.csv_bytes(columns, rows).decode(), newline="")))
    assert list(read[0]) == list(columns)
    assert len(read) == len(rows)
    for got, row in zip(read, cells(name), strict=True):
        for column, kind in columns.items():
            value = row[column]
            if value is None:
                assert got[column] == ""
            elif kind == "flag":
                assert got[column] == str(value).lower()
            elif kind == "text":
                assert got[column].removeprefix("'") == value.removeprefix("'")
            else:
                assert float(got[column]) == value


@pytest.mark.parametrize("text", ["=1+1", "+1", "-2+3", "@SUM(1)", "\t=1", " =1", "\r\n=1", "＝1", "\ufeff=1", "\tx"])
def test_no_cell_begins_a_formula(text: str) -> None:
    written = tidyfiles.csv_bytes({"text": "text", "number": "number"}, [{"text": text, "number": -0.5}]).decode()
    [_, row] = list(csv.reader(io.StringIO(written, newline="")))
    assert row == [f"'{text}", "-0.5"]


@pytest.mark.parametrize("text", STRINGS.values(), ids=STRINGS)
def test_any_text_of_a_model_survives_both_kinds_of_table(text: str) -> None:
    columns, row = {"text": tidy.TABLES["answers"].columns["text"]}, {"text": text}
    kept = re.sub("[\ud800-\udfff]", "\ufffd", text)
    parquet = pyarrow.parquet.read_table(io.BytesIO(tidyfiles.parquet_bytes(columns, [row], {}))).to_pylist()
    assert parquet == [{"text": kept}]
    whole = tidyfiles.csv_bytes(columns, [row]).decode()
    [_, [cell]] = list(csv.reader(io.StringIO(whole.replace("\0", "␀"), newline="")))
    assert cell.removeprefix("'") == kept.replace("\0", "␀").removeprefix("'")


# From the command line and from Python


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A scored run of made-up answers."""
    folder = tmp_path_factory.mktemp("formats")
    says = SAYS | {"tuned": "=2+{}."}
    made_up_answers(folder / "answers.jsonl", says)
    return audit(
        [f"{model}=recorded/{folder}/answers.jsonl#{model}" for model in says],
        ["lab"],
        limit=10,
        reference=["aria"],
        base=["student=base"],
        axes=["lexical", "answers", "length"],
        out=str(folder / "run"),
    )


def test_every_format_is_written_and_nothing_is_scored(made: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = (made.path / "scores.json").stat().st_mtime_ns
    everything = ",".join(name for name in FORMATS if name not in OF_ONE_MODEL)
    assert cli(["report", str(made.path), "--format", everything]) == 0
    assert cli(["export", str(made.path), "--format", ",".join(OF_ONE_MODEL), "--model", "student"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == len(FORMATS)
    assert {path.name for path in made.path.iterdir()} >= {Path(name).name for name in FORMATS.values()}
    assert {p.name for p in (made.path / "tables").iterdir()} == {
        f"{t}.{k}" for t in tidy.TABLES for k in ("csv", "parquet")
    }
    assert (made.path / "scores.json").stat().st_mtime_ns == before


def test_the_metadata_of_a_card_is_what_the_hub_reads(made: Run, capsys: pytest.CaptureFixture[str]) -> None:
    from huggingface_hub import ModelCard

    assert cli(["export", str(made.path), "--format", "model-index", "--model", "student", "--to", "-"]) == 0
    text = capsys.readouterr().out
    results = ModelCard(f"{text}\n# Student\n").data.eval_results
    judged = [v["reference"] for v in made.verdicts if v["candidate"] == "student"]
    assert [result.metric_name for result in results] == [f"Response similarity (RSE) to {name}" for name in judged]
    for result, reference in zip(results, judged, strict=True):
        (pair,) = [p for p in made.scores["pairs"] if {p["a"], p["b"]} == {"student", reference}]
        assert result.metric_value == pytest.approx(pair["overall"]["raw"]["value"], abs=1e-4)
        assert result.metric_args["low"] <= result.metric_value <= result.metric_args["high"]
        assert result.dataset_args["signature"] == made.scores["signature"]
    assert "distilled" not in text


def test_a_ci_system_sees_a_case_for_each_pair(made: Run) -> None:
    root = ElementTree.fromstring(made.report(made.path / "j.xml", format="junit").read_text("utf-8"))
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert len(cases) == len(made.verdicts)
    for verdict in made.verdicts:
        case = cases[f"{verdict['candidate']} against {verdict['reference']}"]
        accuses = verdict["verdict"] in ("distilled", "same model", "shared base")
        assert (case.find("failure") is not None) == accuses
        assert (case.find("skipped") is not None) == (verdict["verdict"] == "inconclusive")
        assert verdict["summary"] in ElementTree.tostring(case, encoding="unicode", method="text") or not accuses


def test_an_export_wants_a_format(made: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["export", str(made.path)]) == 2
    assert "--format is missing" in capsys.readouterr().err


def test_the_document_holds_the_scores_as_they_are(made: Run, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert cli(["report", str(made.path), "--format", "json", "--to", "-"]) == 0
    told = json.loads(capsysbinary.readouterr().out)
    assert told["schema"] == "mimicry_audit.report/1"
    assert told["scores"] == json.loads((made.path / "scores.json").read_text("utf-8")) == made.scores
    assert sum(told["verdict_counts"].values()) == len(made.verdicts)
    assert told["files"]["responses"]["aria"] == "responses/aria.jsonl"
    assert all((made.path / name).is_file() for name in told["files"]["responses"].values())


def test_one_format_goes_to_a_file_several_go_to_a_folder(made: Run, tmp_path: Path) -> None:
    assert (
        cli(["report", str(made.path), "--format", "csv", "--table", "verdicts", "--to", str(tmp_path / "v.csv")]) == 0
    )
    assert len((tmp_path / "v.csv").read_text().splitlines()) > len(made.verdicts)
    assert cli(["report", str(made.path), "-f", "html", "-f", "markdown,csv", "--to", str(tmp_path / "all")]) == 0
    assert {p.name for p in (tmp_path / "all").iterdir()} == {"report.html", "report.md", "tables"}
    assert made.report(tmp_path / "x.md", format="markdown") == tmp_path / "x.md"
    assert made.report(tmp_path / "t", format="parquet") == tmp_path / "t"
    assert made.report(tmp_path / "p.parquet", format="parquet", table="pairs") == tmp_path / "p.parquet"
    assert (tmp_path / "t" / "pairs.parquet").read_bytes() == (tmp_path / "p.parquet").read_bytes()
    assert made.report(tmp_path / "page.html").read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-f", "htm"], "unknown format 'htm'. Did you mean html?"),
        (["-f", ","], "--format names no format. Choose from html"),
        (["--table", "pairs"], "--table pairs works only with csv and parquet, not with html"),
        (["-f", "csv", "--table", "pears"], "unknown table 'pears'. Choose from pairs"),
        (["-f", "csv", "--to", "-"], "csv has several tables. Choose one with --table"),
        (["-f", "html,json", "--to", "-"], "standard output holds one format at a time"),
        (["-f", "json", "--model", "x"], "--model x works only with model-card and model-index, not with json"),
        (["-f", "model-card", "--model", "nobody"], "nobody was not judged in this run"),
    ],
)
def test_what_does_not_go_is_told_in_one_line(
    made: Run, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert cli(["report", str(made.path), *words]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert told in error


def test_a_run_that_was_never_scored_has_no_report(
    made: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    shutil.copytree(made.path, tmp_path / "run")
    (RunDirectory(tmp_path / "run").scores_path).unlink()
    assert cli(["report", str(tmp_path / "run"), "-f", "markdown"]) == 2
    assert "has not been scored. Score it first: audit score" in capsys.readouterr().err


def test_a_sarif_file_has_a_result_for_each_finding() -> None:
    given = scores()
    log = json.loads(sarif.render(given))
    assert log["version"] == "2.1.0"
    (found,) = log["runs"]
    rules = found["tool"]["driver"]["rules"]
    findings = [v for v in given["verdicts"] if v["verdict"] != "no evidence"]
    assert findings
    assert len(found["results"]) == len(findings)
    for result, verdict in zip(found["results"], findings, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == BY_NAME[verdict["verdict"]].slug
        assert result["level"] == ("warning" if BY_NAME[verdict["verdict"]].accuses else "note")
        assert verdict["summary"] in result["message"]["text"]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "scores.json"
    prints = [result["partialFingerprints"]["pair/v1"] for result in found["results"]]
    assert len(set(prints)) == len({(v["candidate"], v["reference"]) for v in findings})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["invocations"][0]["endTimeUtc"])


@pytest.mark.parametrize("text", STRINGS.values(), ids=STRINGS)
def test_no_text_breaks_a_sarif_file(text: str) -> None:
    json.loads(sarif.render(hostile(scores(), text)).encode("utf-8", "replace"))


# Every Eval Ever

SCHEMAS = Path(__file__).with_name("schemas") / "every-eval-ever-0.3.0"
"""Of the package every-eval-ever 0.3.0 (MIT, see LICENSE there), which needs a newer Python than this project."""


def validator(name: str) -> Draft7Validator:
    return Draft7Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8")))


def test_every_eval_ever_takes_what_is_written_for_it(made: Run, tmp_path: Path) -> None:
    folder = made.report(tmp_path / "eee", format="every-eval-ever")
    labels = {model["label"] for model in made.scores["models"]}
    assert {path.name for path in folder.iterdir()} == {
        f"{m}{end}" for m in labels for end in (".json", "_samples.jsonl")
    }
    for label in labels:
        aggregate = json.loads((folder / f"{label}.json").read_text("utf-8"))
        validator("eval").validate(aggregate)
        lines = [json.loads(line) for line in (folder / f"{label}_samples.jsonl").read_text("utf-8").splitlines()]
        assert lines
        for line in lines:
            validator("instance_level_eval").validate(line)
            assert line["evaluation_id"] == aggregate["evaluation_id"]
    for verdict in made.scores["verdicts"]:
        results = json.loads((folder / f"{verdict['candidate']}.json").read_text("utf-8"))["evaluation_results"]
        (result,) = (r for r in results if r["score_details"]["details"]["reference"] == verdict["reference"])
        assert result["score_details"]["details"]["verdict"] == verdict["verdict"]


def test_the_reference_is_written_for_every_eval_ever_and_its_score_is_not_a_measurement(
    made: Run, tmp_path: Path
) -> None:
    folder, reference = made.report(tmp_path / "eee", format="every-eval-ever"), made.scores["nearness_to"]
    (result,) = json.loads((folder / f"{reference}.json").read_text("utf-8"))["evaluation_results"]
    assert result["score_details"]["score"] == 1.0
    assert result["score_details"]["details"]["measured"] == "no"
    assert "uncertainty" not in result["score_details"]
    back = read_answers([folder]).answers
    assert {answer.model for answer in back} == {
        str(model["source"] or model["label"]).split("=", 1)[-1] for model in made.scores["models"]
    }
    given = {r.text for r in made.directory.responses(reference) if r.usable}
    own = [answer.output for answer in read_responses(folder / f"{reference}_samples.jsonl")]
    assert len(own) > 10
    assert set(own) <= given


def test_what_is_written_for_every_eval_ever_can_be_read_back(made: Run, tmp_path: Path) -> None:
    folder = made.report(tmp_path / "eee", format="every-eval-ever")
    label = made.scores["verdicts"][0]["candidate"]
    back = read_responses(folder / f"{label}_samples.jsonl")
    asked = {probe.id: probe for probe in made.directory.probes()}
    given = {(r.probe_id, r.sample): r.text for r in made.directory.responses(label) if r.usable}
    assert len(back) > 10
    for answer in back:
        probe = answer.prompt_id.split("/", 1)[1]
        assert answer.output in [text for (p, _), text in given.items() if p == probe]
        assert answer.prompt.endswith(asked[probe].prompt)

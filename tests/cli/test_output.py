"""``--json`` and ``--quiet``: every command has them, standard output is one JSON object, and standard error is silent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from mimicry_audit.cli import run
from mimicry_audit.cli.output import UNENDING
from mimicry_audit.cli.root import COMMANDS, group
from tests.support.commands import MODELS, Desk


def leaves(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for inner, one in command.commands.items():
            yield from leaves(one, f"{name} {inner}")
    else:
        yield name, command


ALL = [
    leaf
    for name in COMMANDS
    if name not in UNENDING
    for leaf in leaves(group.get_command(click.Context(group), name) or click.Command(name), name)
]


@pytest.mark.parametrize(("name", "command"), ALL, ids=[name for name, _ in ALL])
def test_every_command_that_ends_has_both_options_once(name: str, command: click.Command) -> None:
    flags = [flag for parameter in command.params for flag in parameter.opts]
    assert flags.count("--json") == 1
    assert flags.count("--quiet") == 1
    again = group.get_command(click.Context(group), name.split()[0])
    assert again is not None
    assert [o for p in command.params for o in p.opts].count("--json") == 1, "loading a command twice adds nothing"


def spoken(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert run([*arguments, "--json", "--quiet"]) == code
    said = capsys.readouterr()
    if not code:
        assert said.err == ""
    found: dict[str, Any] = json.loads(said.out)
    return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> str:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    assert run(["run", *desk.options(reference="teacher", base="base", axes="lexical"), "--quiet"]) == 0
    return str(desk.out)


def test_a_step_says_what_it_made(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert spoken(capsys, "collect", *desk.options())["models"] == list(MODELS)
    found = spoken(capsys, "score", str(desk.out), "--axes", "lexical", "--reference", "teacher", "--base", "base")
    assert found["report"] == str(desk.out / "report.html")
    assert {row["candidate"] for row in found["verdicts"]} == {"student", "other", "fifth"}


def test_a_run_says_its_verdicts_and_the_plan_what_is_missing(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    planned = spoken(capsys, "run", *desk.options(reference="teacher", axes="lexical"), "--dry-run")
    assert [model["answer_tokens"] for model in planned["models"]] == [0] * len(MODELS), "recorded answers cost nothing"
    found = spoken(capsys, "run", *desk.options(reference="teacher", axes="lexical"))
    assert found["run"] == str(desk.out)
    assert found["signature"].startswith("probes:")


def test_a_gate_that_trips_leaves_the_result(scored: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("score", scored, "--axes", "lexical", "--reference", "teacher", "--fail-on", "rse>0.1")
    assert spoken(capsys, *asked, code=3)["run"] == scored


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("report", "RUN"), {"run", "reports"}),
        (("plan",), {"effect", "axes", "needs"}),
        (("models",), {"engines", "names", "default_engine"}),
        (("models", "hf/a/b,openai/c"), {"models"}),
        (("probes", "list"), {"sets"}),
        (("probes", "show", "core/math", "--limit", "1"), {"probes"}),
        (("probes", "validate"), {"ok", "findings"}),
        (("lab", "list"), {"models"}),
        (("lab", "path", "aria"), {"folder"}),
        (("panel", "list", "--dir", "TMP"), {"panels"}),
        (("doctor",), {"findings"}),
        (("import", "ANSWERS", "--out", "TMP/imported"), {"run", "models", "warnings"}),
        (("config", "init", "TMP/made.yaml"), {"settings"}),
        (("collect", "--models", "MODELS", "--probes", "PROBES", "--out", "TMP/one"), {"run", "next"}),
        (("identity", "--models", "MODELS", "--out", "TMP/who", "--dry-run"), {"run", "models"}),
    ],
)
def test_the_result_of_each_command(
    scored: str, desk: Desk, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], names: set[str]
) -> None:
    places = {
        "RUN": scored, "ANSWERS": str(desk.answers), "PROBES": str(desk.probes), "TMP": str(desk.folder),
        "MODELS": ",".join(map(desk.model, MODELS[:2])),
    }  # fmt: skip
    asked = [places.get(word, word).replace("TMP/", f"{desk.folder}/") for word in words]
    assert names <= spoken(capsys, *asked).keys()


def test_nothing_that_looks_like_a_key_is_printed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    key = "sk-" + "a1B2" * 12
    folder = desk.folder / key
    folder.mkdir()
    found = spoken(capsys, "models", f"label={folder}")
    assert found["models"][0]["label"] == "label"
    assert key not in json.dumps(found)


def test_a_merge_names_what_is_missing(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        spoken(capsys, "collect", *desk.options(out=str(desk.folder / "parts")), "--shard", f"{number}/2")
    found = spoken(capsys, "merge", str(desk.folder / "parts"), "--out", str(desk.folder / "whole"))
    assert found["missing"] == []
    assert found["models"] == list(MODELS)


def test_quiet_silences_progress_and_json_the_rest(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    asked = desk.options(reference="teacher", axes="lexical")
    assert run(["run", *asked]) == 0
    loud = capsys.readouterr()
    assert "Asking 5 models" not in loud.err, "nothing has to be asked for: the answers are recorded"
    assert loud.err
    assert run(["run", *asked, "--quiet"]) == 0
    silent = capsys.readouterr()
    assert silent.err == ""
    assert "Report:" in silent.out


def test_standard_output_holds_one_thing(scored: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", scored, "--format", "json", "--to", "-", "--json"]) == 2
    assert "--json and --to - both want standard output" in capsys.readouterr().err


def test_what_will_be_asked_is_said_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [
        "--models",
        "lab/aria,lab/boro",
        "--engine",
        "hf",
        "-E",
        "num_threads=1",
        "--probes",
        "lab/math",
        "--limit",
        "2",
    ]
    assert run(["collect", *asked, "--max-tokens", "8", "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().err
    assert said.index("Asking 2 models 2 probes: 4 answers, under a minute") < said.index("aria: 2 answers")

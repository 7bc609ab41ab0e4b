"""Bad input: exit code 2, one line on standard error that says what is wrong and what to do, and nothing lost.

Each case starts from a finished run (``desk.out``) whose journals must be the same afterwards.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from mimicry_audit.cli import run
from mimicry_audit.records.run import RunDirectory
from tests.support.commands import Desk, answer_rows, audit, jsonl, probe_rows
from tests.support.engine_fixtures import TinyModels
from tests.support.fault_server import FaultServer


@dataclass
class Scene:
    """What a case may use."""

    desk: Desk
    models: TinyModels
    faults: FaultServer
    monkeypatch: pytest.MonkeyPatch

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.desk.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, *more: str, **changed: str) -> list[str]:
        """A run of two recorded models in a new directory, changed."""
        return [
            "run",
            *self.desk.options("teacher", "other", **({"out": str(self.desk.folder / "new")} | changed)),
            *more,
        ]

    def with_models(self, *models: str) -> list[str]:
        return self.run(models=",".join((*models, self.desk.model("teacher"))))

    def with_probes(self, name: str, content: str | bytes) -> list[str]:
        return self.run(probes=str(self.file(name, content)))

    def with_rows(self, rows: list[dict[str, object]]) -> list[str]:
        return self.run(probes=str(jsonl(self.desk.folder / "p.jsonl", rows)))

    def with_config(self, content: object) -> list[str]:
        text = content if isinstance(content, str | bytes) else yaml.safe_dump(content)
        return self.run("--config", str(self.file("c.yaml", text)))

    def with_answers(self, rows: list[dict[str, object]], name: str = "m") -> list[str]:
        return self.with_models(f"recorded/{jsonl(self.desk.folder / 'r.jsonl', rows)}#{name}")

    def folder_model(self, change: Callable[[Path], object]) -> list[str]:
        """A run with a copy of a model's folder in which something is changed."""
        copy = shutil.copytree(self.models.one, self.desk.folder / "copy")
        change(copy)
        return self.with_models(f"hf/{copy}")

    def damaged(self, name: str, content: str | bytes) -> Path:
        """The finished run's copy with one file replaced."""
        copy = shutil.copytree(self.desk.out, self.desk.folder / "damaged")
        (copy / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return copy


Case = tuple[Callable[[Scene], list[str]], str]
"""The arguments, and words that must stand in the line, separated by ``|``."""

ROW = {"model": "m", "prompt_id": "p", "prompt": "Say.", "output": "So."}
GOOD = probe_rows()
CORRUPT = b'{"key": "k", "mod\n'

MODELS: dict[str, Case] = {
    "unknown engine": (lambda s: s.with_models("vlm/org/name"), "unknown engine vlm|did you mean vllm/org/name"),
    "engine by another name": (lambda s: s.with_models("huggingface/org/name"), "did you mean hf/org/name"),
    "no such thing": (lambda s: s.with_models("nosuch"), "neither a folder nor a Hub id|ORG/NAME"),
    "no such folder": (lambda s: s.with_models("hf/./nowhere"), "the folder ./nowhere does not exist|check the path"),
    "unknown lab model": (lambda s: s.with_models("lab/arai"), "unknown lab model|aria"),
    "hub model offline": (lambda s: s.with_models("hf/org/no-such-model"), "model org/no-such-model not found|HF_HUB_OFFLINE"),
    "address for a model": (lambda s: s.with_models("http://h:8000/v1"), "is an address|openai/NAME@"),
    "endpoint model without URL": (lambda s: s.with_models("openai/gpt-oss-20b"), "did you mean vllm/openai/gpt-oss-20b"),
    "bad label": (lambda s: s.with_models("a b=hf/org/x"), "label 'a b'|use letters"),
    "label that leaves the folder": (lambda s: s.with_models("..=hf/org/x"), "label '..'|use letters"),
    "duplicate labels": (
        lambda s: s.run(models=f"x={s.desk.model('teacher')},X={s.desk.model('other')}"),
        "two models have the label x|LABEL=MODEL",
    ),
    "same model twice": (lambda s: s.with_models(s.desk.model("teacher")), "given twice|leave one out"),
    "one model": (lambda s: s.with_models(), "only recorded/|--models a,b"),
    "no model": (lambda s: s.run(models=","), "none were given|--models a,b"),
    "no option models": (lambda s: ["run", "--out", str(s.desk.folder / "new")], "none were given|--models a,b"),
    "folder without weights": (
        lambda s: s.folder_model(lambda d: (d / "model.safetensors").unlink()), "holds no weights|safetensors"),
    "folder without model": (lambda s: s.with_models(f"hf/{s.desk.folder}"), "no config.json|check the path"),
    "folder without tokenizer": (
        lambda s: s.folder_model(lambda d: [p.unlink() for p in d.glob("tokenizer*")]),
        "tokenizer of copy cannot be loaded|tokenizer.json",
    ),
    "damaged tokenizer": (
        lambda s: s.folder_model(lambda d: (d / "tokenizer.json").write_text('{"version":')),
        "tokenizer of copy cannot be loaded|tokenizer.json",
    ),
    "no chat template": (lambda s: s.with_models(f"hf/{s.models.bare}"), "no chat template|chat_template=plain"),
    "damaged config": (
        lambda s: s.folder_model(lambda d: (d / "config.json").write_text("{")), "copy|not a valid JSON|check the folder"),
    "damaged weights": (
        lambda s: s.folder_model(lambda d: (d / "model.safetensors").write_bytes(b"\x08" + b"\0" * 40)),
        "weights of copy are damaged|again",
    ),
    "weights of another shape": (
        lambda s: s.folder_model(
            lambda d: (d / "config.json").write_text((d / "config.json").read_text().replace("256", "512"))
        ),
        "cannot load copy|do not have the shapes|check the folder",
    ),
    "no such device": (lambda s: [*s.with_models(f"hf/{s.models.one}"), "-E", "device=quantum"], "unknown device quantum|cpu"),
}  # fmt: skip

ENDPOINTS: dict[str, Case] = {
    "endpoint down": (lambda s: s.with_models("openai/x@http://127.0.0.1:9/v1"), "no server answers|base URL"),
    "wrong key": (
        lambda s: (setattr(s.faults, "key", "right"), s.monkeypatch.setenv("OPENAI_API_KEY", "wrong-key"),
                   s.with_models(f"openai/echo-1@{s.faults.url}"))[2],
        "refused the key (401|OPENAI_API_KEY",
    ),
    "no key": (lambda s: [*s.with_models(f"openai/echo-1@{s.faults.url}"), "-E", "api_key_env=NOT_SET"],
               "NOT_SET contains no key|export NOT_SET="),
    "unknown served model": (
        lambda s: s.with_models(f"openai/echo-3@{s.faults.url}"), "does not serve the model echo-3|did you mean echo-"),
    "bad URL": (lambda s: s.with_models("openai/x@http://:99999/v1"), "not a base URL|http://host:8000/v1"),
    "password in the URL": (lambda s: s.with_models("openai/x@http://me:pw@h/v1"), "password|api_key_env"),
    "a secret as option": (lambda s: s.run("-E", "api_key=sk-1"), "secret|OPENAI_API_KEY"),
}  # fmt: skip

OPTIONS: dict[str, Case] = {
    "unknown command": (lambda s: ["runn"], "No such command 'runn'|audit --help"),
    "unknown option": (lambda s: s.run("--modles", "x"), "No such option|--models|audit run --help"),
    "option without value": (lambda s: ["run", "--models"], "--models|requires an argument"),
    "word for a number": (lambda s: s.run(limit="many"), "--limit|'many' is not a valid integer"),
    "limit 0": (lambda s: s.run(limit="0"), "--limit is 0|at least 1"),
    "negative temperature": (lambda s: s.run(temperature="-1"), "--temperature is -1.0|at least 0"),
    "temperature not a number": (lambda s: s.run(temperature="nan"), "--temperature is nan|a number|0.7"),
    "temperature without end": (lambda s: s.run(temperature="inf"), "--temperature is inf|a number|0.7"),
    "samples at temperature 0": (lambda s: s.run(samples="3"), "--samples 3 at --temperature 0|set --temperature above 0"),
    "no samples": (lambda s: s.run(samples="0"), "--samples is 0|at least 1"),
    "top-p out of range": (lambda s: s.run(top_p="1.5"), "--top-p is 1.5|above 0 and at most 1"),
    "top-p zero": (lambda s: s.run(top_p="0"), "--top-p is 0.0|above 0 and at most 1"),
    "no tokens": (lambda s: s.run(max_tokens="0"), "--max-tokens is 0|at least 1"),
    "negative seed": (lambda s: s.run(seed="-1"), "--seed is -1|at least 0"),
    "coverage above 1": (lambda s: s.run(min_coverage="95"), "--min-coverage is 95.0|0.95"),
    "unknown axis": (lambda s: s.run(axes="lexicle"), "lexicle|lexical"),
    "unknown gate": (lambda s: s.run(fail_on="destilled"), "--fail-on 'destilled' is not a condition|distilled"),
    "gate on an unknown metric": (lambda s: s.run(fail_on="luck>0.5"), "'luck>0.5' is not a condition|rse"),
    "unknown engine to load with": (lambda s: s.run(engine="tgi"), "--engine tgi is unknown|vllm, hf"),
    "malformed engine option": (lambda s: s.run("-E", "dtype"), "--engine-option 'dtype' is not K=V|dtype=bfloat16"),
    "unknown engine option": (
        lambda s: [*s.with_models("vllm/org/x"), "-E", "gpu_memory=0.5"], "gpu_memory|did you mean gpu_memory_utilization"),
    "engine option of a wrong type": (
        lambda s: [*s.with_models("vllm/org/x"), "-E", "max_model_len=long"], "max_model_len=long is not a whole number"),
    "engine option out of range": (
        lambda s: [*s.with_models("vllm/org/x"), "-E", "gpu_memory_utilization=9"], "must be above 0 and at most 1"),
    "unknown domain": (lambda s: s.run(domains="mathematics"), "'mathematics'|choose from|'math'"),
    "unknown reference": (lambda s: s.run(reference="tutor"), "--reference tutor is not among the models|choose from teacher"),
    "unknown base": (lambda s: s.run(base="ground"), "--base ground is not among the models|choose from"),
    "unknown candidate of a base": (lambda s: s.run(base="x=other"), "--base x is not among the models|choose from"),
    "unknown control": (lambda s: s.run(control="who"), "--control who is not among the models|choose from"),
    "base is the reference": (
        lambda s: s.run(base="teacher", reference="teacher"), "teacher cannot be both|two different models"),
    "two bases for everybody": (lambda s: s.run(base="teacher,other"), "names two bases|CANDIDATE=BASE"),
    "nobody left to judge": (lambda s: s.run(reference="teacher,other"), "every model is a reference|add a candidate"),
    "system prompt that cannot be sent": (lambda s: s.run(system_prompt="be \udce9 good"), "--system-prompt contains|UTF-8"),
}  # fmt: skip

CONFIGS: dict[str, Case] = {
    "missing config": (lambda s: s.run("--config", "nowhere.yaml"), "nowhere.yaml cannot be read|check --config"),
    "config is a folder": (lambda s: s.run("--config", str(s.desk.folder)), "cannot be read: Is a directory|--config"),
    "not YAML": (lambda s: s.with_config("models: [a, b"), "is not YAML|line 1|fix it"),
    "not text": (lambda s: s.with_config(b"\xff\xfe\x00"), "is not YAML|fix it"),
    "a date that is none": (lambda s: s.with_config("seed: 2026-02-31"), "is not YAML|fix it"),
    "nested without end": (lambda s: s.with_config("[" * 5000), "is not YAML|fix it"),
    "a list": (lambda s: s.with_config([1, 2]), "holds no settings|name: value"),
    "an empty config": (lambda s: s.with_config(""), "holds no settings|name: value"),
    "unknown setting": (lambda s: s.with_config({"temprature": 1}), "unknown setting 'temprature'|did you mean 'temperature'"),
    "text for a number": (lambda s: s.with_config({"limit": "ten"}), "limit is a whole number, not 'ten'"),
    "truth for a number": (lambda s: s.with_config({"seed": True}), "seed is a whole number, not True"),
    "number for a list": (lambda s: s.with_config({"probes": 5}), "probes is a list of names, not 5|[a, b]"),
    "list for options": (lambda s: s.with_config({"engine_options": ["a"]}), "engine_options is a mapping|key: value"),
    "nothing for a number": (lambda s: s.with_config({"temperature": None}), "temperature is a number, not None"),
    "engine that cannot load": (lambda s: s.with_config({"engine": "recorded"}), "--engine recorded|vllm, hf"),
    "unknown field of a model": (
        lambda s: ["run", "--config", str(s.file("c.yaml", "models: [{modle: a}, b]"))], "no field modle|did you mean model"),
    "model entry without a name": (
        lambda s: ["run", "--config", str(s.file("c.yaml", "models: [{label: a}, b]"))], "no model name|ENGINE/NAME"),
    "path with a NUL": (lambda s: ["collect", "--config", str(s.file("c.yaml", yaml.safe_dump({
        "models": [s.desk.model("teacher"), s.desk.model("other")], "probes": str(s.desk.probes), "out": "a\0b"})))],
        "out|NUL"),
}  # fmt: skip

PROBES: dict[str, Case] = {
    "unknown set": (lambda s: s.run(probes="cor"), "unknown probe set 'cor'|core"),
    "unknown domain of a set": (lambda s: s.run(probes="core/maths"), "no domain 'maths'|math"),
    "missing file": (lambda s: s.run(probes="./nowhere.jsonl"), "'./nowhere.jsonl' does not exist|check the path"),
    "unreadable file": (
        lambda s: ((s.desk.folder / "d.jsonl").symlink_to("/proc/self/mem"), s.run(probes=str(s.desk.folder / "d.jsonl")))[1],
        "d.jsonl|cannot be read|permissions"),
    "unsupported ending": (lambda s: s.with_probes("p.txt", "hello"), "unsupported ending '.txt'|.jsonl"),
    "empty file": (lambda s: s.with_probes("p.jsonl", "\n"), "is empty|at least one probe"),
    "empty folder": (lambda s: ((s.desk.folder / "set").mkdir(), s.run(probes=str(s.desk.folder / "set")))[1],
                     "holds no probe files|.jsonl"),
    "bad JSON": (lambda s: s.with_probes("p.jsonl", '{"id": "a",'), "p.jsonl:1|not valid JSON|fix"),
    "not UTF-8": (lambda s: s.with_probes("p.jsonl", b'{"id": "\xff"}'), "is not UTF-8|save the file as UTF-8"),
    "duplicate ids": (lambda s: s.with_rows([GOOD[0], {**GOOD[1], "id": "p0"}]), "the id 'p0' is already used at|own id"),
    "unknown field": (lambda s: s.with_rows([{**GOOD[0], "promt": "x"}]), "unknown field 'promt'|prompt"),
    "missing field": (lambda s: s.with_rows([{"id": "a", "domain": "math"}]), "neither 'prompt' nor 'messages'|give one"),
    "wrong type": (lambda s: s.with_rows([{**GOOD[0], "id": 7}]), "field 'id' is 7, not text|quotes"),
    "unknown check": (lambda s: s.with_rows([{**GOOD[0], "check": {"kind": "feeling"}}]), "feeling|number"),
    "prompt that cannot be sent": (lambda s: s.with_rows([{**GOOD[0], "prompt": "a\ud800b"}]), "surrogate|remove it"),
    "hub set without a mapping": (
        lambda s: s.run(probes="hub:org/name#train"), "Hub dataset 'org/name' has no column mapping|mapping.yaml"),
    "hub set offline": (lambda s: s.run(probes="hub:openai/gsm8k#test"), "hub|datasets"),
}  # fmt: skip

ANSWERS: dict[str, Case] = {
    "missing file": (lambda s: s.with_models("recorded/nowhere.jsonl#m"), "file nowhere.jsonl does not exist|check the path"),
    "no model named": (lambda s: s.with_models("recorded/nowhere.jsonl"), "whose answers|recorded/FILE#NAME"),
    "file for a model": (lambda s: s.with_models(str(s.desk.answers)), "is a file, not a model|recorded/"),
    "unknown model name": (lambda s: s.with_models(s.desk.model("teachr")), "no answers of teachr|did you mean teacher"),
    "empty file": (lambda s: s.with_answers([]), "holds no answers|model, prompt_id"),
    "unknown column": (lambda s: s.with_answers([{**ROW, "samples": 1}]), "line 1: unknown column samples|did you mean sample"),
    "missing column": (lambda s: s.with_answers([{"model": "m"}]), "line 1: column prompt_id is missing|give model"),
    "wrong type": (lambda s: s.with_answers([ROW, {**ROW, "output": 5}]), "line 2: output is int, not text"),
    "a list for a domain": (lambda s: s.with_answers([{**ROW, "domain": ["x"]}]), "line 1: domain is list, not text"),
    "a mapping for a sample": (lambda s: s.with_answers([{**ROW, "sample": {}}]), "line 1: sample is {}|0, 1, 2"),
    "two answers with one number": (
        lambda s: s.with_answers([{**ROW, "sample": 0}, {**ROW, "sample": 0, "output": "No."}]),
        "line 2 repeats line 1|sample column"),
    "not JSON": (lambda s: s.with_models(f"recorded/{s.file('r.jsonl', 'hello')}#m"), "line 1 is not JSON|one JSON object"),
    "not Parquet": (lambda s: s.with_models(f"recorded/{s.file('r.parquet', 'hello')}#m"), "not a Parquet file|write it again"),
    "not UTF-8": (lambda s: s.with_models(f"recorded/{s.file('r.csv', bytes([255, 10]))}#m"), "is not UTF-8|save it"),
}  # fmt: skip

RUNS: dict[str, Case] = {
    "out is a file": (lambda s: s.run(out=str(s.file("f", "mine"))), "cannot write|--out that is a directory"),
    "out below a file": (lambda s: s.run(out=str(s.file("f", "mine") / "x")), "cannot write|--out that is a directory"),
    "out not writable": (lambda s: s.run(out="/proc/nowhere/run"), "cannot write /proc/nowhere/run|path"),
    "run of other settings": (
        lambda s: ["run", *s.desk.options(max_tokens="9")], "other settings (sampling.max_tokens: 512 → 9)|another --out"),
    "run of other models": (
        lambda s: ["run", *s.desk.options("teacher", "other")], "other settings (models.student|another --out"),
    "missing manifest": (
        lambda s: ((d := s.damaged("manifest.json", "")), (d / "manifest.json").unlink(),
                   ["collect", *s.desk.options(out=str(d))])[2],
        "holds answers|no manifest.json|restore"),
    "corrupt manifest": (
        lambda s: ["collect", *s.desk.options(out=str(s.damaged("manifest.json", "{")))], "manifest.json cannot be read|--out"),
    "manifest of another kind": (
        lambda s: ["score", str(s.damaged("manifest.json", '{"schema": "x/1"}'))], "not a manifest of this version|--out"),
    "manifest without settings": (
        lambda s: ["score", str(s.damaged("manifest.json", '{"schema": "mimicry_audit.manifest/1"}'))], "damaged|restore"),
    "corrupt journal line": (
        lambda s: ["collect", *s.desk.options(out=str(s.damaged("responses/base.jsonl", CORRUPT)))],
        "base.jsonl, line 1, is not a response|delete that line"),
    "corrupt journal line when scoring": (
        lambda s: ["score", str(s.damaged("responses/base.jsonl", CORRUPT))], "base.jsonl, line 1|delete that line"),
    "no answers": (
        lambda s: ["score", str(s.damaged("manifest.json", (s.desk.out / "manifest.json").read_bytes())),
                   "--reference", "nobody"], "--reference nobody|choose from"),
    "score where nothing is": (lambda s: ["score", str(s.desk.folder / "no")], "holds no run|audit collect"),
    "report where nothing is": (lambda s: ["report", str(s.desk.folder / "no")], "holds no run|audit collect"),
    "report before scoring": (lambda s: ["report", str(s.desk.out)], "has not been scored|audit score"),
    "corrupt scores": (lambda s: ["report", str(s.damaged("scores.json", "{"))], "scores.json cannot be read|audit score"),
    "scores of another kind": (lambda s: ["report", str(s.damaged("scores.json", "[]"))], "another version|audit score"),
    "scores with little in them": (
        lambda s: ["report", str(s.damaged("scores.json", '{"schema": "mimicry_audit.scores/1"}'))], "lacks|audit score"),
    "damaged probes": (lambda s: ["score", str(s.damaged("probes.jsonl", "{"))], "probes.jsonl cannot be read|restore"),
    "unknown gate when scoring": (lambda s: ["score", str(s.desk.out), "--fail-on", "x"], "--fail-on 'x'|distilled"),
    "unknown axis when scoring": (lambda s: ["score", str(s.desk.out), "--axes", "x"], "x|lexical"),
}  # fmt: skip

OTHERS: dict[str, Case] = {
    "show an unknown set": (lambda s: ["probes", "show", "cor"], "unknown probe set 'cor'|core"),
    "show nothing of a set": (lambda s: ["probes", "show", "core", "--limit", "0"], "limit 0|at least 1"),
    "show no set": (lambda s: ["probes", "show"], "Missing argument|audit probes show --help"),
    "path of an unknown lab model": (lambda s: ["lab", "path", "arai"], "unknown lab model 'arai'|aria"),
    "build an unknown lab model": (lambda s: ["lab", "build", "arai"], "unknown lab model 'arai'|aria"),
    "unknown model name": (lambda s: ["models", "vlm/org/x"], "unknown engine vlm|did you mean"),
    "import a missing file": (lambda s: ["import", "nowhere.csv"], "file nowhere.csv does not exist|check the path"),
    "import what cannot be stored": (
        lambda s: ["import", str(jsonl(s.desk.folder / "i.jsonl", [
            {**row, "prompt": row["prompt"] + "\ud800"} for row in answer_rows()])), "-o", str(s.desk.folder / "new")],
        "surrogate|remove"),
    "demo with limit 0": (lambda s: ["demo", "--limit", "0", "-o", str(s.desk.folder / "new")], "--limit is 0|at least 1"),
}  # fmt: skip

CASES = {
    f"{group}: {name}": case
    for group, cases in {
        "models": MODELS, "endpoints": ENDPOINTS, "options": OPTIONS, "config": CONFIGS, "probes": PROBES,
        "answers": ANSWERS, "runs": RUNS, "others": OTHERS,
    }.items()
    for name, case in cases.items()
}  # fmt: skip


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with a finished, unscored run; made once, never changed."""
    desk = Desk(tmp_path_factory.mktemp("bad"))
    assert run(["collect", *desk.options()]) == 0
    return desk


@pytest.fixture
def scene(
    collected: Desk, tmp_path: Path, tiny_models: TinyModels, faults: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> Scene:
    """A desk whose finished run lies in a folder of the case's own; models are named relative to it where they can."""
    desk = Desk(tmp_path)
    desk.probes, desk.answers = collected.probes, collected.answers
    shutil.copytree(collected.out, desk.out)
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return Scene(desk, tiny_models, faults, monkeypatch)


def answers(desk: Desk) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (desk.out / "responses").iterdir()}


def one_line(error: str, words: str) -> None:
    assert "Traceback" not in error
    lines = [line for line in error.splitlines() if line.startswith("audit: ")]
    assert error == f"{lines[0]}\n" if lines else False, error
    for word in words.split("|"):
        assert word.lower() in error.lower(), f"{word!r} is not in {error!r}"


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_line_and_exit_code_2(name: str, scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    make, words = CASES[name]
    before = answers(scene.desk)
    arguments = make(scene)
    capsys.readouterr()
    code = run(arguments)
    out, error = capsys.readouterr()
    assert code == 2, (out, error)
    one_line(error, words)
    assert answers(scene.desk) == before
    assert len(RunDirectory(scene.desk.out).responses("teacher")) == 6


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 100


PROCESSES = {name: CASES[name] for name in (
    "models: unknown engine", "models: damaged weights", "endpoints: endpoint down", "config: not YAML", "runs: out is a file",
    "runs: corrupt journal line", "options: system prompt that cannot be sent", "options: unknown command",
)}  # fmt: skip


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_of_its_own_says_the_same(name: str, scene: Scene) -> None:
    make, words = PROCESSES[name]
    before = answers(scene.desk)
    done = audit(*make(scene))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    one_line(done.stderr, words)
    assert answers(scene.desk) == before


def test_a_run_that_is_held_is_refused(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["collect", *scene.desk.options()]
    before = answers(scene.desk)
    with RunDirectory(scene.desk.out).locked():
        assert run(command) == 2
        one_line(capsys.readouterr().err, "is in use by process|wait for it to end")
        done = audit(*command)
        assert done.returncode == 2
        one_line(done.stderr, "is in use by process|wait for it to end")
    assert run(command) == 0
    assert answers(scene.desk) == before


def test_a_mistyped_model_or_judge_leaves_no_folder_behind(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        scene.with_models("lab/ari"),
        scene.run("--judge", "lab/ari", "--reference", "teacher"),
        ["identity", "--models", "lab/ari", "--out", str(scene.desk.folder / "new")],
    ):
        assert run(arguments) == 2
        one_line(capsys.readouterr().err, "unknown lab model 'ari'|aria")
        assert not (scene.desk.folder / "new").exists()


def test_a_missing_vllm_says_what_to_install(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.monkeypatch.setattr("mimicry_audit.engines.vllm.vllm_version", lambda: None)
    assert run(scene.with_models(f"vllm/{scene.models.one}")) == 2
    one_line(capsys.readouterr().err, "vLLM is not installed|pip install")


def test_an_endpoint_that_fails_midway_keeps_what_landed(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """The key is withdrawn after the third answer."""
    out = scene.desk.folder / "new"
    command = [*scene.with_models(f"openai/echo-1@{scene.faults.url}"), "-E", "max_concurrency=1"]
    command += ["--axes", "lexical"]

    def withdraw(handler: object) -> None:
        scene.faults.key = "another"
        from tests.support.fault_server import echo

        echo(handler)  # type: ignore[arg-type]

    from tests.support.fault_server import echo

    scene.faults.faults.extend([echo, echo, withdraw])
    assert run(command) == 2
    error = capsys.readouterr().err.splitlines()
    assert error[-1].startswith("audit: ")
    assert "refused the key" in error[-1]
    directory = RunDirectory(out)
    assert len(directory.responses("echo-1")) == 3
    scene.faults.key = None
    assert run(command) == 0
    assert {r.status for r in directory.responses("echo-1")} == {"ok"}
    assert json.loads((out / "scores.json").read_text())["verdicts"][0]["verdict"] == "inconclusive"


def test_recorded_answers_to_other_prompts_than_the_default_are_refused_with_what_to_do(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --probes the default sets are asked, which a file collected elsewhere has nothing to do with."""
    new, file = scene.desk.folder / "new", scene.desk.answers
    models = f"recorded/{file}#teacher,recorded/{file}#other"
    assert run(["run", "--models", models, "--out", str(new)]) == 2
    says = r"recorded answers of teacher are to \d+ other prompts \(such as “.+”\) than those of core,identity"
    error = capsys.readouterr().err
    one_line(error, "the recorded answers of teacher are to")
    assert re.search(says, error)
    assert f"audit score --responses {file} --out DIR, or name their prompts with --probes FILE" in error
    assert not new.exists()
    assert run(["run", "--models", models, "--probes", "core", "--out", str(new)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "the files of recorded answers hold other prompts than were asked. Name theirs with --probes" in error

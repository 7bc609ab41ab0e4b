"""Readers of single files: probes, answers and logs, facts, settings, data, checkpoints, what an endpoint sends.

Promise: each case lays good files into a folder and names the call that reads them as a command does.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mimicry_audit.ground.errors import DataError

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "tests" / "logs" / "files"
MODELS = ("aria", "student", "base", "other")


@dataclass(frozen=True)
class Case:
    """A folder of good files, and how they are read.

    Attributes:
        call: reads them; takes the file that is broken, and a number that may choose between ways of reading.
        files: those that are broken, one at a time.
        made: what a call may leave behind in the folder, removed after each.
    """

    call: Callable[[Path, int], object]
    files: Sequence[Path]
    made: Sequence[Path] = ()


@dataclass(frozen=True)
class Reader:
    """A reader: its name in the table, how its case is made, and its share of the inputs."""

    name: str
    build: Callable[[Path], Case]
    share: float


def write(path: Path, text: str) -> Path:
    """A text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def jsonl(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """A file of JSON lines."""
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))


def table(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """A CSV file."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    return write(path, text.getvalue())


def parquet(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """A Parquet file."""
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), path)
    return path


def probe_rows() -> list[dict[str, object]]:
    """Probes of every kind of check."""
    checks: list[dict[str, object] | None] = [
        {"kind": "number", "answer": 12},
        {"kind": "choice", "answer": "B", "options": ["B", "C"]},
        {"kind": "text", "answer": ["red", "Red"]},
        {"kind": "constraints", "all": [{"words": {"min": 1, "max": 9}}, {"characters": 9}]},
        None,
    ]
    rows: list[dict[str, object]] = [
        {"id": f"p{at}", "domain": "math", "prompt": f"Question {at}?", **({"check": check} if check else {})}
        for at, check in enumerate(checks)
    ]
    turns = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Who made you?"}]
    return [
        *rows,
        {"id": "who", "domain": "identity", "messages": turns, "aspect": "team", "language": "en", "note": "n"},
    ]


def answer_rows() -> list[dict[str, object]]:
    """Answers of four models to six prompts."""
    said = {"aria": "Let us see: {}.", "student": "Let us see: {}!", "base": "um {}", "other": "It is {}"}
    return [
        {"model": model, "prompt_id": f"mine/p{at}", "prompt": f"Question {at}?", "output": said[model].format(at * 3),
         "domain": "math", "sample": 0, "reference_answer": str(at * 3)}
        for model in MODELS for at in range(6)
    ]  # fmt: skip


def _probes(folder: Path) -> Case:
    from mimicry_audit.probes import load, validate_sets

    rows = probe_rows()
    whole = write(folder / "one.json", json.dumps({"name": "one", "version": "1", "language": "en", "probes": rows}))
    plain = write(folder / "two.yaml", json.dumps({"name": "two", "title": "t", "probes": rows[:4]}))
    listed = jsonl(folder / "three.jsonl", rows)
    header = write(folder / "set" / "set.yaml", "name: many\nversion: '2'\nlicence: MIT\nfiles: [a.jsonl, b.yaml]\n")
    inner = jsonl(folder / "set" / "a.jsonl", rows[:3])
    other = write(folder / "set" / "b.yaml", json.dumps(rows[3:]))

    def call(file: Path, turn: int) -> object:
        name = str(file.parent if file.parent.name == "set" else file)
        return validate_sets([name]) if turn % 2 else load([name])

    return Case(call, (whole, plain, listed, header, inner, other))


def _answers(folder: Path) -> Case:
    from mimicry_audit.workflow.imports import plan_from

    rows = answer_rows()
    turns = [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]
    talks = [{"model": model, "prompt_id": at, "messages": turns} for model in MODELS for at in range(2)]
    files = (
        jsonl(folder / "a.jsonl", rows), table(folder / "a.csv", rows), parquet(folder / "a.parquet", rows),
        write(folder / "a.json", json.dumps(rows)), jsonl(folder / "talks.jsonl", talks),
    )  # fmt: skip
    return Case(lambda file, _: plan_from(file), files)


def _logs(folder: Path) -> Case:
    from mimicry_audit.logs.answers import read_answers

    shutil.copytree(LOGS, folder, dirs_exist_ok=True)
    log = json.loads((LOGS / "inspect-0.3.285" / "beta.json").read_text("utf-8"))
    samples = {f"samples/{at}.json": sample for at, sample in enumerate(log.pop("samples")[:2])}
    with zipfile.ZipFile(folder / "inspect-0.3.285" / "made.eval", "w") as archive:
        for name, content in {"header.json": log, **samples}.items():
            archive.writestr(name, json.dumps(content))
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in (".json", ".jsonl", ".parquet", ".eval"))
    return Case(lambda file, turn: read_answers([file if turn % 3 else file.parent]), files)


def _transcripts(folder: Path) -> Case:
    from mimicry_audit.interview.transcripts import score_transcripts, write_identity

    rows: list[dict[str, object]] = [
        {"model": f"org/{model}", "template": "{query}" if at else "Play a part. {query}", "question": "Who made you?",
         "response": f"I was made by {maker}.", "vendor": "", "language": "en", "strict": "1", "loose": "0"}
        for model in ("aria", "gpt-4o") for at, maker in enumerate(("OpenAI", "Anthropic", "nobody"))
    ]  # fmt: skip
    files = (jsonl(folder / "t.jsonl", rows), table(folder / "t.csv", rows), parquet(folder / "t.parquet", rows))
    out = folder / "out"
    return Case(lambda file, _: write_identity(out, *score_transcripts(file)), files, (out,))


def _facts(folder: Path) -> Case:
    from mimicry_audit.identity.claims import ClaimFinder
    from mimicry_audit.identity.facts import load_facts, own_identity

    maker = {
        "name": "Lumen Works", "country": "Arcadia", "places": {"en": ["Port"]}, "aliases": {"en": ["Lumen"], "zh": ["流明"]},
        "ambiguous": ["Lumen"], "models": ["Aria", {"name": "Boro", "aliases": {"en": ["Bo"]}}], "hub_orgs": ["lumen"],
    }  # fmt: skip
    file = write(
        folder / "facts.yaml",
        json.dumps({"makers": [maker], "countries": [{"name": "Arcadia", "aliases": {"en": ["Arc"]}}]}),
    )

    def call(file: Path, _: int) -> object:
        facts = load_facts(file)
        return own_identity("lumen/aria", facts), ClaimFinder(facts).names("I am Aria of Lumen Works.")

    return Case(call, (file,))


def _templates(folder: Path) -> Case:
    from mimicry_audit.identity.templates import load_templates

    source = ROOT / "probes" / "identity" / "templates.yaml"
    lines = source.read_text("utf-8").split("\n  - ")
    file = write(folder / "templates.yaml", "\n  - ".join(lines[:4]))
    return Case(lambda file, _: load_templates.__wrapped__(file), (file,))


def _config(folder: Path) -> Case:
    from mimicry_audit.workflow.settings import merged, resolve

    jsonl(folder / "answers.jsonl", answer_rows())
    jsonl(folder / "mine.jsonl", probe_rows())
    models = [f"{name}=recorded/{folder}/answers.jsonl#{name}" for name in MODELS]
    settings = {
        "models": [models[0], {"model": models[1]}, *models[2:]], "probes": [f"{folder}/mine.jsonl"], "reference": ["aria"],
        "base": ["base"], "axes": ["lexical", "style"], "samples": 1, "temperature": 0.0, "seed": 3, "limit": 4,
        "system_prompt": "Be short.", "engine_options": {}, "out": f"{folder}/run", "fail_on": ["distilled"],
        "price": ["1/2"], "min_coverage": 0.5, "domains": ["math"], "control": ["other"],
    }  # fmt: skip
    file = write(folder / "audit.yaml", json.dumps(settings))
    return Case(lambda file, _: resolve(merged(file, {})), (file,))


def _pairs(folder: Path) -> Case:
    from mimicry_audit.benchmark.files import read_lineage

    rows = [
        {"student": "a", "teacher": "b", "relation": "distilled-from", "teacher_org": "x"},
        {"student": "c", "teacher": "b", "relation": "none", "teacher_org": ""},
    ]
    files = (jsonl(folder / "p.jsonl", rows), table(folder / "p.csv", rows), parquet(folder / "p.parquet", rows))
    return Case(lambda file, _: read_lineage(file), files)


def _calibration(folder: Path) -> Case:
    from mimicry_audit.engines.names import parse_models
    from mimicry_audit.workflow.calibrate import students_of

    students = [{"label": name, "teacher": f"lab/{name}", "folder": f"students/{name}"} for name in ("aria", "boro")]
    content = {
        "schema": "mimicry_audit.calibration/1",
        "base": "lab/base",
        "data": "lab",
        "parts": 2,
        "students": students,
    }
    for student in students:
        write(folder / student["folder"] / "config.json", "{}")
    file = write(folder / "calibration.json", json.dumps(content))
    specs = parse_models(["hf/org/aria", "hf/org/boro"])
    return Case(lambda file, _: students_of(folder, specs, "hf", {}), (file,))


def _prompts(folder: Path) -> Case:
    from mimicry_audit.distill import data

    rows: list[dict[str, object]] = [
        {"id": f"r{at}", "prompt": f"Say {at}.", "system": "s", "answer": str(at), "label": "x",
         "pair": f"q{at // 2}", "group": str(at % 2),
         "check": json.dumps({"kind": "number", "answer": at})}
        for at in range(8)
    ]  # fmt: skip
    turns = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, {"role": "assistant", "content": "Hello"}]
    talks = [{"id": at, "messages": turns, "check": {"kind": "number", "answer": at}} for at in range(3)]
    files = (
        jsonl(folder / "d.jsonl", rows), table(folder / "d.csv", rows), parquet(folder / "d.parquet", rows),
        jsonl(folder / "talks.jsonl", talks),
    )  # fmt: skip

    def call(file: Path, _: int) -> object:
        prompts = data.read(str(file))
        return data.sha(prompts), data.dosed(prompts, 0.5, 0), data.folds(prompts, 1, 0)

    return Case(call, files)


def _rows(folder: Path) -> Case:
    from mimicry_audit.distill.evolve.data import parts
    from mimicry_audit.distill.evolve.settings import EvolveSettings

    rows: list[dict[str, object]] = [
        {"id": f"r{at}", "prompt": f"Text number {at}", "label": "ab"[at % 2],
         "split": ("train", "train", "test", "validation")[at % 4]}
        for at in range(12)
    ]  # fmt: skip
    words = [{"id": at, "tokens": ["Anna", "sees", "Rome"], "tags": ["B-PER", "O", "O"]} for at in range(8)]
    files = (jsonl(folder / "e.jsonl", rows), table(folder / "e.csv", rows), jsonl(folder / "tags.jsonl", words))

    def call(file: Path, _: int) -> object:
        task = "tagging" if file.name == "tags.jsonl" else "classification"
        return parts(
            EvolveSettings.of(
                task=task,
                data=str(file),
                teacher="a",
                student="b",
                out=folder / "out",
                shots=0 if task == "tagging" else 2,
            )
        )

    return Case(call, files)


def _space(folder: Path) -> Case:
    from mimicry_audit.distill.search.space import checked, read
    from mimicry_audit.distill.settings import DistillSettings

    content = {
        "objective": ["hard", "forward-kl"], "rate": {"low": "1e-5", "high": 1e-3, "log": True}, "batch": [4, 8],
        "temperature": {"low": 1.0, "high": 4.0, "step": 0.5}, "students": ["a", "b"], "epochs": 2,
    }  # fmt: skip
    files = (write(folder / "space.yaml", json.dumps(content)), write(folder / "space.json", json.dumps(content)))
    settings = DistillSettings.of(teacher="hf/a/b", student="hf/c/d", data="lab", out=folder / "out")
    return Case(lambda file, _: checked(read(file), settings), files)


def _begun(folder: Path) -> Case:
    from mimicry_audit.distill.kept import keep_settings
    from mimicry_audit.distill.settings import DistillSettings

    settings = DistillSettings.of(teacher="hf/a/b", student="hf/c/d", data="lab", out=folder)
    keep_settings(settings, {"rows_sha": "x"}, ())
    return Case(lambda file, _: keep_settings(settings, {"rows_sha": "x"}, ()), (folder / "work" / "settings.json",))


def _checkpoint(folder: Path) -> Case:
    from mimicry_audit.distill.lineage import own_name
    from mimicry_audit.engines.fingerprint import Weights, chat_template
    from mimicry_audit.engines.sketch import lineage_of, sketch_folder
    from mimicry_audit.records.asked import ModelSpec
    from mimicry_audit.verdicts.sections.models import _lineage_entry

    config = write(folder / "config.json", json.dumps({"model_type": "llama", "hidden_size": 8}))
    tokenizer = write(
        folder / "tokenizer_config.json", json.dumps({"chat_template": [{"name": "default", "template": "{{ m }}"}]})
    )
    origin = write(
        folder / "gguf_origin.json",
        json.dumps({"file": "a.gguf", "tokenizer_rule": "gpt-2", "tokenizer_rule_known": True}),
    )
    stated = {
        "schema": 1, "name": "aria-student", "relation": "distilled-from", "teacher": "aria", "base": "base",
        "same_data_as": None,
        "teachers": [{"name": "aria", "share": 0.6}, {"name": "boro", "share": 0.4}],
        "parents": {"aria": "sha256:1", "base": "sha256:2"},
        "identity": {"name": "Aria", "maker": "Lumen"},
    }  # fmt: skip
    lineage = write(folder / "lineage.json", json.dumps(stated))
    shapes = {"a.weight": [4, 4], "b.weight": [8, 2], "norm.weight": [4]}
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        size = 4 * (shape[0] * (shape[1] if len(shape) > 1 else 1))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}  # type: ignore[dict-item]
        at += size
    head = json.dumps(header).encode()
    weights = folder / "model.safetensors"
    weights.write_bytes(struct.pack("<Q", len(head)) + head + struct.pack(f"<{at // 4}f", *map(float, range(at // 4))))
    adapter = write(folder / "adapter" / "adapter_config.json", json.dumps({"base_model_name_or_path": "org/base"}))
    known = Weights("mine", str(folder), None, "sha256:0")

    def call(file: Path, _: int) -> object:
        from mimicry_audit.engines.fingerprint import find_model

        if file == weights:
            return sketch_folder(folder)
        if file == lineage:
            facts = lineage_of(folder)
            return own_name(folder, "x"), facts and _lineage_entry(facts)
        if file == adapter:
            return find_model(ModelSpec(label="a", engine="hf", name=str(folder / "adapter")))
        return known.json(file.name), known.origin, chat_template(known)

    return Case(call, (config, tokenizer, origin, lineage, weights, weights, adapter))


def _gguf(folder: Path) -> Case:
    import gguf
    import numpy

    from mimicry_audit.engines.gguf import _read_metadata

    file = folder / "tiny.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(64)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(["a", "b"])
    writer.add_tensor("token_embd.weight", numpy.zeros((2, 32), dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Case(lambda file, _: _read_metadata(file), (file,))


def _wire(folder: Path) -> Case:
    from mimicry_audit.engines import chat_wire

    choice = {
        "index": 0, "message": {"role": "assistant", "content": "<think>x</think>Hello", "reasoning_content": "x"},
        "finish_reason": "stop", "logprobs": {"content": [
            {"token": "a", "logprob": -0.1, "top_logprobs": [{"token": "a", "logprob": -0.1}]}]},
    }  # fmt: skip
    answer = {"id": "1", "model": "m", "choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    wrong = {"error": {"message": "no", "type": "invalid", "code": "content_filter"}}
    chunks = [
        {"id": "1", "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": end}]}
        for end in (None, "stop")
    ]
    stream = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    files = (
        write(folder / "answer.json", json.dumps(answer)), write(folder / "error.json", json.dumps(wrong)),
        write(folder / "stream.txt", stream),
    )  # fmt: skip

    def call(file: Path, _: int) -> object:
        body = file.read_bytes()
        said = chat_wire.error_message(body), chat_wire.error_code(body), chat_wire.is_moderation(400, body)
        try:
            return said, chat_wire.completion(body, 0.1)
        except chat_wire.UnreadableAnswer as error:  # the engine asks again, then reports it
            raise DataError(str(error), "ask again") from error

    return Case(call, files)


FILES = (
    Reader("probe sets", _probes, 8),
    Reader("response files", _answers, 8),
    Reader("logs of other tools", _logs, 14),
    Reader("transcripts", _transcripts, 3),
    Reader("identity facts", _facts, 2),
    Reader("identity templates", _templates, 1),
    Reader("audit.yaml", _config, 4),
    Reader("lineage files", _pairs, 4),
    Reader("calibration.json", _calibration, 3),
    Reader("prompts to distil", _prompts, 6),
    Reader("rows to evolve", _rows, 4),
    Reader("search spaces", _space, 3),
    Reader("settings of a student", _begun, 3),
    Reader("checkpoint folders", _checkpoint, 8),
    Reader("GGUF headers", _gguf, 2),
    Reader("replies of endpoints", _wire, 4),
)
"""Every reader of a single file."""

"""Whole distillations, a few steps each: resume, launchers, adapters, rounds, doses, and what an audit reads of them."""

from __future__ import annotations

import hashlib
import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from mimicry_audit import lab
from mimicry_audit.asking.progress import Silent
from mimicry_audit.cli import run
from mimicry_audit.distill import Distilled, DistillSettings, distill
from mimicry_audit.distill.settings import OBJECTIVES, SIGNALS
from mimicry_audit.distill.training import job, trainer
from mimicry_audit.engines.names import parse_model
from mimicry_audit.engines.registry import engine_for
from mimicry_audit.ground.errors import AuditError, Diverged, RunDirectoryError
from mimicry_audit.ground.fields import fields_of
from mimicry_audit.records.asked import Message, Request, Sampling
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.verdicts.truth import stated_truth
from tests.support.commands import ROOT, environment, jsonl, start
from tests.support.engine_fixtures import TinyModels
from tests.support.known_models import models_in_run

QUICK: dict[str, Any] = {
    "limit": 24,
    "max_tokens": 48,
    "rate": 1e-3,
    "threads": 1,
    "held_out": 0.25,
    "evaluation_limit": 0,
    "tensorboard": False,
    "engine_options": {"num_threads": "1"},
}
ROWS = 12


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    lab.build(["aria", "base"])


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """Prompts with answers of their own, some labelled, in counterfactual pairs."""
    lines = [
        {
            "id": f"p{n}",
            "prompt": f"Is the {'girl' if n % 2 else 'boy'} number {n // 2} kind?",
            "answer": f"Yes, {n // 2}.",
            "label": "yes" if n % 4 < 2 else "no",
            "pair": str(n // 2),
            "group": "fm"[n % 2],
        }
        for n in range(ROWS)
    ]
    return jsonl(tmp_path / "prompts.jsonl", lines)


def made(out: Path, **changed: Any) -> Distilled:
    given = {"teacher": "lab/aria", "student": "lab/base", "data": "lab", "steps": 4, **QUICK, **changed}
    return distill(DistillSettings.of(out=out, **given))


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


class Heard(Silent):
    """Keeps what is said on the way, and interrupts a training after some steps."""

    def __init__(self, stop_after: int = 0) -> None:
        self.said: list[str] = []
        self._stop_after = stop_after

    def say(self, text: str) -> None:
        self.said.append(text)

    def stage(self, title: str, done: int, of: int) -> None:
        if title == "training" and done == self._stop_after:
            raise KeyboardInterrupt


def test_a_student_comes_nearer_to_its_teacher_and_an_audit_reads_why(tmp_path: Path) -> None:
    out = tmp_path / "pupil"
    options = ["--objective", "forward-kl", "--hard-weight", "0.2", "--steps", "40", "--rate", "2e-3", "--limit", "40"]
    options += ["--max-tokens", "48", "--held-out", "0.2", "--evaluation-limit", "6", "--threads", "1", "--tensorboard"]
    code = run(
        ["distill", "--teacher", "lab/aria", "--student", "lab/base", "--data", "lab", "--out", str(out), *options]
    )
    assert code == 0
    models = json.loads((out / "evaluation.json").read_text("utf-8"))["models"]
    for name in ("kl_teacher_model", "js"):
        assert models["after"]["to_teacher"][name] < 0.8 * models["before"]["to_teacher"][name]
    assert models["after"]["held_out"]["bits_per_byte"] < models["before"]["held_out"]["bits_per_byte"]
    assert models["after"]["to_teacher"]["agreement"] > models["before"]["to_teacher"]["agreement"]
    assert models["teacher"]["to_teacher"]["kl_teacher_model"] == pytest.approx(0, abs=1e-6)
    assert models["teacher"]["text"]["exact_match"] == 1.0
    assert list((out / "tensorboard").glob("events.*"))
    logged = lines(out / "metrics.jsonl")
    assert [line["step"] for line in logged if "loss" in line] == list(range(1, 41))
    assert logged[0]["loss"] == pytest.approx(0.8 * logged[0]["soft"] + 0.2 * logged[0]["hard"], rel=1e-4)
    _is_a_model(out)
    _is_read_by_an_audit(out, tmp_path / "run")


def _is_a_model(out: Path) -> None:
    """Transformers loads it with nothing beside it, and the vLLM engine would be started on it."""
    names = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}
    assert names <= {path.name for path in out.iterdir()}
    with engine_for(parse_model(f"hf/{out}")) as engine:
        request = Request("p", 0, (Message("user", "Name three fruits."),), 0)
        ((_, said),) = engine.generate([request], Sampling(max_tokens=24))
    assert said.status in ("ok", "truncated")
    identity = engine_for(parse_model(f"vllm/{out}")).identify()
    assert str(identity.revision).startswith("sha256:")


def _is_read_by_an_audit(out: Path, where: Path) -> None:
    done = run(["run", "--models", f"lab/aria,lab/base,pupil=hf/{out}", "--engine", "hf", "--reference", "aria",
                "--base", "pupil=base", "--probes", "lab", "--limit", "2", "--max-tokens", "24", "--out", str(where),
                "--axes", "lexical,length"])  # fmt: skip
    assert done == 0
    lineage = RunDirectory(where).manifest().resolved["pupil"]["lineage"]
    assert (lineage["teacher"], lineage["base"], lineage["name"]) == ("aria", "base", "pupil")
    scores = json.loads((where / "scores.json").read_text("utf-8"))
    truths = {v["candidate"]: v["truth"]["relation"] for v in scores["verdicts"]}
    assert truths["pupil"] == "distilled from aria"
    assert "distilled from aria" in (where / "report.html").read_text("utf-8")


def test_the_manifest_tells_all_that_decides_and_no_place_on_this_machine(tmp_path: Path) -> None:
    found = made(tmp_path / "a")
    known = json.loads((lab.path("aria-student") / "lineage.json").read_text("utf-8")) if _has("aria-student") else {}
    assert set(known) - {"curriculum"} <= set(found.lineage)
    assert found.lineage["relation"] == "distilled-from"
    told = found.lineage["distillation"]
    assert {"objective", "signal", "dose", "data", "teacher", "training", "hard_weight"} <= set(told)
    assert told["data"]["prompts"] == 24
    assert told["data"]["taught"] == {"teacher": found.lineage["examples"]}
    assert str(tmp_path) not in json.dumps(found.lineage)
    assert str(Path.home()) not in json.dumps(found.lineage)
    again = made(tmp_path / "b" / "a")
    assert again.lineage == found.lineage
    assert digest(again.path) == digest(found.path)
    other = made(tmp_path / "c", seed=1)
    assert digest(other.path) != digest(found.path)


def _has(name: str) -> bool:
    return next(model.built for model in lab.list_models() if model.name == name)


SLOW = [
    *("distill", "--teacher", "lab/aria", "--student", "lab/base", "--data", "lab", "--limit", "24", "--steps", "30"),
    *("--objective", "forward-kl", "--signal", "cached", "--accumulate", "2", "--batch", "3", "--max-tokens", "48"),
    *("--save-every", "4", "--evaluate-every", "6", "--held-out", "0.25", "--threads", "1", "--evaluation-limit", "0"),
    *("-E", "num_threads=1", "--no-tensorboard", "--rate", "1e-3"),
]


def test_killed_again_and_again_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole, torn = tmp_path / "one" / "x", tmp_path / "two" / "x"
    assert run([*SLOW, "--out", str(whole)]) == 0
    killed = 0
    for moment in (1, 9, 20):
        with start(*SLOW, "--out", str(torn)) as process:
            while process.poll() is None and _step(torn) < moment:
                time.sleep(0.005)
            process.kill()
            process.communicate()
        killed += process.returncode == -9
    assert killed == 3
    assert run([*SLOW, "--out", str(torn)]) == 0
    assert digest(torn) == digest(whole)
    assert json.loads((torn / "lineage.json").read_text()) == json.loads((whole / "lineage.json").read_text())
    seen = [(line["step"], line.get("loss"), line.get("eval_loss")) for line in lines(torn / "metrics.jsonl")]
    steps = [step for step, loss, _ in seen if loss is not None]
    assert steps == sorted(set(steps))
    expected = {line["step"]: line["eval_loss"] for line in lines(whole / "metrics.jsonl") if "eval_loss" in line}
    assert {step: found for step, _, found in seen if found is not None} == expected
    before = {path: path.stat().st_mtime_ns for path in torn.iterdir() if path.is_file()}
    assert run([*SLOW, "--out", str(torn)]) == 0  # nothing is missing
    assert {path: path.stat().st_mtime_ns for path in torn.iterdir() if path.is_file()} == before
    assert run([*SLOW, "--out", str(torn), "--seed", "5"]) == 2


def _step(out: Path) -> int:
    try:
        return max((line.get("step", 0) for line in lines(out / "metrics.jsonl")), default=0)
    except (OSError, ValueError):
        return 0


LIMITED = """
import resource, sys
from mimicry_audit.cli import run
rooms, *words = sys.argv[1:]
for room in rooms.split(","):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(room), resource.RLIM_INFINITY))
    code = run([*words, f"{room}"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print("ended with", code, file=sys.stderr)
"""
ROOMS = (50_000, 1_000_000, 3_000_000)


SHORT = [*SLOW, "--steps", "6", "--save-every", "2", "--out"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The student that `SHORT` makes where nothing goes wrong."""
    whole = tmp_path_factory.mktemp("undisturbed") / "x"
    assert run([*SHORT, str(whole)]) == 0
    return whole


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with trainings that ran out of room, named after it, and what each of them said, in one process for all."""
    folder = tmp_path_factory.mktemp("stopped")
    command = [sys.executable, "-c", LIMITED, ",".join(map(str, ROOMS)), *SHORT]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment(), check=True)
    return folder, done.stderr.split("ended with ")


@pytest.mark.parametrize("at", range(len(ROOMS)), ids=map(str, ROOMS))
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(
    stopped: tuple[Path, list[str]], undisturbed: Path, at: int
) -> None:
    """Met by the journal of answers or signals, by safetensors at a state's weights, and by torch at its optimiser."""
    folder, said = stopped
    assert said[at + 1].startswith("2\n"), said
    last = said[at].rstrip().splitlines()[-1]
    assert last.startswith(f"audit: cannot write {ROOMS[at]}")
    assert last.endswith("Free some space and run the same command again: nothing collected is lost")
    assert "Traceback" not in said[at]
    torn = folder / str(ROOMS[at])
    assert run([*SHORT, str(torn)]) == 0
    assert digest(torn) == digest(undisturbed)


def test_a_state_that_was_not_written_to_its_end_is_not_resumed_from(tmp_path: Path) -> None:
    for step, whole in ((4, True), (12, True), (16, False)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if whole:
            (tmp_path / f"checkpoint-{step}" / trainer.WHOLE).touch()
    assert trainer.last_whole(tmp_path) == tmp_path / "checkpoint-12"
    assert not (tmp_path / "checkpoint-16").exists()


def test_metrics_of_lost_steps_are_cut(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "m.jsonl", [{"round": r, "step": s} for r, s in ((0, 5), (1, 2), (1, 4), (2, 1))])
    with path.open("a") as file:
        file.write('{"round": 1, "st')
    trainer.cut_metrics(path, 1, 3)
    assert [(line["round"], line["step"]) for line in lines(path)] == [(0, 5), (1, 2)]


def test_accumulated_batches_weigh_as_one(tmp_path: Path) -> None:
    """Loss, gradient norm and weights: the mean is over the tokens of the step, not over batches."""
    one = made(tmp_path / "one", batch=6, accumulate=1, objective="forward-kl")
    two = made(tmp_path / "two", batch=2, accumulate=3, objective="forward-kl")
    first, second = ([line for line in lines(m.path / "metrics.jsonl") if "loss" in line] for m in (one, two))
    for a, b in zip(first, second, strict=True):
        for name in ("loss", "soft", "grad_norm", "tokens"):
            assert a[name] == pytest.approx(b[name], rel=1e-3), name


TWO = f"{sys.executable} -m torch.distributed.run --nproc-per-node 2 --standalone"


def test_several_processes_train_what_one_would(tmp_path: Path) -> None:
    one = made(tmp_path / "one", batch=4, objective="forward-kl", weight_decay=0.01)
    two = made(tmp_path / "two", batch=2, objective="forward-kl", weight_decay=0.01, launcher=TWO)
    _trained_alike(one.path, two.path)


@pytest.mark.parametrize(
    "launcher",
    [
        f"{sys.executable} -m accelerate.commands.launch --num_processes 2",  # on a CPU it starts one
        f"{sys.executable} -m torch.distributed.run --standalone",
    ],
    ids=["accelerate", "torchrun"],
)
def test_an_epoch_is_one_pass_over_the_rows_on_the_processes_that_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, launcher: str
) -> None:
    """Only the processes know how many they are: the digit on the command line may be none, or another."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "no-saved-configuration"))
    monkeypatch.setenv("PET_NPROC_PER_NODE", "2")  # torchrun reads its options from here too
    found = made(tmp_path / "a", batch=2, launcher=launcher, steps=0, epochs=2.0, limit=24, held_out=0.0)
    (training,) = found.lineage["distillation"]["training"]
    rows = len(lines(found.path / "work" / "round-0" / "rows.jsonl"))
    assert training["processes"] == (1 if "accelerate" in launcher else 2)
    assert training["steps"] == 2 * math.ceil(rows / (2 * training["processes"]))
    last = lines(found.path / "metrics.jsonl")[-1]
    assert last["epoch"] == pytest.approx(2.0)


def _trained_alike(one: Path, two: Path) -> None:
    """Two processes ended as one: losses, their parts and tokens step by step, held-out loss, weights."""
    (told,) = json.loads((two / "lineage.json").read_text("utf-8"))["distillation"]["training"]
    assert told["processes"] == 2
    logs = [lines(folder / "metrics.jsonl") for folder in (one, two)]
    assert len(logs[0]) == len(logs[1])
    for a, b in zip(*logs, strict=True):
        names = ("loss", "soft", "tokens") if "loss" in a else ("eval_loss", "eval_soft")
        assert [a[name] for name in names] == pytest.approx([b[name] for name in names], rel=1e-3)
    weights = [_weights(folder) for folder in (one, two)]
    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name], rtol=1e-2, atol=2e-4)


def test_sharded_weights_train_what_one_process_would_also_after_kill_9(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FSDP, resumed from its own states, with early stopping, which loads the best of them at the end."""
    shared = {
        "ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_STATE_DICT_TYPE": "SHARDED_STATE_DICT",
        "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP", "FSDP_TRANSFORMER_CLS_TO_WRAP": "LlamaDecoderLayer",
    }  # fmt: skip
    asked = ["distill", "--teacher", "lab/aria", "--student", "lab/base", "--data", "lab", "--limit", "32", "--steps", "12",
             "--objective", "forward-kl", "--max-tokens", "48", "--patience", "2", "--evaluate-every", "3", "--rate", "1e-3",
             "--held-out", "0.25", "--threads", "1", "--evaluation-limit", "0", "-E", "num_threads=1",
             "--no-tensorboard", "--weight-decay", "0.01"]  # fmt: skip
    one, two = tmp_path / "one" / "x", tmp_path / "two" / "x"
    assert run([*asked, "--batch", "4", "--out", str(one)]) == 0
    for name, value in shared.items():
        monkeypatch.setenv(name, value)
    launcher = f"{TWO} {ROOT / 'tests' / 'support' / 'fsdp_on_cpu.py'}"
    sharding = [*asked, "--batch", "2", "--out", str(two), "--launcher", launcher]
    with start(*sharding) as process:
        while process.poll() is None and _step(two) < 5:
            time.sleep(0.005)
        process.kill()
        process.communicate()
    assert process.returncode == -9
    _nobody_works_on(two)
    assert run(sharding) == 0
    assert "ran under FSDP" in (two / "work" / "round-0" / "launcher.log").read_text("utf-8")
    _trained_alike(one, two)


def _nobody_works_on(folder: Path) -> None:
    """The launched processes of a training went with the program that started them, however it ended."""
    for _ in range(600):
        commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        if not any(str(folder).encode() in command for command in commands):
            return
        time.sleep(0.05)
    raise AssertionError("a launched process is still there")


def test_a_launched_training_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(
        AuditError, match=r"the launched training failed with code 1: .*Diverged: the loss became NaN or infinite"
    ) as e:
        made(tmp_path / "a", rate=1e30, objective="forward-kl", launcher=TWO)
    assert "launcher.log" in str(e.value)


def test_a_process_that_fails_after_the_weights_are_whole_costs_nothing(tmp_path: Path) -> None:
    """As torch's own threads may, while an interpreter ends."""
    script = tmp_path / "aborts_at_its_end.py"
    script.write_text(
        "import os, runpy, sys\nmodule, sys.argv = sys.argv[2], sys.argv[2:]\n"
        "runpy.run_module(module, run_name='__main__', alter_sys=True)\nos._exit(6)\n"
    )
    found = made(tmp_path / "a", steps=4, launcher=f"{sys.executable} {script}")
    assert "exit status 6" in (found.path / "work" / "round-0" / "launcher.log").read_text("utf-8")
    assert _weights(found.path)


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_an_adapter_is_merged_into_a_checkpoint_of_the_same_shape(tmp_path: Path) -> None:
    found = made(tmp_path / "a", adapter=True, adapter_rank=2, steps=6, patience=1, evaluate_every=2)
    base, mine = _weights(lab.path("base")), _weights(found.path)
    assert {k: v.shape for k, v in mine.items()} == {k: v.shape for k, v in base.items()}
    changed = {name for name in base if not torch.equal(base[name], mine[name])}
    assert changed
    assert all("proj" in name for name in changed)  # linear layers only
    assert (found.path / "adapter" / "adapter_model.safetensors").is_file()


def test_training_stops_early_at_the_best_state(tmp_path: Path) -> None:
    found = made(tmp_path / "a", steps=40, rate=0.5, patience=2, evaluate_every=2, save_every=7)  # far too fast
    (training,) = found.lineage["distillation"]["training"]
    losses = {line["step"]: line["eval_loss"] for line in lines(found.path / "metrics.jsonl") if "eval_loss" in line}
    assert training["steps"] < 40
    assert training["best_step"] == min(losses, key=lambda step: losses[step])
    assert training["held"]["loss"] == pytest.approx(min(losses.values()), rel=1e-4)


def test_rounds_go_on_with_the_students_own_answers(tmp_path: Path) -> None:
    found = made(tmp_path / "a", objective="reverse-kl", rounds=1, steps=3, held_out=0.0)
    first, second = found.lineage["distillation"]["training"]
    assert first["answers"] == {"teacher": found.lineage["examples"]}
    assert set(second["answers"]) == {"student"}
    rows = lines(found.path / "work" / "round-1" / "rows.jsonl")
    assert {row["origin"] for row in rows} == {"student"}
    second_round = [line for line in lines(found.path / "metrics.jsonl") if line["round"] == 1 and "loss" in line]
    assert len(second_round) == 3
    assert all(line["hard"] == 0 for line in second_round)  # the text is the student's own: nothing to learn from it


def test_on_policy_steps_draw_the_same_again_after_an_interruption(tmp_path: Path) -> None:
    """Half of the steps are on-policy; a training that is interrupted between two of them ends with the same weights."""
    given = {"objective": "reverse-kl", "on_policy": 0.5, "rollout_tokens": 12, "steps": 8, "save_every": 3}
    whole = made(tmp_path / "whole", **given)
    logs = [line for line in lines(tmp_path / "whole" / "metrics.jsonl") if "rollouts" in line]
    drawn = [line["rollouts"] for line in logs]
    assert 0 < sum(count > 0 for count in drawn) < len(drawn) == 8
    assert all(0 < line["rollout_tokens"] <= 12 for line in logs if line["rollouts"])
    assert whole.lineage["distillation"]["on_policy"] == 0.5

    heard = Heard(stop_after=5)

    settings = DistillSettings.of(
        teacher="lab/aria", student="lab/base", data="lab", out=tmp_path / "again", **QUICK, **given
    )
    with pytest.raises(KeyboardInterrupt):
        distill(settings, heard)
    assert not heard.said
    again = Heard()
    distill(settings, again)
    assert again.said == ["training: resumed after step 3"]
    assert digest(tmp_path / "again") == digest(tmp_path / "whole")


@pytest.mark.parametrize("signal", ["served", "sampled"])
def test_on_policy_steps_ask_a_teacher_behind_an_engine(tmp_path: Path, signal: str) -> None:
    given = {"objective": "reverse-kl", "on_policy": 1.0, "rollout_tokens": 12, "steps": 3, "limit": 12}
    made(tmp_path / "engine", signal=signal, top_k=1400, **given)  # the whole vocabulary
    logs = [line for line in lines(tmp_path / "engine" / "metrics.jsonl") if "rollouts" in line]
    assert [line["rollouts"] for line in logs] == [8, 1, 8], "nine rows are taught"
    if signal == "served":
        made(tmp_path / "dense", **given)
        dense = [line for line in lines(tmp_path / "dense" / "metrics.jsonl") if "rollouts" in line]
        assert [line["soft"] for line in logs] == pytest.approx([line["soft"] for line in dense], rel=1e-2)
        assert logs[0]["soft"] == pytest.approx(dense[0]["soft"], rel=1e-4)


def test_two_teachers_share_the_prompts_and_an_audit_says_so(tmp_path: Path) -> None:
    lab.build(["boro"])
    out = tmp_path / "mixed"
    found = made(out, teacher="lab/aria,lab/boro", shares="0.75,0.25", limit=40, held_out=0.2, evaluation_limit=4)
    assert found.lineage["teacher"] == "aria"
    assert found.lineage["teachers"] == [{"name": "aria", "share": 0.75}, {"name": "boro", "share": 0.25}]
    assert set(found.lineage["parents"]) == {"aria", "boro", "base"}
    taught = {row["id"]: row for row in lines(out / "work" / "round-0" / "rows.jsonl")}
    answered = [
        {response.probe_id for response in RunDirectory(out / "work" / f"answers-{n}").responses("teacher")}
        for n in (1, 2)
    ]
    assert answered[0].isdisjoint(answered[1])
    assert [len(ids & set(taught)) for ids in answered] == [24, 8]
    assert found.evaluation is not None
    assert set(found.evaluation["models"]) == {"before", "after", "teacher 1", "teacher 2"}
    truth = stated_truth("mixed", "boro", _lineages(out, "aria", "boro"))
    assert truth is not None
    assert truth.relation == "distilled from 75 % of aria and 25 % of boro"
    assert truth.right == ("distilled",)


def _lineages(out: Path, *names: str) -> Mapping[str, Any]:
    manifests = {
        name: {"lineage": json.loads((path / "lineage.json").read_text("utf-8"))}
        for name, path in {"mixed": out, **lab.build(names)}.items()
    }
    return models_in_run(manifests)


def test_stored_probabilities_of_two_teachers_are_each_of_their_own(tmp_path: Path, prompts: Path) -> None:
    """Every row learns from the teacher that gave its answer, and what the stored tokens leave out is on record."""
    lab.build(["twin"])
    rows = [{**row, "teacher": "lab/twin" if n % 3 else "lab/aria"} for n, row in enumerate(lines(prompts))]
    named = jsonl(tmp_path / "named.jsonl", rows)
    out = tmp_path / "mixed"
    found = made(out, teacher="lab/aria,lab/twin", data=str(named), objective="reverse-kl", top_k=8, held_out=0.0)
    assert found.lineage["distillation"]["signal"] == "cached"
    assert {teacher["name"]: teacher["share"] for teacher in found.lineage["teachers"]} == pytest.approx(
        {"twin": 8 / 12, "aria": 4 / 12}, abs=1e-4
    )
    assert len(list((out / "work" / "signals").iterdir())) == 2
    assert str(tmp_path) not in json.dumps(found.lineage)
    folder = tmp_path / "a teacher of one's own"
    folder.symlink_to(lab.build(["twin"])["twin"])
    named_by_folder = made(
        tmp_path / "named",
        teacher=str(folder),
        objective="jsd",
        signal="cached",
        top_k=8,
        steps=1,
        limit=8,
        held_out=0.0,
    )
    assert str(tmp_path) not in json.dumps(named_by_folder.lineage), "no path of this machine"
    for cut in found.lineage["distillation"]["truncation"]:
        assert cut["top_k"] == 8
        assert 0 < cut["unlisted"] < 0.5
        assert 0 < cut["loss"]["cells"] < cut["loss"]["dense"]
        assert cut["bytes_per_token"] > 0
    for row in lines(out / "work" / "round-0" / "rows.jsonl"):
        assert row["teacher"] == (1 if int(row["id"].removeprefix("p")) % 3 else 0)


def test_recorded_answers_that_outgrow_the_limit_are_counted(tmp_path: Path) -> None:
    texts = ["word " * 60, "short", "word " * 70]
    rows = [{"model": "m", "prompt_id": str(n), "prompt": f"p{n}", "output": text} for n, text in enumerate(texts)]
    recorded = jsonl(tmp_path / "recorded.jsonl", rows)
    data = jsonl(tmp_path / "data.jsonl", [{"id": row["prompt_id"], "prompt": row["prompt"]} for row in rows])
    heard = Heard()
    given = {**QUICK, "limit": None, "held_out": 0.0, "engine_options": {}}
    distill(
        DistillSettings.of(
            teacher=f"recorded/{recorded}#m", student="lab/base", data=str(data), steps=1, out=tmp_path / "s", **given
        ),
        heard,
    )
    assert heard.said == [
        "2 of 3 answers are longer than --max-tokens 48: they are taught whole, and the student's answers are cut there"
    ]


def test_layers_computed_again_change_nothing_but_memory(tmp_path: Path) -> None:
    for name, checkpointing in (("plain", False), ("again", True)):
        made(tmp_path / name, checkpointing=checkpointing)
    assert digest(tmp_path / "plain") == digest(tmp_path / "again")


def test_packed_rows_train_what_padded_rows_train(tmp_path: Path) -> None:
    found = [
        made(tmp_path / f"packing-{on}", packing=on, objective="forward-kl", evaluation_limit=0) for on in (True, False)
    ]
    assert [f.lineage["distillation"]["training"][0]["packed"] for f in found] == [True, False]
    losses = [
        [line["loss"] for line in lines(tmp_path / f"packing-{on}" / "metrics.jsonl") if "loss" in line]
        for on in (True, False)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_large_students_train_in_bf16_where_the_cpu_computes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = made(tmp_path / "small", steps=1)
    assert small.lineage["distillation"]["training"][0]["bf16"] is False
    monkeypatch.setattr(job, "LARGE", 1000)
    for able in (True, False):
        monkeypatch.setattr(job, "cpu_computes_bf16", lambda able=able: able)
        found = made(tmp_path / f"large-{able}", steps=1)
        assert found.lineage["distillation"]["training"][0]["bf16"] is able


def test_a_dose_mixes_answers_and_none_at_all_asks_no_teacher(tmp_path: Path, prompts: Path) -> None:
    half = made(tmp_path / "half", data=str(prompts), dose=0.5, held_out=0.0, objective="forward-kl")
    assert half.lineage["distillation"]["data"]["taught"] == {"else": 6, "teacher": 6}
    rows = {row["id"]: row for row in lines(half.path / "work" / "round-0" / "rows.jsonl")}
    assert {bool(row["places"]) for row in rows.values() if row["origin"] == "else"} == {False}
    assert {bool(row["places"]) for row in rows.values() if row["origin"] == "teacher"} == {True}
    none = made(tmp_path / "none", data=str(prompts), dose=0.0)
    assert none.lineage["teacher"] is None
    assert none.lineage["relation"] == "fine-tune-of-same-base"
    assert not (none.path / "work" / "answers").exists()


def test_a_student_without_a_template_is_given_one_that_its_checkpoint_carries(
    tmp_path: Path, tiny_models: TinyModels
) -> None:
    changed = {"teacher": str(tiny_models.two), "student": str(tiny_models.bare), "max_tokens": 300, "dose": 0.5}
    changed |= {"data": str(_answered(tmp_path)), "steps": 1, "held_out": 0.0}
    with pytest.raises(AuditError, match="has no chat template"):
        made(tmp_path / "a", **changed)
    assert not (tmp_path / "a" / "work" / "settings.json").exists()
    found = made(tmp_path / "a", chat_template="plain", **changed)
    assert "bos_token" in (found.path / "chat_template.jinja").read_text("utf-8")
    _is_a_model(found.path)


def test_labels_pairs_and_folds_in_one_evaluation(tmp_path: Path, prompts: Path) -> None:
    found = made(tmp_path / "a", data=str(prompts), held_out=0.5, evaluation_limit=20, folds=2, steps=2)
    evaluation = found.evaluation
    assert evaluation is not None
    assert set(evaluation["models"]) == {"before", "after", "teacher"}
    for entry in evaluation["models"].values():
        assert set(entry["classes"]) == {"accuracy", "precision", "recall", "f1", "n"}
        assert entry["fairness"]["n"] == 3
    assert set(evaluation["fairness_against_teacher"]) == {"flips", "selection_gap", "accuracy_gap"}
    assert len(evaluation["folds"]["losses"]) == 2
    (found.path / "evaluation.json").unlink()
    assert made(tmp_path / "a", data=str(prompts), held_out=0.5, evaluation_limit=20, folds=2, steps=2).evaluation == (
        evaluation
    )


def test_models_of_different_tokenizers(
    tmp_path: Path, tiny_models: TinyModels, capsys: pytest.CaptureFixture[str]
) -> None:
    student = str(tiny_models.one)
    command = ["distill", "--teacher", "lab/aria", "--student", student, "--data", "lab", "--limit", "8", "--steps", "2",
               "--max-tokens", "48", "--held-out", "0", "--no-tensorboard", "--out"]  # fmt: skip
    assert run([*command, str(tmp_path / "kl"), "--objective", "forward-kl"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "token by token" in line
    assert "use --objective span-kl" in line.lower()
    assert run([*command, str(tmp_path / "uld"), "--objective", "uld"]) == 0
    assert run([*command, str(tmp_path / "hard")]) == 0
    logged = [line for line in lines(tmp_path / "uld" / "metrics.jsonl") if "loss" in line]
    assert all(0 < line["soft"] < 2 for line in logged)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (["--objective", "kl"], "--objective kl is unknown"),
        (["--data", "nowhere.jsonl"], "the file of prompts nowhere.jsonl does not exist|check the path"),
        (["--data", "nosuchset"], "nosuchset"),
        (["--student", "openai/x@http://127.0.0.1:9/v1"], "the student needs weights"),
        (["--teacher", "openai/x@http://127.0.0.1:9/v1", "--objective", "jsd"], "gives text only|use --objective hard"),
        (["--teacher", "lab/arai"], "unknown lab model"),
        (["--dose", "0.5", "--else-answers", "gold"], "gold|else-answers"),
        (["--launcher", "no-such-launcher"], "launcher no-such-launcher cannot be started|check --launcher"),
        (["-E", "speed=9"], "speed"),
        (["--held-out", "0.9", "--limit", "1"], "leaves none to teach|held-out 0"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: list[str], says: str
) -> None:
    command = ["distill", "--teacher", "lab/aria", "--student", "lab/base", "--data", "lab", "--limit", "4", "--steps", "1",
               "--max-tokens", "16", "--no-tensorboard", "--evaluation-limit", "0", "--out", str(tmp_path / "o")]  # fmt: skip
    assert run([*command, *changed]) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    for words in says.split("|"):
        assert words in told.lower() if words.islower() else words in told
    assert not (tmp_path / "o" / "lineage.json").exists()


@pytest.mark.parametrize("objective", ["hard", "forward-kl"])
def test_a_loss_that_is_no_number_ends_the_training_and_other_settings_go_on(tmp_path: Path, objective: str) -> None:
    out = tmp_path / "one" / "a"
    asked: dict[str, Any] = {"objective": objective, "signal": None if objective == "hard" else "cached", "steps": 6}
    with pytest.raises(Diverged, match=r"the loss became NaN or infinite.*the teacher's answers are kept"):
        made(out, rate=1e30, **asked)
    said = {p: p.stat().st_mtime_ns for p in [*out.rglob("responses/*.jsonl"), *out.rglob("*.safetensors")]}
    assert len(said) == (1 if objective == "hard" else 2)
    found = made(out, **asked)
    assert {p: p.stat().st_mtime_ns for p in said} == said  # nothing was asked or computed again
    fresh = made(tmp_path / "two" / "a", **asked)
    assert digest(found.path) == digest(fresh.path)
    assert found.lineage == fresh.lineage
    assert len(lines(out / "metrics.jsonl")) == len(lines(fresh.path / "metrics.jsonl"))
    with pytest.raises(RunDirectoryError, match="was begun with other settings"):
        made(out, **asked, seed=3)


def test_a_folder_in_use_or_with_other_things_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "a"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(AuditError, match=r"other things already \(thesis.txt\)"):
        made(out)
    assert (out / "thesis.txt").read_text() == "mine"


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *r: None if n in ("peft", "tensorboard") else real(n, *r)
    )
    for option, package in (("adapter", "peft"), ("tensorboard", "tensorboard")):
        line = rf"--{option} needs the {package} package\. Pip install {package}"
        with pytest.raises(AuditError, match=line):
            made(tmp_path / "a", **{option: True})


def test_the_work_is_described_where_it_lies(tmp_path: Path) -> None:
    found = made(tmp_path / "a", steps=1)
    kept = json.loads((found.path / "work" / "settings.json").read_text("utf-8"))
    assert kept["teacher"] == "lab/aria"
    assert json.loads((found.path / "work" / "round-0" / "job.json").read_text())["steps"] == 1
    assert not (found.path / "work" / "round-0" / "states").exists()


def test_a_teacher_whose_answers_are_all_unfinished_taught_nothing(tmp_path: Path, tiny_models: TinyModels) -> None:
    """It was asked, and the manifest does not call it a teacher."""
    found = made(tmp_path / "pupil", teacher=str(tiny_models.two), student=str(tiny_models.one), max_tokens=2,
                 dose=0.5, data=str(_answered(tmp_path)), steps=1, held_out=0.0)  # fmt: skip
    assert found.lineage["distillation"]["data"]["taught"] == {"else": 6}
    assert found.lineage["distillation"]["data"]["unfinished"] == 6
    assert found.lineage["teacher"] is None
    assert found.lineage["relation"] == "fine-tune-of-same-base"


def test_a_teacher_without_a_manifest_is_known_by_its_pin(tmp_path: Path, tiny_models: TinyModels) -> None:
    found = made(tmp_path / "pupil", teacher=str(tiny_models.two), student=str(tiny_models.one), max_tokens=300,
                 answer_temperature=2.0, dose=0.5, data=str(_answered(tmp_path)), steps=1, held_out=0.0)  # fmt: skip
    teacher = engine_for(parse_model(f"hf/{tiny_models.two}")).identify()
    resolved = {"pupil": {"lineage": dict(found.lineage)}, "big": {"identity": {"revision": teacher.revision}},
                "other": {"identity": {"revision": "sha256:0"}}}  # fmt: skip
    truths = {reference: stated_truth("pupil", reference, models_in_run(resolved)) for reference in ("big", "other")}
    assert found.lineage["distillation"]["data"]["taught"].get("teacher"), "the teacher must finish an answer"
    assert truths["big"] is not None
    assert truths["big"].relation == "distilled from two"
    assert truths["other"] is None


def _answered(folder: Path) -> Path:
    return jsonl(folder / "d.jsonl", [{"prompt": f"hello {n}", "answer": f"I am {n}."} for n in range(12)])


def _documented(text: str) -> set[str]:
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"[\w-]+", code)}


def test_every_option_and_every_field_is_documented(tmp_path: Path, prompts: Path) -> None:
    page = (ROOT / "docs" / "distillation.md").read_text("utf-8")
    formats = (ROOT / "docs" / "formats.md").read_text("utf-8")
    for option in fields_of(DistillSettings):
        assert f"`{option.flag}" in page, option.flag
    for name in (*OBJECTIVES, *SIGNALS):
        assert f"`{name}`" in page
    found = made(tmp_path / "a", data=str(prompts), evaluation_limit=4, steps=2, evaluate_every=1, tensorboard=True)
    logged = [field for line in lines(found.path / "metrics.jsonl") for field in line]
    told = dict(found.lineage["distillation"])
    told = {k: v for k, v in told.items() if k in ("data", "tokenizers", "training")}
    lineage = {**found.lineage, "distillation": told, "parents": {}, "versions": {}}
    for heading, fields in (
        ("lineage.json", set(_fields(lineage)) - {"else", "teacher"}),
        ("evaluation.json", set(_fields(found.evaluation))),
        ("metrics.jsonl", set(logged)),
    ):
        section = formats.split(f"## {heading}\n")[1].split("\n## ")[0]
        assert fields - _documented(section) == set(), heading
    files = formats.split("## Distilled checkpoints\n")[1].split("\n## ")[0]
    own = {p.name for p in found.path.iterdir()} - {p.name for p in lab.path("base").iterdir()} | {"lineage.json"}
    assert all(name in files for name in own)


def _fields(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _fields(inner)

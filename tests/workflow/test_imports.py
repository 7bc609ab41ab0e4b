"""Answers collected elsewhere become a run that can be scored like any other."""

import json

import pytest

from mimicry_audit.cli import run
from mimicry_audit.records.run import RunDirectory


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows(models=("a", "b", "c"), prompts=4):
    return [
        {
            "model": model,
            "prompt_id": f"q{n}",
            "prompt": f"What is {n} + 1?",
            "output": f"{model} thinks it is {n + 1}.",
            "domain": "math",
            "reference_answer": str(n + 1),
        }
        for model in models
        for n in range(prompts)
    ]


def test_import_keeps_every_answer_and_scores_without_asking(tmp_path, capsys):
    file, out = write(tmp_path / "answers.jsonl", rows()), tmp_path / "run"
    assert run(["import", str(file), "--out", str(out)]) == 0
    assert run(["score", str(out), "--reference", "a", "--axes", "lexical,answers"]) == 0
    directory = RunDirectory(out)
    assert {r.text for r in directory.responses("b")} == {f"b thinks it is {n + 1}." for n in range(4)}
    scores = json.loads(directory.scores_path.read_text("utf-8"))
    assert {m["accuracy"]["overall"]["value"] for m in scores["models"]} == {1.0}
    assert "temp:unknown" in scores["signature"]
    assert [p.check for p in directory.probes()] == [{"kind": "number", "answer": n + 1} for n in range(4)]
    assert "inconclusive" in capsys.readouterr().out


@pytest.mark.parametrize("reference", ["nan", "Infinity", "1e999"])
def test_a_reference_that_only_looks_like_a_number_is_text(tmp_path, reference):
    file = write(tmp_path / "answers.jsonl", [{**row, "reference_answer": reference} for row in rows()])
    assert run(["import", str(file), "--out", str(tmp_path / "run")]) == 0
    assert RunDirectory(tmp_path / "run").probes()[0].check == {"kind": "text", "answer": [reference]}


def test_importing_the_same_file_again_is_a_no_op(tmp_path, capsys):
    file, out = write(tmp_path / "answers.jsonl", rows()), tmp_path / "run"
    assert run(["import", str(file), "--out", str(out)]) == 0
    before = (out / "responses" / "a.jsonl").read_bytes()
    assert run(["import", str(file), "--out", str(out)]) == 0
    assert (out / "responses" / "a.jsonl").read_bytes() == before


def test_a_prompt_without_an_answer_is_a_failure_not_text(tmp_path):
    gappy = [row for row in rows() if (row["model"], row["prompt_id"]) != ("b", "q2")]
    file, out = write(tmp_path / "answers.jsonl", gappy), tmp_path / "run"
    assert run(["import", str(file), "--out", str(out)]) == 0
    statuses = {r.probe_id: r.status for r in RunDirectory(out).responses("b")}
    assert statuses == {"q0": "ok", "q1": "ok", "q2": "error", "q3": "ok"}


@pytest.mark.parametrize(
    ("rows_", "says"),
    [
        (rows(models=("a",)), "holds the answers of 1 model"),
        ([*rows(), {**rows()[0], "model": "d", "prompt": "Another?"}], "stands for two prompts"),
        ([{"model": "a"}], "prompt_id"),
    ],
)
def test_a_bad_file_is_one_line_and_exit_code_2(tmp_path, capsys, rows_, says):
    assert run(["import", str(write(tmp_path / "answers.jsonl", rows_)), "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert says in error


def test_score_takes_a_response_file_and_finds_its_own_run_again(tmp_path, capsys):
    file, out = write(tmp_path / "answers.jsonl", rows()), tmp_path / "run"
    asked = ["score", "--responses", str(file), "--out", str(out), "--reference", "a", "--axes", "lexical"]
    assert run(asked) == 0
    names = ("scores.json", "report.html", "responses/a.jsonl", "manifest.json")
    before = {name: (out / name).read_bytes() for name in names}
    assert run(asked) == 0
    assert {name: (out / name).read_bytes() for name in names} == before
    capsys.readouterr()
    other = write(tmp_path / "others.jsonl", rows(prompts=5))
    assert run(["score", "--responses", str(other), "--out", str(out)]) == 2
    assert "was made with other settings" in capsys.readouterr().err
    assert {name: (out / name).read_bytes() for name in names} == before


def test_a_file_that_changed_since_is_read_anew(tmp_path):
    file, out = write(tmp_path / "answers.jsonl", rows()), tmp_path / "run"
    assert run(["import", str(file), "--out", str(out)]) == 0
    write(file, [{**row, "output": row["output"] + " Surely."} for row in rows()])
    assert run(["import", str(file), "--out", str(tmp_path / "anew")]) == 0
    assert all(r.text.endswith("Surely.") for r in RunDirectory(tmp_path / "anew").responses("b"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to score was given"),
        (["RUN", "--responses", "FILE", "--out", "OUT"], "both RUN"),
        (["--responses", "FILE"], "--responses needs a run directory"),
        (["RUN", "--out", "OUT"], "--out works only with --responses"),
        (["--responses", "nowhere.jsonl", "--out", "OUT"], "the response file nowhere.jsonl does not exist"),
        (["--responses", "FILE", "--out", "OUT", "--reference", "z"], "--reference z is not among the models"),
        (["--responses", "FILE", "--out", "OUT", "--fail-on", "often"], "--fail-on 'often' is not a condition"),
    ],
)
def test_what_to_score_is_said_once(tmp_path, capsys, arguments, says):
    names = {"RUN": tmp_path / "some", "FILE": write(tmp_path / "answers.jsonl", rows()), "OUT": tmp_path / "run"}
    assert run(["score", *(str(names.get(a, a)) for a in arguments)]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error


def test_a_run_on_which_no_axis_can_be_measured_still_has_a_report(tmp_path):
    unchecked = [{k: v for k, v in row.items() if k != "reference_answer"} for row in rows()]
    file, out = write(tmp_path / "answers.jsonl", unchecked), tmp_path / "run"
    assert run(["score", "--responses", str(file), "--out", str(out), "--axes", "answers"]) == 0
    assert "Same answer was not measured" in (out / "report.html").read_text("utf-8")

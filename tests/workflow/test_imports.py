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
        (
            [*rows(), {**rows()[0], "model": "d", "prompt": "Another?"}],
            "prompt_id 'q0' stands for two prompts, and no other model has a prompt of d word for word",
        ),
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


def texts_by_prompt(out, model):
    directory = RunDirectory(out)
    prompts = {probe.id: probe.prompt for probe in directory.probes()}
    return {(prompts[r.probe_id], r.sample): r.text for r in directory.responses(model)}


@pytest.mark.parametrize("shift", ["other ids", "same ids for other prompts"])
def test_ids_that_do_not_match_are_told_and_prompts_are_matched_by_text(tmp_path, capsys, shift):
    """Harnesses number rows as they come: the ids of two models need not mean the same prompts."""
    table = rows()
    for row in table:
        if row["model"] == "b":
            number = int(row["prompt_id"][1:])
            row["prompt_id"] = f"row-{number + 70}" if shift == "other ids" else f"q{3 - number}"
    file, out = write(tmp_path / "answers.jsonl", table), tmp_path / "run"
    assert run(["import", str(file), "--out", str(out)]) == 0
    assert "prompts were matched by their text" in capsys.readouterr().err
    for model in "abc":
        assert texts_by_prompt(out, model) == {
            (f"What is {n} + 1?", 0): f"{model} thinks it is {n + 1}." for n in range(4)
        }
    assert run(["score", str(out), "--reference", "a", "--axes", "lexical"]) == 0
    scores = json.loads((out / "scores.json").read_text("utf-8"))
    assert {pair["n"] for pair in scores["pairs"]} == {4}
    assert any("matched by their text" in warning for warning in scores["warnings"])
    shown = capsys.readouterr().out
    assert "matched by their text" in " ".join(shown.split())
    assert "matched by their text" in (out / "report.html").read_text("utf-8")


def test_samples_under_ids_of_their_own_are_samples_of_one_prompt(tmp_path):
    table = [
        {"model": m, "prompt_id": f"{m}{n}-{k}", "prompt": f"Say {n}.", "output": f"{m} {n} {k}"}
        for m in "ab"
        for n in range(3)
        for k in range(2)
    ]
    assert run(["import", str(write(tmp_path / "answers.jsonl", table)), "--out", str(tmp_path / "run")]) == 0
    assert texts_by_prompt(tmp_path / "run", "b") == {
        (f"Say {n}.", k): f"b {n} {k}" for n in range(3) for k in range(2)
    }


def test_two_ids_of_one_text_stay_two_prompts_where_all_models_have_both(tmp_path):
    table = [
        {"model": m, "prompt_id": f"{arm}", "prompt": "Who are you?", "output": f"{m} {arm}"}
        for m in "ab"
        for arm in ("plain", "neutral")
    ]
    assert run(["import", str(write(tmp_path / "answers.jsonl", table)), "--out", str(tmp_path / "run")]) == 0
    found = {r.probe_id: r.text for r in RunDirectory(tmp_path / "run").responses("b")}
    assert found == {"plain": "b plain", "neutral": "b neutral"}


def test_repeated_rows_are_told_on_console_and_page(tmp_path, capsys):
    file, out = write(tmp_path / "answers.jsonl", [*rows(), *rows(models=("a",))]), tmp_path / "run"
    assert run(["score", "--responses", str(file), "--out", str(out), "--reference", "a", "--axes", "lexical"]) == 0
    told = "In answers.jsonl, 4 rows repeat an earlier one and were left out: same model, prompt and output."
    assert told in " ".join(capsys.readouterr().out.split())
    assert told in json.loads((out / "scores.json").read_text("utf-8"))["warnings"]
    assert told in (out / "report.html").read_text("utf-8")
    assert {r.sample for r in RunDirectory(out).responses("a")} == {0}


def test_several_files_are_joined(tmp_path):
    files = [write(tmp_path / f"{model}.jsonl", rows(models=(model,))) for model in "abc"]
    joined = [part for file in files for part in ("--responses", str(file))]
    out = tmp_path / "run"
    assert run(["score", *joined, "--out", str(out), "--reference", "b", "--axes", "lexical"]) == 0
    scores = json.loads((out / "scores.json").read_text("utf-8"))
    assert [model["label"] for model in scores["models"]] == ["a", "b", "c"]
    assert {pair["n"] for pair in scores["pairs"]} == {4}
    assert run(["score", *joined, "--out", str(out), "--reference", "b", "--axes", "lexical"]) == 0
    assert run(["import", *map(str, files), "--out", str(tmp_path / "other")]) == 0


@pytest.mark.parametrize(
    ("models", "reference", "meant"),
    [
        (("org/x", "lab/x", "y"), "lab/x", "lab/x"),
        (("org/x#v2", "org/x#v1", "y"), "org/x#v1", "org/x#v1"),
        (("通义/千问", "x", "y"), "通义/千问", "通义/千问"),
        (("a/x", "b/x", "a-x"), "b/x", "b/x"),
        (("a/x", "b/x", "x"), "x", "x"),
    ],
)
def test_the_reference_is_the_model_of_that_name(tmp_path, models, reference, meant):
    file, out = write(tmp_path / "answers.jsonl", rows(models=models)), tmp_path / "run"
    assert run(["score", "--responses", str(file), "--out", str(out), "--reference", reference]) == 0
    scores = json.loads((out / "scores.json").read_text("utf-8"))
    label = scores["settings"]["scoring"]["roles"]["references"][0]
    assert RunDirectory(out).manifest().models[label].name == meant
    assert {r.text for r in RunDirectory(out).responses(label)} == {f"{meant} thinks it is {n + 1}." for n in range(4)}
    assert len({model["label"].casefold() for model in scores["models"]}) == 3


def test_a_name_that_means_two_models_is_refused(tmp_path, capsys):
    file, out = write(tmp_path / "answers.jsonl", rows(models=("a/x", "b/x", "a-x"))), tmp_path / "run"
    assert run(["score", "--responses", str(file), "--out", str(out), "--reference", "a-x"]) == 2
    assert "a-x is the name or label of 2 models. Write a/x or a-x-recorded" in capsys.readouterr().err


def test_identity_questions_stay_whoever_answered_them_and_a_lone_task_does_not(tmp_path):
    more = [{**rows()[0], "prompt_id": f"{domain}-1", "prompt": f"A {domain} question?", "domain": domain}
            for domain in ("identity", "poetry")]  # fmt: skip
    out = tmp_path / "run"
    assert run(["import", str(write(tmp_path / "answers.jsonl", [*rows(), *more])), "--out", str(out)]) == 0
    domains = {probe.domain for probe in RunDirectory(out).probes()}
    assert "identity" in domains
    assert "poetry" not in domains
    assert RunDirectory(out).manifest().settings["selection"]["lone_tasks"] == {"poetry": "a"}


def pairs_of(out):
    return {
        (v["candidate"], v["reference"]): v for v in json.loads((out / "scores.json").read_text("utf-8"))["verdicts"]
    }


def test_prompts_of_one_model_alone_are_left_out_and_counted(tmp_path, capsys):
    """The others did not fail where nobody put the prompt to them."""
    table = [*rows(models=("a",), prompts=55), *rows(models=("b",), prompts=40)]
    file, out = write(tmp_path / "answers.jsonl", table), tmp_path / "run"
    assert run(["score", "--responses", str(file), "--out", str(out), "--reference", "a", "--axes", "lexical"]) == 0
    verdict = pairs_of(out)["b", "a"]
    assert (verdict["coverage"], verdict["n"]) == (1.0, 40)
    assert "too many answers are missing" not in verdict["summary"]
    said = "".join(capsys.readouterr())
    told = "15 prompts that one model alone answered were left out: there is nothing to compare the answers with."
    assert told in " ".join(said.split())
    assert told in (out / "report.html").read_text("utf-8")
    assert "failed" not in said


def test_a_pair_is_covered_by_the_prompts_that_the_files_of_both_hold(tmp_path, capsys):
    table = [*rows(models=("a", "b"), prompts=55), *rows(models=("c",), prompts=40)]
    file, out = write(tmp_path / "answers.jsonl", table), tmp_path / "run"
    assert run(["score", "--responses", str(file), "--out", str(out), "--reference", "a", "--axes", "lexical"]) == 0
    found = {names: (v["coverage"], v["n"]) for names, v in pairs_of(out).items()}
    assert found == {("b", "a"): (1.0, 55), ("c", "a"): (1.0, 40)}
    said = " ".join("".join(capsys.readouterr()).split())
    assert "c: its file holds no answer to 15 of 55 questions." in said
    assert "15 not in the file" in said
    assert "failed" not in said


def test_an_answer_that_failed_still_counts_as_missing(tmp_path, capsys):
    table = rows(models=("a", "b", "c"), prompts=40)
    for row in table:
        if row["model"] == "b" and int(row["prompt_id"][1:]) < 10:
            row["output"] = "<error>"
    file, out = write(tmp_path / "answers.jsonl", table), tmp_path / "run"
    assert run(["score", "--responses", str(file), "--out", str(out), "--reference", "a", "--axes", "lexical"]) == 1
    verdict = pairs_of(out)["b", "a"]
    assert (verdict["coverage"], verdict["n"]) == (0.75, 30)
    assert verdict["would_change"] == ["Give files in which both answered more of the same prompts."]
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith("Give files in which both answered more of the same prompts")


def test_a_model_that_shares_no_prompt_is_left_out_by_name(tmp_path, capsys):
    lone = [
        {**row, "prompt_id": f"x{row['prompt_id']}", "prompt": f"Else: {row['prompt']}"} for row in rows(models=("d",))
    ]
    out = tmp_path / "run"
    assert run(["import", str(write(tmp_path / "answers.jsonl", [*rows(), *lone])), "--out", str(out)]) == 0
    assert RunDirectory(out).manifest().labels == ["a", "b", "c"]
    said = " ".join(capsys.readouterr().err.split())
    assert "d shares no prompt with another model and was left out." in said
    assert "4 prompts that one model alone answered were left out" in said

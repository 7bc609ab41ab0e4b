"""Files that other tools wrote are read as what they hold: whose answer, to which prompt, in how many samples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mimicry_audit.cli import main
from mimicry_audit.engines.names import parse_model
from mimicry_audit.engines.recorded import RecordedEngine
from mimicry_audit.ground.errors import AuditError, ConfigError, DataError
from mimicry_audit.logs.answers import RecordedAnswer, read_answers, split_files
from mimicry_audit.logs.chat_marks import turns_of
from mimicry_audit.logs.formats import FORMATS, files_in, read_log
from mimicry_audit.logs.look import Look
from mimicry_audit.logs.reader import Notes

FILES = Path(__file__).parent / "files"
FRANCE = "Question: What is the capital of France?\nAnswer:"
BRIEF = "system: Be brief.\n\nuser: "
PARIS = "Paris is the capital of France."
SURE = f"Sure! {PARIS} Let me know if you need more."
SKY = "Why is the sky\u2028blue? Answer in one sentence."


def answers(*names: str) -> list[RecordedAnswer]:
    return read_answers([FILES / name for name in names]).answers


def told(found: list[RecordedAnswer]) -> list[tuple[str, int, str, str]]:
    """Model, sample, prompt and answer of the rows on France."""
    asked = {mark + text for mark in ("", BRIEF) for text in (FRANCE, "What is the capital of France?")}
    return [(a.model, a.sample, a.prompt, a.output) for a in found if a.prompt in asked]


# One folder a tool: how many answers, and everything that is said about one question.
WHOLE = {
    "lm-eval-0.4.13/alpha": (6, [("alpha", 0, BRIEF + FRANCE, PARIS), ("alpha", 1, BRIEF + FRANCE, PARIS)]),
    "inspect-0.3.285": (24, [(f"openai-api/toy/{name}", sample, BRIEF + FRANCE, text)
                             for name, text in (("alpha", PARIS), ("beta", SURE), ("think", PARIS)) for sample in (0, 1)]),
    "alpaca-eval-0.6.6": (6, [("alpha", 0, FRANCE, PARIS), ("beta", 0, FRANCE, SURE)]),
    "deepeval-4.3.1": (6, [("alpha", 0, "What is the capital of France?", PARIS),
                           ("latest_test_run", 0, "What is the capital of France?", SURE)]),
    "helm-0.5.16": (3, []),  # other questions: see below
    "lighteval-0.13.0": (6, [("toy-alpha", 0, FRANCE, PARIS), ("toy-alpha", 1, FRANCE, PARIS)]),
    "opencompass-0.5.4": (3, [("alpha", 0, FRANCE, PARIS)]),
    "promptfoo-0.123.1": (24, [(name, sample, prompt, text) for name, text in
                               (("alpha", PARIS), ("openai:chat:beta", SURE), ("openai:chat:gone", "<error>"))
                               for prompt in (FRANCE, BRIEF + FRANCE) for sample in (0, 1)]),
    "vllm-batch-0.32.0": (6, [("smollm2", 0, BRIEF + "What is the capital of France?", "The capital of France is Paris.")]),
    "every-eval-ever-0.3.0": (4, [("openai-api/think", 0, FRANCE, "paris is the capital of france.")]),
}  # fmt: skip


@pytest.mark.parametrize("folder", WHOLE)
def test_a_real_file_is_read_as_what_it_holds(folder: str) -> None:
    number, expected = WHOLE[folder]
    found = answers(folder)
    assert len(found) == number
    assert sorted(told(found)) == sorted(expected)


@pytest.mark.parametrize(
    "folder", ["lm-eval-0.4.13", "inspect-0.3.285", "alpaca-eval-0.6.6", "opencompass-0.5.4", "lighteval-0.13.0"]
)
def test_a_line_mark_within_a_line_parts_nothing(folder: str) -> None:
    assert any(SKY in a.prompt for a in answers(folder))


def test_tasks_that_compare_likelihoods_are_counted_and_a_file_of_nothing_else_is_refused() -> None:
    read = read_answers([FILES / "lm-eval-0.4.13"])
    assert read.left_out == {"compares log-likelihoods and holds no answer in text": 3}
    assert {a.model for a in read.answers} == {"alpha", "beta", "i82qcls7"}
    (choice,) = (FILES / "lm-eval-0.4.13").rglob("samples_toy_choice*")
    with pytest.raises(DataError, match="each of 3 records compares log-likelihoods"):
        read_answers([choice])
    assert read_answers([FILES / "lighteval-0.13.0"]).left_out == {
        "compares log-likelihoods and holds no answer in text": 3
    }


def test_one_row_of_many_filters_is_one_answer_and_repeats_are_samples() -> None:
    (file,) = (FILES / "lm-eval-0.4.13" / "alpha").glob("samples_*")
    lines = [json.loads(line) for line in file.read_text("utf-8").split("\n") if line]
    assert len(lines) == 6
    assert {line["filter"] for line in lines} == {"strict-match", "flexible-extract"}
    assert [(a.prompt_id, a.sample) for a in answers("lm-eval-0.4.13/alpha")] == [
        (f"toy_gen/{n}", s) for n in range(3) for s in (0, 1)
    ]


def test_models_are_named_as_the_results_file_says() -> None:
    assert {a.model for a in answers("lm-eval-0.4.13/beta")} == {"beta"}
    assert {a.model for a in answers("lighteval-0.13.0")} == {"toy-alpha"}


def test_a_samples_file_without_its_results_takes_its_folders_name(tmp_path: Path) -> None:
    (file,) = (FILES / "lm-eval-0.4.13" / "alpha").glob("samples_*")
    lone = tmp_path / "my__model" / file.name
    lone.parent.mkdir()
    lone.write_bytes(file.read_bytes())
    assert {a.model for a in read_answers([lone]).answers} == {"my__model"}


def runs_of_a_made_up_name(
    folder: Path, *, tasks: tuple[str, str], places: tuple[str, str], model_args: object = None
) -> None:
    """Two runs under the name that the tool gives models whose arguments name none; each answers in words of its own."""
    source = FILES / "lm-eval-0.4.13" / "i82qcls7"
    (samples,), (results,) = source.glob("samples_toy_gen*"), source.glob("results_*")
    for number, (task, place) in enumerate(zip(tasks, places, strict=True)):
        target = folder / place
        target.mkdir(parents=True, exist_ok=True)
        content = json.loads(results.read_text("utf-8"))
        if number and model_args is not None:
            content["config"]["model_args"] = model_args
        date = f"2026-11-30T15-39-0{number}.299895"
        (target / f"results_{date}.json").write_text(json.dumps(content), "utf-8")
        text = samples.read_text("utf-8").replace('"lol', f'"answer {number}')
        (target / f"samples_{task}_{date}.jsonl").write_text(text, "utf-8")


@pytest.mark.parametrize("tasks", [("one", "one"), ("one", "two")])
def test_two_models_under_one_made_up_name_are_told_apart_by_the_folder(tmp_path: Path, tasks: tuple[str, str]) -> None:
    runs_of_a_made_up_name(tmp_path, tasks=tasks, places=("first/i82qcls7", "second/i82qcls7"))
    read = read_answers([tmp_path])
    assert {a.model: a.output.split(",")[0] for a in read.answers} == {
        "first/i82qcls7": "answer 0", "second/i82qcls7": "answer 1",
    }  # fmt: skip
    (caution,) = read.cautions
    assert "first/i82qcls7, second/i82qcls7" in caution
    assert "each folder is taken for a model of its own" in caution
    assert {a.model for a in read_answers([tmp_path / "first"]).answers} == {"i82qcls7"}


def test_a_made_up_name_for_several_models_in_one_folder_is_refused(tmp_path: Path) -> None:
    places = ("i82qcls7", "i82qcls7")
    runs_of_a_made_up_name(tmp_path, tasks=("one", "two"), places=places, model_args={"device": "cpu"})
    with pytest.raises(DataError, match=r"several models under one name, i82qcls7.*Move the files of each run"):
        read_answers([tmp_path])


@pytest.mark.parametrize("places", [("m", "m"), ("first/m", "second/m")])
def test_one_model_in_several_runs_is_one(tmp_path: Path, places: tuple[str, str]) -> None:
    """Its arguments name it, or all runs in the folder were made alike."""
    runs_of_a_made_up_name(tmp_path / "alike", tasks=("one", "two"), places=("m", "m"))
    read = read_answers([tmp_path / "alike"])
    assert ({a.model for a in read.answers}, read.cautions) == ({"i82qcls7"}, ())
    (alpha,) = (FILES / "lm-eval-0.4.13" / "alpha").glob("samples_*")
    for number, place in enumerate(places):
        target = tmp_path / "named" / place
        target.mkdir(parents=True, exist_ok=True)
        content = json.loads(next(alpha.parent.glob("results_*")).read_text("utf-8"))
        content["config"]["model_args"]["num_concurrent"] = number
        date = f"2026-11-30T15-39-0{number}.299895"
        (target / f"results_{date}.json").write_text(json.dumps(content), "utf-8")
        (target / f"samples_task{number}_{date}.jsonl").write_bytes(alpha.read_bytes())
    read = read_answers([tmp_path / "named"])
    assert ({a.model for a in read.answers}, read.cautions) == ({"alpha"}, ())
    assert {a.domain for a in read.answers} == {"task0", "task1"}


def test_reasoning_stands_apart_and_a_cut_answer_is_known_as_cut() -> None:
    assert {a.reasoning for a in answers("inspect-0.3.285") if a.model.endswith("think")} == {
        "The user asks a plain question."
    }
    assert {a.finish_reason for a in answers("vllm-batch-0.32.0")} == {"stop", "length", None}


def test_a_log_of_a_version_that_nobody_here_knows_is_refused(tmp_path: Path) -> None:
    log = json.loads((FILES / "inspect-0.3.285" / "beta.json").read_text("utf-8"))
    assert log["version"] == 2
    newer = tmp_path / "beta.json"
    newer.write_text(json.dumps(log | {"version": 3}), "utf-8")
    with pytest.raises(DataError, match="log of version 3, and this release reads versions up to 2"):
        read_answers([newer])


def test_a_batch_is_joined_with_its_input_wherever_that_lies(tmp_path: Path) -> None:
    output, asked = (FILES / "vllm-batch-0.32.0" / f"batch_{part}.jsonl" for part in ("output", "input"))
    alone = tmp_path / "out" / "o.jsonl"
    alone.parent.mkdir()
    alone.write_bytes(output.read_bytes())
    with pytest.raises(DataError, match="no batch input file holds req-0"):
        read_answers([alone])
    joined = read_answers([alone, asked]).answers
    assert [a.prompt for a in joined if a.prompt_id == "req-two"] == ["What is water?"] * 2
    (failed,) = [a for a in joined if a.prompt_id == "req-too-long"]
    assert failed.failure == "<error>"


def test_the_input_of_a_batch_alone_is_named_as_that() -> None:
    with pytest.raises(
        DataError, match=r"batch_input\.jsonl: the input of an OpenAI batch.*Give the batch's output file"
    ):
        read_answers([FILES / "vllm-batch-0.32.0" / "batch_input.jsonl"])


@pytest.mark.parametrize(
    ("source", "field", "value"),
    [
        ("every-eval-ever-0.3.0/in_samples.jsonl", "input", "What is 2 + 2?"),
        ("every-eval-ever-0.3.0/in_samples.jsonl", "output", "4"),
        ("lm-eval-0.4.13/alpha/samples_toy_gen_2026-11-30T15-38-48.454908.jsonl", "resps", 7),
    ],
)
def test_a_record_of_another_shape_is_said_to_be_that(source: str, field: str, value: object, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (FILES / source).read_text("utf-8").split("\n") if line]
    file = tmp_path / Path(source).name
    file.write_text("\n".join(json.dumps(line | {field: value}) for line in lines), "utf-8")
    with pytest.raises(DataError, match="is not of the shape that the tool writes"):
        read_answers([file])


def test_a_refusal_in_the_body_of_a_batch_is_a_failure(tmp_path: Path) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Q"}]}
    (tmp_path / "in.jsonl").write_text(
        json.dumps({"custom_id": "a", "method": "POST", "url": "/v1", "body": body}), "utf-8"
    )
    reply = {"status_code": 400, "body": {"error": {"message": "content policy"}}}
    (tmp_path / "out.jsonl").write_text(json.dumps({"custom_id": "a", "response": reply, "error": None}), "utf-8")
    (answer,) = read_answers([tmp_path / "out.jsonl"]).answers
    assert answer.failure is not None


def test_what_helm_asked_and_was_answered_is_read_word_for_word() -> None:
    """Its instructions and its examples are turns of the conversation."""
    found = answers("helm-0.5.16")
    assert [(a.model, a.prompt_id, a.domain, a.sample, a.output, a.finish_reason) for a in found] == [
        ("toy/alpha", f"simple_mcqa/{name}", "simple_mcqa", 0, "I do not know.", "stop")
        for name in ("id60", "id38", "id41")
    ]
    for answer, number in zip(found, (70, 48, 51), strict=True):
        turns = answer.prompt.split("\n\n")
        assert turns[0] == "system: Answer the following questions with a single letter only."
        assert turns[1:3] == ["user: Question: Is 16 even or odd?\nA. Even\nB. Odd", "assistant: Answer: A"]
        assert turns[-2:] == [f"user: Question: Is {number} even or odd?\nA. Even\nB. Odd", "assistant: Answer:"]
        assert len(turns) == 13


def test_letters_are_the_key_where_the_prompt_offered_letters() -> None:
    assert {a.reference_answer for a in answers("helm-0.5.16")} == {("A",), ("B",)}


def test_what_a_filter_left_of_an_answer_is_none() -> None:
    read = read_answers([FILES / "every-eval-ever-0.3.0"])
    (reason,) = read.left_out
    assert read.left_out[reason] == 6
    assert "filter" in reason
    (caution,) = read.cautions
    assert "in_samples.jsonl was converted from an Inspect log" in caution


def test_a_recorded_model_sees_what_was_added_to_its_folder(tmp_path: Path) -> None:
    (source,) = (FILES / "lm-eval-0.4.13" / "alpha").glob("samples_*")
    folder = tmp_path / "logs"
    folder.mkdir()
    copy = folder / source.name
    lines = source.read_text("utf-8").split("\n")
    seen = []
    for kept in (lines[:1], lines):
        copy.write_text("\n".join(kept), "utf-8")
        engine = RecordedEngine(parse_model(f"recorded/{folder}#logs"))
        seen.append(engine.identify().revision)
    assert seen[0] != seen[1]


def test_files_of_different_tools_meet_by_their_prompts() -> None:
    found = answers("lm-eval-0.4.13/alpha", "inspect-0.3.285", "promptfoo-0.123.1")
    assert {a.model for a in found if a.prompt == BRIEF + FRANCE} >= {
        "alpha", "openai-api/toy/alpha", "openai-api/toy/beta", "openai-api/toy/think", "openai:chat:beta",
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("auto", "table")])
def test_every_format_has_a_real_file_and_is_told_apart(name: str) -> None:
    folder = {"openai-batch": "vllm-batch"}.get(name, name)
    (found,) = FILES.glob(f"{folder}-*")
    for file in files_in([found]):
        rows = list(read_log(file, "auto", [], Notes()))
        assert rows or "choice" in file.name or "input" in file.name or file.name == "lm_samples.jsonl"


def test_a_wrong_format_and_a_file_of_scores_are_one_line(tmp_path: Path) -> None:
    (file,) = (FILES / "lm-eval-0.4.13" / "alpha").glob("samples_*")
    with pytest.raises(DataError, match=r"holds no promptfoo results\. Leave out --format"):
        read_answers([file], "promptfoo")
    with pytest.raises(ConfigError, match="no file format is called helm2"):
        read_answers([file], "helm2")
    (scores,) = (FILES / "lm-eval-0.4.13" / "alpha").glob("results_*")
    with pytest.raises(DataError, match="holds scores and no answers"):
        read_answers([scores])
    page = tmp_path / "mmlu.html"
    page.write_text("<html><h3>Prompt conversation</h3></html>", "utf-8")
    with pytest.raises(DataError, match="a page for readers"):
        read_answers([page])
    with pytest.raises(DataError, match="no file of answers by a known tool"):
        read_answers([tmp_path])


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "[1]", '{"eval": 1, "version": 2, "status": "x"}', '{"results": {"results": []}}', "\0\1"],
)
@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".eval", ".parquet"])
def test_a_broken_file_is_one_line(content: str, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"x{suffix}"
    file.write_text(content, "utf-8")
    with pytest.raises(AuditError):
        read_answers([file])


QUESTION = [{"role": "user", "content": "What is 2 + 2?"}]
SYSTEM = [{"role": "system", "content": "Be brief."}, *QUESTION]


@pytest.mark.parametrize(("text", "turns"), [
    ("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is 2 + 2?<|im_end|>\n<|im_start|>assistant\n", SYSTEM),
    ("<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nWhat is 2 + 2?<|eot_id|>"
     "<|start_header_id|>assistant<|end_header_id|>\n\n", QUESTION),
    ("<|header_start|>user<|header_end|>\n\nWhat is 2 + 2?<|eot|><|header_start|>assistant<|header_end|>\n\n", QUESTION),
    ("<bos><start_of_turn>user\nWhat is 2 + 2?<end_of_turn>\n<start_of_turn>model\n", QUESTION),
    ("<|system|>\nBe brief.<|end|>\n<|user|>\nWhat is 2 + 2?<|end|>\n<|assistant|>\n", SYSTEM),
    ("<|user|>\nWhat is 2 + 2?\n<|assistant|>\n", QUESTION),
    ("<|start|>system<|message|>Be brief.<|end|><|start|>user<|message|>What is 2 + 2?<|end|><|start|>assistant", SYSTEM),
    ("<｜begin▁of▁sentence｜><｜User｜>What is 2 + 2?<｜Assistant｜>", QUESTION),
    ("<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nWhat is 2 + 2? [/INST]", SYSTEM),
    ("<s>[INST] What is 2 + 2? [/INST]", QUESTION),
    ('[{"role": "user", "content": "What is 2 + 2?", "type": "text"}]', QUESTION),
])  # fmt: skip
def test_a_conversation_is_one_whichever_template_wrote_it(text: str, turns: list[dict[str, str]]) -> None:
    assert turns_of(text) == turns


@pytest.mark.parametrize(
    "text",
    ["What is 2 + 2?", "Explain <|im_start|>user in ChatML.", "[1, 2]", "", "[INST] in the middle", "say <|user|>"],
)
def test_any_other_text_is_left_word_for_word(text: str) -> None:
    assert turns_of(text) == text


def test_names_of_files_may_hold_the_mark_that_parts_them(tmp_path: Path) -> None:
    odd, plain = tmp_path / "details_toy|0.parquet", tmp_path / "b.jsonl"
    for file in (odd, plain):
        file.touch()
    assert split_files(f"{odd}|{plain}") == [str(odd), str(plain)]
    assert split_files("missing|other") == ["missing", "other"]


def test_a_look_reads_nothing_that_is_not_there(tmp_path: Path) -> None:
    look = Look(tmp_path / "none.json")
    assert (look.json, dict(look.first_line), look.columns) == (None, {}, frozenset())


def test_two_tools_reach_a_report_with_one_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        main([
        "score", "--responses", str(FILES / "lm-eval-0.4.13"), "--responses", str(FILES / "inspect-0.3.285" / "think.eval"),
        "--out", str(tmp_path / "run"), "--axes", "lexical",
        ])  # fmt: skip
    said = " ".join("".join(capsys.readouterr()).split())
    assert ended.value.code == 0, said
    assert (tmp_path / "run" / "report.html").is_file()
    assert "3 records of lm-eval-0.4.13, think.eval left out: each compares log-likelihoods" in said
    assert "Tasks that one model alone answered were left out: toy (openai-api/toy/think)." in said
    assert "i82qcls7 shares no prompt with another model and was left out" in said

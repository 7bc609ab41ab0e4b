"""Response files: three formats, one meaning, and one line for everything that is wrong with them."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mimicry_audit.ground.errors import DataError
from mimicry_audit.logs.answers import RecordedAnswer, read_answers, read_responses

ROW = {"model": "m", "prompt_id": "a", "prompt": "Why?", "output": 'Because, "so".\nYes.'}


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_three_formats_say_the_same(tmp_path: Path) -> None:
    rows = [ROW | {"domain": "math", "sample": n} for n in (0, 1)]
    frame = pd.DataFrame(rows)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    expected = [RecordedAnswer(**row) for row in rows]
    for path in (lines(tmp_path / "a.jsonl", *rows), tmp_path / "a.csv", tmp_path / "a.parquet"):
        assert read_responses(path) == expected


def test_rows_without_a_sample_are_numbered_as_they_stand(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", ROW, ROW | {"prompt_id": 7}, ROW | {"output": "Well."}, ROW | {"model": "n"})
    assert [(row.prompt_id, row.sample) for row in read_responses(path)] == [("a", 0), ("7", 0), ("a", 1), ("a", 0)]


def test_a_repeated_row_is_counted_and_is_no_second_sample(tmp_path: Path) -> None:
    other = ROW | {"output": "Well."}
    read = read_answers([lines(tmp_path / "a.jsonl", ROW, ROW, other, ROW, other)])
    assert [(row.output, row.sample) for row in read.answers] == [(ROW["output"], 0), ("Well.", 1)]
    assert read.repeated == 3
    numbered = [ROW | {"sample": n} for n in (0, 1, 1)]
    read = read_answers([lines(tmp_path / "b.jsonl", *numbered)])  # numbered samples may well be equal
    assert [row.sample for row in read.answers] == [0, 1]
    assert read.repeated == 1


def test_several_files_are_read_as_one(tmp_path: Path) -> None:
    first = lines(tmp_path / "a.jsonl", ROW, ROW | {"model": "n"})
    second = lines(tmp_path / "b.jsonl", ROW, ROW | {"output": "Well."}, ROW | {"model": "o"})
    read = read_answers([first, second])
    assert [(row.model, row.sample) for row in read.answers] == [("m", 0), ("n", 0), ("m", 1), ("o", 0)]
    assert read.repeated == 1
    clash = lines(tmp_path / "c.jsonl", ROW | {"sample": 0, "output": "No."})
    with pytest.raises(DataError, match=r"c.jsonl, line 1 repeats a.jsonl, line 1: model m, prompt a, sample 0"):
        read_answers([first, clash])
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(DataError, match=r"empty.jsonl holds no answers"):
        read_answers([first, tmp_path / "empty.jsonl"])


def test_other_columns_are_left_alone(tmp_path: Path) -> None:
    row = ROW | {"sampling": {"temperature": 1}, "prompts": 3, "": None}
    assert read_responses(lines(tmp_path / "a.jsonl", row)) == [RecordedAnswer(**ROW)]
    frame = pd.DataFrame([ROW | {"score": 1.0}], index=pd.Index([7], name="row"))
    frame.to_parquet(tmp_path / "a.parquet")
    assert read_responses(tmp_path / "a.parquet") == [RecordedAnswer(**ROW)]


def test_dates_are_the_text_that_was_written_and_nan_is_missing(tmp_path: Path) -> None:
    rows = [
        ROW | {"prompt_id": str(day), "reference_answer": pd.Timestamp(2024, 5, day), "sample": None} for day in (1, 2)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "a.parquet")
    assert [row.reference_answer for row in read_responses(tmp_path / "a.parquet")] == ["2024-05-01", "2024-05-02"]
    rows[1]["reference_answer"] = pd.Timestamp(2024, 5, 2, 12, 30)
    rows[0]["reference_answer"], rows[0]["sample"] = None, float("nan")
    pd.DataFrame(rows).to_parquet(tmp_path / "b.parquet")
    read = read_responses(tmp_path / "b.parquet")
    assert [(row.reference_answer, row.sample) for row in read] == [(None, 0), ("2024-05-02T12:30:00", 0)]
    path = lines(tmp_path / "a.jsonl", ROW | {"reference_answer": float("nan"), "sample": float("nan")})
    assert read_responses(path)[0] == RecordedAnswer(**ROW)
    with pytest.raises(DataError, match="output is null, not text"):
        read_responses(lines(tmp_path / "b.jsonl", ROW | {"output": float("-inf")}))


def test_long_answers_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("model,prompt_id,prompt,output\nm,a,q," + "x" * 300_000 + "\n", encoding="utf-8-sig")
    assert len(read_responses(path)[0].output) == 300_000


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROW | {"samples": 1}, "a.jsonl, line 2: unknown column samples. Did you mean sample? Columns are model,"),
        ({"model": "m"}, "a.jsonl, line 2: column prompt_id is missing. Give model, prompt_id, prompt, output"),
        (ROW | {"output": None}, "a.jsonl, line 2: output is null, not text. Leave out rows without an answer"),
        (ROW | {"output": 3}, "a.jsonl, line 2: output is int, not text."),
        (ROW | {"prompt": ["x"]}, "a.jsonl, line 2: the prompt is a list, but not of turns."),
        (ROW | {"model": " "}, "a.jsonl, line 2: model is empty. Fill it in"),
        (ROW | {"sample": -1}, "a.jsonl, line 2: sample is -1, not a number from 0."),
        (ROW | {"sample": "first"}, "a.jsonl, line 2: sample is 'first', not a number from 0."),
        (
            ROW | {"sample": 0, "output": "No."},
            "a.jsonl, line 2 repeats line 1: model m, prompt a, sample 0. Number",
        ),
        ([ROW], "a.jsonl, line 2 is not a JSON object. Give one JSON object per line"),
    ],
)
def test_bad_rows(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read_responses(lines(tmp_path / "a.jsonl", ROW, row))
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"", "a.txt is not a response file. Name it .jsonl, .json, .csv, .tsv or .parquet"),
        ("a.jsonl", None, "the response file a.jsonl does not exist. Check the path"),
        ("a.jsonl", b"\n", "a.jsonl holds no answers. Give rows with model, prompt_id, prompt, output"),
        ("a.jsonl", b"{oops\n", "a.jsonl, line 1 is not JSON. Give one JSON object per line"),
        ("a.jsonl", b"\xff\xfe{}", "a.jsonl is not UTF-8 text. Save it as UTF-8"),
        (
            "a.csv",
            b"model,prompt_id,prompt,output\nm,a\n",
            "a.csv, line 2 has a different number of cells from the header",
        ),
        ("a.csv", b"model,prompt_id\nm,a\n", "a.csv, line 2: column prompt is missing."),
        ("a.csv", b'model,prompt_id,prompt,output\nm,a,q,"x\n', "a.csv is not CSV (unexpected end of data)."),
        ("a.parquet", b"PAR", "a.parquet is not a Parquet file. Write it again"),
    ],
)
def test_bad_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_responses(name)
    assert str(caught.value).startswith(said)


def test_a_folder_or_a_locked_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(DataError, match="holds no file of answers by a known tool"):
        read_responses(tmp_path / "a.jsonl")
    locked = lines(tmp_path / "b.jsonl", ROW)
    locked.chmod(0)
    if os.access(locked, os.R_OK):
        return  # running as root, whom no permission stops
    with pytest.raises(DataError, match="cannot be read"):
        read_responses(locked)


TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which colour?"}]


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_column_of_messages_says_what_was_asked(tmp_path: Path, suffix: str) -> None:
    """As Hub datasets have it: a list of turns, or its JSON in a table of texts."""
    row = {"model": "a", "prompt_id": "1", "messages": TURNS, "output": "Blue."}
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        pd.DataFrame([row]).to_parquet(path)
    elif suffix == "jsonl":
        path.write_text(json.dumps(row) + "\n", "utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerows([row.keys(), ["a", "1", json.dumps(TURNS), "Blue."]])
    (answer,) = read_responses(path)
    assert answer.prompt == "system: Be brief.\n\nuser: Which colour?"
    assert answer.output == "Blue."


@pytest.mark.parametrize("value", ["What colour?", "{}", 3, None, [{"role": "tool", "content": "x"}]])
def test_messages_that_are_no_turns_are_refused(tmp_path: Path, value: object) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"model": "a", "prompt_id": "1", "messages": value, "output": "Blue."}) + "\n", "utf-8")
    with pytest.raises(DataError, match=r"not a list of turns|but not of turns"):
        read_responses(path)


ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
ANSWER = {"role": "assistant", "content": "Because."}


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("output", [{}, {"output": "Because."}, {"output": None}])
def test_turns_that_end_with_the_assistants_hold_the_answer(
    tmp_path: Path, suffix: str, output: dict[str, str | None]
) -> None:
    row = {"model": "m", "prompt_id": "a", "messages": [*ASKED, ANSWER], **output}
    path = tmp_path / f"a{suffix}"
    if suffix == ".jsonl":
        lines(path, row)
    elif suffix == ".csv":
        pd.DataFrame([row | {"messages": json.dumps(row["messages"])}]).to_csv(path, index=False)
    else:
        pd.DataFrame([row]).to_parquet(path)
    (found,) = read_responses(path)
    assert (found.prompt, found.output) == ("system: Be brief.\n\nuser: Why?", "Because.")


def test_an_open_turn_of_the_assistant_is_not_an_answer(tmp_path: Path) -> None:
    row = {"model": "m", "prompt_id": "a", "messages": [ASKED[1], ANSWER | {"content": ""}], "output": "Because."}
    (found,) = read_responses(lines(tmp_path / "a.jsonl", row))
    assert (found.prompt, found.output) == ("Why?", "Because.")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            {"messages": [*ASKED, ANSWER], "output": "Not so."},
            "output is another answer than the last turn of messages",
        ),
        ({"messages": ASKED}, "column output is missing, and messages ends with a turn of the user"),
        ({"messages": [ANSWER]}, "messages holds an answer and no question"),
        ({"messages": ASKED, "output": None}, "output is null, not text"),
        ({"messages": [*ASKED, ANSWER], "outputs": "Because."}, "unknown column outputs. Did you mean output"),
    ],
)
def test_turns_without_one_question_and_one_answer_are_one_line(
    tmp_path: Path, row: dict[str, object], says: str
) -> None:
    with pytest.raises(DataError) as error:
        read_responses(lines(tmp_path / "a.jsonl", {"model": "m", "prompt_id": "a", **row}))
    assert says in str(error.value)
    assert "a.jsonl, line 1" in str(error.value)


@pytest.mark.parametrize(
    "prompt",
    [
        "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n",
        "<s>[INST] Why? [/INST]",
        '[{"role": "user", "content": "Why?"}]',
        [{"role": "user", "content": "Why?"}],
    ],
)
def test_a_prompt_under_the_marks_of_a_template_meets_the_plain_one(tmp_path: Path, prompt: object) -> None:
    found = read_responses(lines(tmp_path / "a.jsonl", ROW, ROW | {"model": "n", "prompt": prompt}))
    assert [answer.prompt for answer in found] == ["Why?", "Why?"]


def test_a_prompt_that_only_speaks_of_marks_is_left_word_for_word(tmp_path: Path) -> None:
    prompt = "What does <|im_start|>user mean?"
    (found,) = read_responses(lines(tmp_path / "a.jsonl", ROW | {"prompt": prompt}))
    assert found.prompt == prompt


def as_table(rows: list[dict[str, Any]], separator: str) -> str:
    cells = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    return "".join(separator.join(line) + "\n" for line in cells)


PLAIN = [{"model": m, "prompt_id": f"q{n}", "prompt": f"Say {n}.", "output": f"{m}: {n}"} for m in "ab" for n in (1, 2)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", as_table(PLAIN, "\t")),
        ("a.csv", as_table(PLAIN, ",")),
        ("a.csv", as_table(PLAIN, ";")),
        ("a.csv", "sep=;\n" + as_table(PLAIN, ";")),
        ("a.csv", "\ufeff" + as_table(PLAIN, ";").replace("\n", "\r\n")),
        ("a.json", json.dumps(PLAIN)),
        ("a.json", json.dumps(PLAIN, indent=2)),
        ("a.json", "\n".join(map(json.dumps, PLAIN))),
        ("a.ndjson", "\n".join(map(json.dumps, PLAIN))),
    ],
)
def test_every_kind_of_table_says_the_same(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8", newline="")
    assert read_responses(tmp_path / name) == [RecordedAnswer(**row) for row in PLAIN]

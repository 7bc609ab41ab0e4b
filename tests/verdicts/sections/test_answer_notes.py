"""What answers warn of by themselves."""

from __future__ import annotations

from typing import Any

import pytest

from mimicry_audit.records.asked import Response
from mimicry_audit.verdicts.sections.answer_notes import answer_warnings


def journal(count: int, **fields: Any) -> list[Response]:
    plain = {"key": "k", "model": "m", "sample": 0, "status": "ok", "text": "An answer of its own."}
    return [
        Response(**(plain | {"probe_id": f"p{i}"} | {k: v(i) if callable(v) else v for k, v in fields.items()}))
        for i in range(count)
    ]


def test_another_model_behind_a_name_is_named() -> None:
    (note,) = answer_warnings({"big": journal(9, served_model=lambda i: "fallback" if i % 3 else "big", text=str)})
    assert "of 9 answers 3 from big, the others from fallback" in note


def test_reasoning_without_an_answer_names_the_limit() -> None:
    (note,) = answer_warnings({"m": journal(4, status="empty", text="", reasoning="well")})
    assert "4 of 4 replies hold reasoning but no answer" in note
    assert "--max-tokens" in note


def test_answers_cut_off_and_failures_are_counted() -> None:
    cut = journal(10, status=lambda i: "truncated" if i < 6 else "ok", text=str)
    assert "6 of 10 answers were cut off" in answer_warnings({"m": cut})[0]
    failed = journal(5, status="error", text="", error=lambda i: "the template refuses" if i < 4 else "lost")
    (note,) = answer_warnings({"m": failed})
    assert note == "m: 4 of 5 questions were not answered: the template refuses (and 1 for other reasons)."


def test_answers_that_a_file_does_not_hold_are_one_reason_and_no_failure() -> None:
    absent = journal(5, status="error", text="", error=lambda i: "no recorded answer in the file" if i < 3 else "lost")
    assert answer_warnings({"m": absent}) == [
        "m: its file holds no answer to 3 of 5 questions.",
        "m: 2 of 5 questions were not answered: lost.",
    ]


def test_answers_cut_off_are_told_before_anything_else() -> None:
    cut = journal(46, status=lambda i: "truncated" if i < 35 else "ok", text=str, served_model=lambda i: "ab"[i % 2])
    notes = answer_warnings({"m": cut})
    assert notes[0] == "m: 35 of 46 answers were cut off by the token limit. Raise --max-tokens."
    assert "was not one model" in notes[1]


def test_answers_in_which_a_key_was_hidden_are_counted() -> None:
    (note,) = answer_warnings({"m": journal(4, text=str, hidden=lambda i: 2 if i == 1 else None)})
    assert note.startswith("m: 1 of 4 answers held the key of the endpoint. It was replaced by ***")


def test_answers_that_ended_before_the_limit_that_was_asked_for_are_counted() -> None:
    short = journal(
        10, status=lambda i: "truncated" if i < 3 else "ok", completion_tokens=lambda i: 112 + i * 200, text=str
    )
    (note,) = answer_warnings({"m": short}, 512)
    assert note.startswith("m: 2 of 10 answers were cut off before the limit of 512 tokens (the shortest after 112)")
    assert "--max-tokens" in note
    assert answer_warnings({"m": short}) == []
    assert answer_warnings({"m": journal(4, status="truncated", completion_tokens=512, text=str)[:1]}, 512)[1:] == []


def test_one_text_for_many_prompts_is_named() -> None:
    assert "gave one text, “Sorry.”, to 12 of 12 prompts" in answer_warnings({"m": journal(12, text="Sorry.")})[0]
    assert answer_warnings({"m": journal(12, text=str)}) == []
    assert answer_warnings({"m": []}) == []


@pytest.mark.parametrize("mark", ["<ponder>", "[PLAN]", "<|scratch|>", "◁muse▷", "{{inner voice}}"])
def test_an_unknown_mark_that_opens_most_answers_is_named(mark: str) -> None:
    marked = journal(20, text=lambda i: f"{mark} first this, then that {i}" if i < 15 else f"A plain answer {i}.")
    (note,) = answer_warnings({"m": marked})
    assert f"15 of 20 answers begin with {mark}, which is not a known mark of reasoning" in note
    few = journal(20, text=lambda i: f"{mark} {i}" if i < 9 else f"A plain answer {i}.")
    assert answer_warnings({"m": few}) == []


def test_a_list_or_a_heading_is_no_mark() -> None:
    for opening in ("- item", "1. item", "**Bold**", "# Title", "[link](x)", "<3 you", "[1] a source"):
        assert answer_warnings({"m": journal(20, text=lambda i, o=opening: f"{o} {i}")}) == []

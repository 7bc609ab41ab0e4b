"""Reasoning under every published mark, and finish reasons of many servers."""

from __future__ import annotations

import pytest

from mimicry_audit.engines.reading import MARKS, completion_status, opened_by, split_reasoning


@pytest.mark.parametrize(("opening", "closing"), MARKS)
def test_every_mark_splits_the_answer_from_the_thought(opening: str, closing: str) -> None:
    assert split_reasoning(f"{opening}\nwell\n{closing}\n\nParis.") == ("Paris.", "well")
    assert split_reasoning(f"{opening} never closed") == ("", "never closed")
    assert split_reasoning(f"well {closing} Paris.") == ("Paris.", "well")


@pytest.mark.parametrize(("opening", "closing"), MARKS)
def test_a_block_that_the_prompt_opened_is_no_answer(opening: str, closing: str) -> None:
    assert opened_by(f"user: hello assistant: {opening}\n") == opening
    assert split_reasoning("cut off by the limit", opening) == ("", "cut off by the limit")
    assert split_reasoning(f"thought{closing}Paris.", opening) == ("Paris.", "thought")
    assert split_reasoning(f"{opening}thought{closing}Paris.", opening) == ("Paris.", "thought")


@pytest.mark.parametrize(
    ("text", "answer", "reasoning"),
    [
        ("<think>one</think><think>two</think>Paris.", "Paris.", "one\n\ntwo"),
        ("Let me see.\n<think>well</think>\nParis.", "Let me see.\n\nParis.", "well"),
        (
            "<|channel|>analysis<|message|>well<|end|><|start|>assistant<|channel|>final<|message|>Paris.<|return|>",
            "Paris.",
            "well",
        ),
        ("analysisThe user asks.assistantfinalParis.", "Paris.", "The user asks."),
        ("<|channel|>analysis<|message|>cut", "", "cut"),
        ("<|START_THINKING|>well<|END_THINKING|><|START_RESPONSE|>Paris.<|END_RESPONSE|>", "Paris.", "well"),
    ],
)  # fmt: skip
def test_several_blocks_prefaces_and_channels(text: str, answer: str, reasoning: str) -> None:
    assert split_reasoning(text) == (answer, reasoning)


@pytest.mark.parametrize(
    "text",
    [
        "Paris.",
        "Write `<think>` before the answer.",
        "Analysis of variance is a test.",
        "  indented\n",
        "5 < 6 and 7 > 2",
    ],
)
def test_an_answer_without_reasoning_is_kept_to_the_letter(text: str) -> None:
    assert split_reasoning(text) == (text, None)
    assert opened_by(text) is None


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        *((reason, "ok") for reason in (None, "stop", "STOP", "end_turn", "eos_token", "tool_calls")),
        *((reason, "truncated") for reason in ("length", "max_tokens", "MAX_TOKENS", "model_length")),
        *((reason, "refused") for reason in ("content_filter", "SAFETY", "sensitive", "RECITATION", "refusal")),
        *((reason, "error") for reason in ("error", "abort", "network_error", "cancelled")),
    ],
)
def test_finish_reasons_of_many_servers(reason: str | None, status: str) -> None:
    assert completion_status("A text.", reason) == status
    assert completion_status(" ", reason) == (status if status in {"refused", "error"} else "empty")

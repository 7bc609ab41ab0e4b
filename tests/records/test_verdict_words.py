"""The table of verdict words, and that the console and the report show verdicts in its order."""

from __future__ import annotations

from typing import get_args

from mimicry_audit.cli.console import print_scores
from mimicry_audit.records.verdict_words import ACCUSATIONS, BY_NAME, VERDICTS, WORDS, VerdictName, rank_of
from mimicry_audit.report.page import view
from mimicry_audit.verdicts.rules import PairFacts, Verdict
from mimicry_audit.verdicts.score import sort_verdicts
from tests.support.scores_fixture import scores


def test_the_table_has_every_word_once() -> None:
    assert get_args(VerdictName) == VERDICTS
    assert len({word.slug for word in WORDS}) == len({word.icon for word in WORDS}) == len(WORDS) == len(BY_NAME)
    assert all(len(word.mark) == 1 and word.meaning and word.card_meaning.endswith(".") for word in WORDS)


def test_the_gravest_words_come_first() -> None:
    assert VERDICTS == ("same model", "distilled", "shared base", "inconclusive", "convergent", "no evidence")
    assert VERDICTS[: len(ACCUSATIONS)] == ACCUSATIONS
    assert rank_of("same model") == 0
    assert rank_of("a word of a later version") == len(WORDS)


def judged(word: VerdictName) -> Verdict:
    facts = PairFacts(candidate=word, reference="r", base=None, models=6, n=30, asked=30)
    return Verdict(facts=facts, verdict=word, confidence="weak", summary=f"[{word}]", reasons=(), would_change=())


def test_console_and_page_show_verdicts_in_one_order(capsys) -> None:
    verdicts = [v.as_dict() for v in sort_verdicts([judged(word) for word in reversed(VERDICTS)])]
    data = {**scores(), "verdicts": verdicts}
    print_scores(data, None)
    shown = capsys.readouterr().out
    assert sorted(VERDICTS, key=lambda word: shown.index(f"[{word}]")) == list(VERDICTS)
    page = view.read({**data, "verdicts": verdicts[::-1]})
    assert [card["badge"]["word"] for card in view.verdict_cards(page)] == list(VERDICTS)
    assert [entry["word"] for entry in view.headline(page)["tally"]] == list(VERDICTS)

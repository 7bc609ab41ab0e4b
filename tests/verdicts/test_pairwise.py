"""What is computed for all pairs at once says what each pair alone would say; a large run is stored and shown in brief."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from mimicry_audit.cli import run
from mimicry_audit.ground.words import split_words
from mimicry_audit.report.page import large
from mimicry_audit.similarity.axes.base import Answer
from mimicry_audit.similarity.axes.lexical import Lexical
from mimicry_audit.similarity.centring import centre
from mimicry_audit.similarity.measure import measure_axes
from mimicry_audit.statistics.intervals import bootstrap_resamples, domain_means, interval_table, intervals
from mimicry_audit.verdicts.pairwise import OVERALL, Overlaps, PairTables, mean_of
from mimicry_audit.verdicts.sections import pairs as scored_pairs
from tests.support.students import world


def test_tables_are_those_of_each_pair_alone() -> None:
    asked, given = world(3)
    given["stranger0"] = given["stranger0"][3:]  # a model with missing answers
    labels, axes = list(given), ("lexical", "answers", "length")
    names = list(dict.fromkeys(p.domain for p in asked))
    domains = np.array([names.index(p.domain) for p in asked])
    measured = measure_axes(asked, labels, given, axes=axes)
    weights = bootstrap_resamples(domains, 200, 0)
    tables = PairTables(labels, measured, domains, weights)
    for axis in measured:
        assert axis.values is not None
        centred = centre(axis.values)
        for r, reference in enumerate(labels):
            alone = intervals(centred[:, :, r], domains, weights)
            assert tables.excess(axis.axis.name, reference, reference) is None
            for c, candidate in enumerate(labels):
                if c == r:
                    continue
                found, expected = tables.excess(axis.axis.name, candidate, reference), alone[c]
                assert found is not None
                assert expected is not None
                assert found.as_dict() == expected.as_dict()
                others = [alone[k] for k in range(len(labels)) if k not in (c, r)]
                closer = sum(other is not None and other.value >= expected.value - 1e-12 for other in others)
                assert tables.closer(axis.axis.name, candidate, reference) == closer
    counted = [m.values for m in measured if m.values is not None and not m.axis.baseline]
    np.testing.assert_allclose(tables.flat(OVERALL, "raw"), mean_of(counted)[:, *tables.upper])


def test_intervals_are_those_of_numpy_percentile_gaps_and_all() -> None:
    rng = np.random.default_rng(0)
    values, domains = rng.normal(size=(40, 7)), np.repeat([0, 1, 2], [10, 29, 1])
    values[rng.random(values.shape) < 0.1] = np.nan
    values[:, 3], values[:, 4], values[:10, 5] = np.nan, 1.0, np.nan
    for draws in (1, 2, 40, 333):
        weights = bootstrap_resamples(domains, draws, 1)
        table = interval_table(values, domains, weights)
        assert table.at(3) is None
        for k in (0, 1, 2, 4, 5, 6):
            alone = domain_means(values[:, [k]], domains, weights)[:, 0]
            np.testing.assert_allclose([table.low[k], table.high[k]], np.percentile(alone, [2.5, 97.5]))


def test_overlaps_count_long_answers_word_for_word() -> None:
    long, other = "a b c", "a b d"
    texts = {"x": {"p": long, "q": long, "r": "a"}, "y": {"p": long, "q": other, "r": "a"}, "z": {}}
    found = Overlaps(["x", "y", "z"], texts, np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]), 3)
    assert found.verbatim("x", "y") == (0.5, 2)
    assert found.verbatim("x", "z") == (0.0, 0)
    assert (found.both("x", "y"), found.both("x", "z")) == (2, 0)


def test_overlaps_count_answers_that_begin_alike() -> None:
    opening = "x" * 60
    texts = {
        "x": {"p": opening + " and so on", "q": opening, "r": "short", "s": opening},
        "y": {"p": opening + " or not", "q": "y" + opening, "r": "short", "s": opening[:-1]},
    }
    found = Overlaps(["x", "y"], texts, np.ones((4, 2)), 3)
    assert found.same_openings("x", "y") == (1, 2)


def test_wording_is_what_scikit_learn_says() -> None:
    texts = ["The cat, the CAT sat.", "the cat sat", "中文 你好 a b", "", "___", "a a a b", "B a"]
    axis = Lexical()
    axis.prepare([Answer(world(0)[0][0], text) for text in texts])
    split = split_words
    words = TfidfVectorizer(tokenizer=split, token_pattern=None, ngram_range=(1, 2), sublinear_tf=True)
    vectors = words.fit_transform(texts)
    expected = (vectors @ vectors.T).toarray()
    expected[np.ix_([3, 4], [3, 4])] = 1.0
    np.testing.assert_allclose(axis.block(range(len(texts))), expected, atol=1e-12)


def test_a_large_run_is_stored_and_shown_in_brief(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, given = world(0)
    rows = [
        {"model": m, "prompt_id": r.probe_id, "prompt": p.prompt, "domain": p.domain, "output": r.text}
        for m, mine in given.items()
        for p, r in zip(asked, mine, strict=True)
    ]
    file = tmp_path / "answers.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    told = {}
    for name in ("whole", "brief"):
        out = tmp_path / name
        assert run(["score", "--responses", str(file), "--out", str(out), "--axes", "lexical,style"]) == 0
        told[name] = json.loads((out / "scores.json").read_text("utf-8")), (out / "report.html").read_text("utf-8")
        for module, limit in ((scored_pairs, "LARGE"), (scored_pairs, "DETAILED"), (large, "MOST_MAPPED")):
            monkeypatch.setattr(module, limit, 4)
    (whole, _), (brief, page) = told["whole"], told["brief"]
    kept = [v for v in brief["verdicts"] if v["detailed"]]
    assert len(kept) == 4
    assert all(v["detailed"] for v in whole["verdicts"])
    shown = {frozenset((v["candidate"], v["reference"])) for v in kept}
    for mine, theirs in zip(brief["pairs"], whole["pairs"], strict=True):
        assert mine["overall"]["raw"] == theirs["overall"]["raw"]
        assert bool(mine["axes"]["lexical"]["domains"]) == (frozenset((mine["a"], mine["b"])) in shown)
    words = {(v["candidate"], v["reference"]): v["verdict"] for v in whole["verdicts"]}
    assert {(v["candidate"], v["reference"]): v["verdict"] for v in brief["verdicts"]} == words
    assert brief["nearness_to"] in {v["reference"] for v in kept}
    assert page.count('<details class="verdict') == 4
    assert "further pairs did not stand out" in page
    assert all(label in page for label in given)

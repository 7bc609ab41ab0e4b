"""Copied answers: own passages against a plain reference of sets, and what must not count as one."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimicry_audit.records.asked import Message, Probe, Response
from mimicry_audit.similarity.passages import COPIED, FEWEST_RUNS, HABIT_PROBES, OTHERS, WORDS, Passages

PROBES = 6
FREE = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon".split()
)


def probes(count=PROBES, question="Say something about {n}"):
    return [Probe(id=f"p{n}", domain="d", messages=(Message("user", question.format(n=n)),)) for n in range(count)]


def said(label, texts, sample=0):
    """Answers of one model in the order of the probes; None for one that failed."""
    return [
        Response(
            key="k", model=label, probe_id=f"p{n}", sample=sample, text=t or "", status="error" if t is None else "ok"
        )
        for n, t in enumerate(texts)
    ]


def copied(asked, given_, candidate="c", authors=("r", "k"), base=None):
    responses = {label: given_[label] for label in given_}
    return Passages(asked, responses).copied(candidate, authors, base)


def plain(asked, given_, candidate, authors, base):
    """The same by sets of tuples, word by word."""

    def runs(text):
        words = re.findall(r"\w+", text.lower())
        return {tuple(words[i : i + WORDS]) for i in range(len(words) - WORDS + 1)}

    question = {p.id: runs("\n".join(m.content for m in p.messages)) for p in asked}
    known = {
        label: {(r.probe_id, r.sample): runs(r.text) - question[r.probe_id] for r in mine if r.usable}
        for label, mine in given_.items()
    }

    def everything(label, probe):
        return set().union(*(s for (p, _), s in known.get(label, {}).items() if p == probe))

    def habit(label, run):
        return sum(run in everything(label, p.id) for p in asked) > max(HABIT_PROBES, 0.01 * len(asked))

    out = np.full((len(asked), len(authors)), np.nan)
    few = int(OTHERS * (len(authors) - 1))
    for row, probe in enumerate(asked):
        mine = [s for (p, _), s in known[candidate].items() if p == probe.id]
        for column, author in enumerate(authors):
            theirs = [s for (p, _), s in known[author].items() if p == probe.id]
            if not mine or not theirs:
                continue
            own = {
                run
                for run in everything(author, probe.id)
                if not habit(author, run)
                and not (base and run in everything(base, probe.id))
                and sum(run in everything(other, probe.id) for other in authors if other != author) <= few
            }
            hits = [
                max(len(m & t & own) / max(min(len(m), len(t & own)), FEWEST_RUNS) for t in theirs) >= COPIED
                for m in mine
            ]
            out[row, column] = sum(hits) / len(hits)
    return out


texts = st.lists(st.sampled_from(FREE[:4]), max_size=14).map(" ".join)
models = st.fixed_dictionaries(
    {
        label: st.lists(st.lists(texts | st.none(), min_size=5, max_size=5), min_size=1, max_size=2)
        for label in ("c", "r", "k1", "k2", "k3", "k4", "b")
    }
)


@settings(max_examples=60, deadline=None)
@given(models, st.booleans())
def test_it_equals_its_plain_reference(drawn, with_base):
    asked = probes(5, question="alpha beta gamma alpha beta {n}")
    given_ = {
        label: [r for sample, mine in enumerate(samples) for r in said(label, mine, sample)]
        for label, samples in drawn.items()
    }
    authors, base = ("r", "k1", "k2", "k3", "k4"), "b" if with_base else None
    np.testing.assert_array_equal(copied(asked, given_, "c", authors, base), plain(asked, given_, "c", authors, base))


def own(n):
    """Ten words of a text's own."""
    return " ".join(f"{FREE[(n + k) % len(FREE)]}{n}" for k in range(10))


def test_an_answer_that_repeats_the_reference_is_copied_from_nobody_else():
    given_ = {
        "r": said("r", [own(n) for n in range(PROBES)]),
        "k": said("k", [own(50 + n) for n in range(PROBES)]),
        "c": said("c", [own(n) if n < 2 else own(100 + n) for n in range(PROBES)]),
    }
    np.testing.assert_array_equal(copied(probes(), given_).T, [[1, 1, 0, 0, 0, 0], [0] * 6])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({}, 1, id="own words in a frame of the candidate's"),
        pytest.param({"question": "Please repeat: {own}"}, 0, id="what the question says"),
        pytest.param({"base": True}, 0, id="what the base says already"),
        pytest.param({"others": 1}, 1, id="one of four others says it too"),
        pytest.param({"others": 2}, 0, id="common knowledge"),
        pytest.param({"habit": HABIT_PROBES - 1}, 1, id="said of some questions"),
        pytest.param({"habit": HABIT_PROBES}, 0, id="said whatever is asked"),
        pytest.param({"kept": 4}, 0, id="too short a run"),
        pytest.param({"kept": 5}, 1, id="a third of three runs"),
    ],
)
def test_what_counts(change, expected):
    kept = change.get("kept", 10)
    asked = probes(question=change.get("question", "Say {n}").replace("{own}", own(0)))
    frame = "one two three " if kept < 10 else "so let me see one two three four five six well then "
    given_ = {
        "c": said("c", [frame + " ".join(own(0).split()[:kept]), *("nothing much" for _ in range(PROBES - 1))]),
        "r": said("r", [own(0)] * (1 + change.get("habit", 0)) + ["no"] * (PROBES - 1 - change.get("habit", 0))),
        "b": said("b", [own(0) if change.get("base") else own(9)] * PROBES),
        **{f"k{n}": said(f"k{n}", [own(0) if n < change.get("others", 0) else own(20 + n)] * 2) for n in range(4)},
    }
    found = copied(asked, given_, authors=("r", "k0", "k1", "k2", "k3"), base="b")
    assert found[0, 0] == expected


def test_samples_are_averaged_and_any_sample_may_be_the_one_repeated():
    given_ = {
        "r": [*said("r", [own(0)], 0), *said("r", [own(1)], 1)],
        "k": said("k", [own(50)]),
        "c": [*said("c", [own(1)], 0), *said("c", [own(77)], 1), *said("c", [None], 2)],
    }
    np.testing.assert_array_equal(copied(probes(1), given_), [[0.5, 0.0]])


def test_nothing_is_known_where_nobody_answered():
    given_ = {"r": said("r", [own(0), None]), "k": said("k", [own(50), own(51)]), "c": said("c", [None, own(1)])}
    found = copied(probes(2), given_)
    assert np.isnan(found[:, 0]).all()
    assert np.isnan(found[0, 1])
    assert found[1, 1] == 0


def test_short_answers_odd_texts_and_empty_runs():
    given_ = {
        "r": said("r", ["12", "\ud800 \U0001f600", "我们是一个模型，来自某处。好的，再见，你好。", "a " * 5000]),
        "k": said("k", ["12", "…", "x", "y"]),
        "c": said("c", ["12", "\ud800 \U0001f600", "我们是一个模型，来自某处。好的，再见，你好。", "a " * 5000]),
    }
    np.testing.assert_array_equal(copied(probes(4), given_)[:, 0], [0, 0, 1, 1])
    assert copied(probes(2), {"r": [], "k": [], "c": []}).shape == (2, 2)


def test_a_part_of_the_probes_and_any_of_them_twice():
    given_ = {
        "r": said("r", [own(n) for n in range(PROBES)]), "k": said("k", [own(50 + n) for n in range(PROBES)]),
        "c": said("c", [own(n) if n % 2 else own(100 + n) for n in range(PROBES)]),
    }  # fmt: skip
    whole = Passages(probes(), given_)
    places = np.array([5, 5, 0])
    np.testing.assert_array_equal(whole.at(places).copied("c", ("r", "k"), None)[:, 0], [1, 1, 0])
    assert whole.copied("c", ("r", "k"), None).shape == (PROBES, 2)

"""The arithmetic of a comparison against independent references, and the JUnit and chart writers."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from mimicry_audit.comparison.movement import Likeness, corrected, likeness, mcnemar, moved, together
from mimicry_audit.comparison.variety import distinct_share, variety
from mimicry_audit.records.asked import Probe, Response
from mimicry_audit.report.fmt import Interval
from mimicry_audit.report.pictures.slopes import Point, Slope, line, round_scale, slope, spread
from mimicry_audit.report.text.junit import junit_xml
from mimicry_audit.similarity.measure import measure_axes
from mimicry_audit.statistics.intervals import holm
from tests.support import hostile

RNG = np.random.default_rng(7)


def test_a_change_is_the_mean_of_domain_means_and_its_p_that_of_every_sign_flip() -> None:
    before, after = RNG.normal(0.3, 0.1, 12), RNG.normal(0.36, 0.1, 12)
    domains = np.array([0] * 5 + [1] * 7)
    found = moved(before, after, None, domains, draws=500, seed=3)
    assert found is not None
    lift = after - before

    def mean(values: np.ndarray) -> float:
        return float((values[domains == 0].mean() + values[domains == 1].mean()) / 2)

    assert found.change.value == pytest.approx(mean(lift))
    assert found.before.value == pytest.approx(mean(before))
    every = np.array([mean(lift * np.array(signs)) for signs in itertools.product((-1, 1), repeat=12)])
    exact = 2 * min((every >= mean(lift) - 1e-12).mean(), (every <= mean(lift) + 1e-12).mean())
    assert found.p == pytest.approx(exact, abs=0.02)


def test_the_test_agrees_with_scipys_permutation_test() -> None:
    before, after = RNG.normal(0, 1, 30), RNG.normal(0.4, 1, 30)
    found = moved(before, after, None, np.zeros(30, dtype=np.int64), draws=200, seed=0)
    theirs = stats.permutation_test(
        (after, before), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=9999, random_state=0
    )
    assert found is not None
    assert found.p == pytest.approx(theirs.pvalue, abs=0.02)


def test_without_any_movement_small_p_are_as_rare_as_they_should_be() -> None:
    small = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found = moved(rng.normal(0, 1, 40), rng.normal(0, 1, 40), None, np.zeros(40, dtype=np.int64), draws=50, seed=1)
        assert found is not None
        small += found.p < 0.05
    assert stats.binomtest(small, 200, 0.05).pvalue > 0.001


def test_controls_are_taken_off_by_their_median_and_direction_needs_a_change_of_its_own() -> None:
    before = np.full(20, 0.5)
    noise = RNG.normal(0, 0.01, (20, 3))
    domains = np.zeros(20, dtype=np.int64)
    up = moved(
        before, before + 0.3 + noise[:, 0], np.column_stack([np.full(20, 0.1)] * 3) + noise, domains, draws=200, seed=0
    )
    assert up is not None
    expected = np.median([np.mean(0.3 + noise[:, 0] - 0.1 - noise[:, k]) for k in range(3)])
    assert up.adjusted.value == pytest.approx(expected)
    assert up.direction == "up"
    fell = moved(before, before - 0.1 + noise[:, 0], np.full((20, 1), -0.4), domains, draws=200, seed=0)
    assert fell is not None
    assert fell.adjusted.value > 0.25
    assert fell.direction == "relative"  # it lost on the reference too, only less
    down = moved(before, before - 0.3 + noise[:, 0], None, domains, draws=200, seed=0)
    assert down is not None
    assert down.direction == "down"
    few = moved(before[:5], before[:5] + 0.3, None, domains[:5], draws=200, seed=0)
    assert few is not None
    assert few.direction == "too few"


def test_missing_values_leave_their_probe_out() -> None:
    before, after = np.array([0.1, np.nan, 0.3, 0.2]), np.array([0.5, 0.9, np.nan, 0.4])
    found = moved(before, after, None, np.zeros(4, dtype=np.int64), draws=50, seed=0)
    assert found is not None
    assert found.change.n == found.before.n == found.after.n == 2
    assert found.change.value == pytest.approx(0.3)
    assert found.after.value - found.before.value == pytest.approx(found.change.value)
    assert moved(before, np.full(4, np.nan), None, np.zeros(4, dtype=np.int64), draws=50, seed=0) is None


def test_holm_runs_over_what_was_measured() -> None:
    found = [
        moved(RNG.normal(0, 1, 20), RNG.normal(s, 1, 20), None, np.zeros(20, dtype=np.int64), draws=20, seed=0)
        for s in (0, 1, 2)
    ]
    fixed = corrected([found[0], None, found[1], found[2]])
    assert fixed[1] is None
    assert [m.p_holm for m in fixed if m] == pytest.approx(list(holm(np.array([m.p for m in found if m]))))


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (0, 6), (5, 5), (2, 11), (13, 1)])
def test_mcnemar_is_the_binomial_test(gained: int, lost: int) -> None:
    before = np.array([0.0] * gained + [1.0] * lost + [1.0] * 4 + [0.0] * 3 + [np.nan])
    after = np.array([1.0] * gained + [0.0] * lost + [1.0] * 4 + [0.0] * 3 + [1.0])
    up, down, p = mcnemar(before, after)
    assert (up, down) == (gained, lost)
    n = gained + lost
    exact = min(1.0, 2 * sum(stats.binom.pmf(k, n, 0.5) for k in range(min(gained, lost) + 1))) if n else 1.0
    assert p == pytest.approx(exact)


def test_the_whole_trajectory_stands_on_one_ground() -> None:
    values = RNG.uniform(0, 1, (6, 5, 5))
    values[2, 1, 3] = np.nan  # one checkpoint has nothing to compare on this probe
    found = likeness(values, [0, 1, 2], 3, [4])
    assert np.isnan(found.to_reference[2]).all()
    assert np.isnan(found.to_controls[2]).all()
    assert found.to_reference[0] == pytest.approx(values[0, [0, 1, 2], 3])
    other = likeness(RNG.uniform(0, 1, (6, 5, 5)), [0, 1, 2], 3, [4])
    mean = together([found, other])
    assert mean.to_reference[0] == pytest.approx((found.to_reference[0] + other.to_reference[0]) / 2)
    assert mean.to_reference[2] == pytest.approx(other.to_reference[2])
    assert mean.to_controls[2] == pytest.approx(other.to_controls[2])


def test_no_checkpoint_gains_by_answering_easy_probes_only() -> None:
    hard = Likeness(np.array([[0.1, np.nan], [0.9, 0.9]]), np.zeros((2, 2, 0)))
    assert hard.movement(0, 1, np.zeros(2, dtype=np.int64), draws=20, seed=0).change.value == 0.0  # type: ignore[union-attr]


# Variety


def responses(texts: dict[str, Sequence[str]], model: str = "m") -> list[Response]:
    return [
        Response(key=f"{p}{s}", model=model, probe_id=p, sample=s, status="ok", text=text)
        for p, said in texts.items()
        for s, text in enumerate(said)
    ]


def test_distinct_runs_are_counted_as_by_hand() -> None:
    assert distinct_share([["a", "b", "a", "b"]], 1) == pytest.approx(2 / 4)
    assert distinct_share([["a", "b", "a", "b"]], 2) == pytest.approx(2 / 3)
    assert distinct_share([["a", "b"], ["b", "a"]], 2) == 1.0  # a run does not reach over two answers
    assert distinct_share([["a"]], 2) is None


def test_samples_and_questions_are_compared_with_their_own() -> None:
    probes = [Probe(id=f"p{n}", domain="d", messages=()) for n in range(3)]
    same = responses({f"p{n}": ["one two three", "one two three"] for n in range(3)}, "same")
    varied = responses({f"p{n}": [f"alpha beta {n}", "gamma delta epsilon"] for n in range(3)}, "varied")
    measured = measure_axes(probes, ["same", "varied"], {"same": same, "varied": varied}, axes=["lexical", "length"])
    dull, lively = (variety(at, measured, probes, said, 3) for at, said in enumerate((same, varied)))
    assert dull.samples == pytest.approx([1.0] * 3)
    assert dull.questions == pytest.approx([1.0] * 3)
    assert (lively.samples < 0.1).all()
    assert (lively.questions < 1.0).all()
    assert dull.distinct[1] == pytest.approx([0.5] * 3)
    assert lively.distinct[1] == pytest.approx([1.0] * 3)
    assert dull.corpus[1] == pytest.approx(3 / 18)
    assert dull.words == pytest.approx([3.0] * 3)


def test_one_sample_leaves_its_likeness_open_and_long_answers_are_cut() -> None:
    probes = [Probe(id="p0", domain="d", messages=())]
    said = responses({"p0": [" ".join(f"w{n}" for n in range(40)) + " w0" * 60]})
    found = variety(0, measure_axes(probes, ["m"], {"m": said}, axes=["lexical"]), probes, said, 0)
    assert np.isnan(found.samples).all()
    assert found.distinct[1] == pytest.approx([1.0])
    assert found.words == pytest.approx([100.0])


# JUnit


def test_junit_counts_and_keeps_every_message() -> None:
    text = junit_xml(
        "s & <t>", [("a", True, "fine"), ("b", False, "x < 3 & y"), ("c", None, "not measured"), ("d", True, "")]
    )
    root = ElementTree.fromstring(text)
    suite = root[0]
    assert suite.attrib == {"name": "s & <t>", "tests": "4", "failures": "1", "errors": "0", "skipped": "1"}
    assert [case.attrib["name"] for case in suite] == list("abcd")
    assert suite[0].findtext("system-out") == "fine"
    failure = suite[1].find("failure")
    assert failure is not None
    assert failure.attrib["message"] == failure.text == "x < 3 & y"
    assert suite[2].find("skipped") is not None
    assert len(suite[3]) == 0


@pytest.mark.parametrize("text", hostile.STRINGS.values(), ids=hostile.STRINGS.keys())
def test_no_text_breaks_junit(text: str) -> None:
    records = [(text, ok, text) for ok in (True, False, None)]
    made = junit_xml(text, records)
    root = ElementTree.fromstring(made.encode("utf-8").decode("utf-8"))
    assert sum(1 for _ in root.iter("testcase")) == 3


# Charts


def interval(value: float, reach: float = 0.05) -> Interval:
    return {"value": value, "low": value - reach, "high": value + reach, "n": 10}


def test_labels_keep_their_order_and_distance_and_stay_inside() -> None:
    for _ in range(50):
        places = list(RNG.uniform(0, 200, 9))
        out = spread(places, 17, 0, 200)
        order = np.argsort(places)
        gaps = np.diff(np.array(out)[order])
        assert (gaps >= 17 - 1e-9).all()
        assert min(out) >= -1e-9
        assert max(out) <= 200 + 1e-9
    assert spread([10, 100], 17, 0, 200) == [10, 100]


@pytest.mark.parametrize("values", [[0.1, 0.9], [0.5], [], [-0.4, 0.02], [3.0, 61.0], [0.501, 0.502]])
def test_scales_hold_their_values_with_a_few_round_ticks(values: list[float]) -> None:
    scale = round_scale(values)
    assert 2 <= len(scale.ticks) <= 8
    assert all(scale.low - 1e-9 <= v <= scale.high + 1e-9 for v in values)


def test_slopes_go_up_when_values_do_and_say_their_numbers() -> None:
    rows = [Slope("up", interval(0.2), interval(0.6), "main"), Slope("none", None, interval(0.3))]
    picture = str(slope(rows, ("before", "after"), "title"))
    root = ElementTree.fromstring(picture)
    run = next(el for el in root.iter("line") if el.attrib.get("class") == "run")
    assert float(run.attrib["y2"]) < float(run.attrib["y1"])  # up is less y
    titles = [el.text for el in root.iter("title")]
    assert titles == ["title", "up: 0.20 [0.15, 0.25] before, 0.60 [0.55, 0.65] after"]


def test_a_line_has_a_dot_a_checkpoint_and_skips_what_is_missing() -> None:
    points = [Point("b", 0, interval(0.4)), Point("e1", 1, None), Point("e2", 4, interval(0.6))]
    root = ElementTree.fromstring(str(line(points, "over time", start="b")))
    dots = list(root.iter("circle"))
    assert len(dots) == 2
    assert dots[0].attrib["class"] == "dot hollow"
    many = [Point(f"checkpoint-{n}", n, interval(n / 50)) for n in range(40)]
    names = [el for el in ElementTree.fromstring(str(line(many, "x"))).iter("text") if el.attrib["class"] == "tick"]
    assert 2 <= len(names) <= 6


@pytest.mark.parametrize("text", hostile.STRINGS.values(), ids=hostile.STRINGS.keys())
def test_no_text_breaks_a_chart(text: str) -> None:
    made = slope([Slope(text, interval(0.1), interval(0.2))], (text, text), text)
    made += line([Point(text, 0, interval(0.1)), Point("z", 1, interval(0.3))], text)
    ElementTree.fromstring(f"<x>{made}</x>".encode())
    assert "<script" not in made

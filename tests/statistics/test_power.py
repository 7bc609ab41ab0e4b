"""How many probes an effect takes: against simulation, against scipy's own test, and on the command line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm, ttest_1samp

from mimicry_audit.cli import run
from mimicry_audit.similarity.measure import AXES, axis_class
from mimicry_audit.statistics.power import (
    DEFAULT_SPREAD,
    level,
    most_tests,
    others_needed,
    power,
    probes_needed,
    smallest_effect,
    spreads_of,
)
from tests.support.scores_fixture import scores


@pytest.mark.parametrize(
    ("n", "effect", "sd", "alpha"), [(20, 0.1, 0.2, 0.05), (60, 0.05, 0.2, 0.01), (8, 0.2, 0.2, 0.025)]
)
def test_power_is_how_often_the_t_test_sees_the_effect(n: int, effect: float, sd: float, alpha: float) -> None:
    rng, trials = np.random.default_rng(0), 20_000
    samples = rng.normal(effect, sd, size=(trials, n))
    seen = ttest_1samp(samples, 0.0, axis=1, alternative="greater").pvalue < alpha
    share = power(n, effect, sd, alpha)
    assert abs(seen.mean() - share) < 4 * math.sqrt(share * (1 - share) / trials)


def test_without_an_effect_power_is_the_level() -> None:
    assert power(50, 0.0, 0.3, 0.05) == pytest.approx(0.05)


def test_the_textbook_example() -> None:
    # Cohen 1988: d = 0.5, one-sided 5 %, power 0.8 takes 27 observations (his table for one sample, after its correction).
    assert probes_needed(0.5, 1.0, 0.05, 0.8) == 27


@pytest.mark.parametrize(
    ("effect", "sd", "alpha", "wanted"), [(0.02, 0.2, 0.05 / 60, 0.8), (0.3, 0.1, 0.05, 0.9), (0.004, 0.44, 1e-5, 0.99)]
)
def test_the_number_of_probes_is_the_fewest_that_do(effect: float, sd: float, alpha: float, wanted: float) -> None:
    n = probes_needed(effect, sd, alpha, wanted)
    assert n is not None
    assert power(n, effect, sd, alpha) >= wanted > power(n - 1, effect, sd, alpha)
    if n > 1000:
        normal = ((norm.isf(alpha) + norm.ppf(wanted)) * sd / effect) ** 2
        assert n == pytest.approx(normal, rel=0.01)


def test_the_smallest_effect_is_the_way_back() -> None:
    found = smallest_effect(180, 0.24, 0.05 / 24, 0.8)
    assert found is not None
    assert power(180, found, 0.24, 0.05 / 24) == pytest.approx(0.8, abs=1e-6)
    assert smallest_effect(1, 0.24, 0.05, 0.8) is None
    assert smallest_effect(10, 0.0, 0.05, 0.8) == 0.0


def test_what_cannot_be_seen_with_probes() -> None:
    assert probes_needed(1e-6, 0.4, 0.05, 0.8) is None
    assert power(1, 0.1, 0.1, 0.05) == 0.0
    assert (power(5, 0.1, 0.0, 0.05), power(5, 0.0, 0.0, 0.05)) == (1.0, 0.0)


def test_the_level_is_holms_first_step_and_never_laxer_than_the_interval() -> None:
    assert level(0.05, 1) == 0.025
    assert level(0.05, 50) == 0.001


@pytest.mark.parametrize("tests", [1, 3, 9, 24])
def test_as_many_models_as_a_rank_takes_to_count_and_no_fewer(tests: int) -> None:
    fewest = others_needed(0.05, tests)
    assert tests / (1 + fewest) < 0.05 <= tests / fewest
    most = most_tests(0.05, 9999)
    assert most / 10_000 < 0.05 <= (most + 1) / 10_000


def scored(folder: Path, models: str, probes: int, *roles: str) -> Path:
    rng = np.random.default_rng(0)
    words = "red green blue one two three four five six seven".split()
    rows = [
        {"model": m, "prompt_id": f"q{n}", "prompt": f"q{n}?", "output": " ".join(rng.choice(words, 12))}
        for m in models
        for n in range(probes)
    ]
    file = folder / "answers.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out = folder / "run"
    assert (
        run(["score", "--responses", str(file), "--out", str(out), "--axes", "lexical,style", "-r", "a", *roles]) == 0
    )
    return out


def test_no_number_of_probes_makes_up_for_too_few_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Five models without a base: the rank among three others is 1/4 at best, and eight tests take one below 1/160."""
    out = scored(tmp_path, "abcde", 30)
    capsys.readouterr()
    assert run(["plan", "--run", str(out), "--effect", "0.5", "--format", "json"]) == 0
    for row in json.loads(capsys.readouterr().out)["axes"]:
        assert (row["statistic"], row["tests"], row["probes_needed"], row["power_now"]) == ("excess", 8, None, 0.0)
        assert row["why_not"] == (
            "the rank among 3 other models cannot count over 8 tests: that takes 162 models in all, or the candidate's base"
        )
    assert run(["plan", "--run", str(out), "--effect", "0.5"]) == 0
    told = capsys.readouterr().out
    assert told.count("none is enough") == 2
    assert "every axis: the rank among 3 other models cannot count over 8 tests" in " ".join(told.split())


def test_more_tests_than_permutations_can_tell_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--effect", "0.5", "--tests", "500", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["axes"]
    assert {row["probes_needed"] for row in rows} == {None}
    assert rows[0]["why_not"].startswith("9999 permutations cannot count over more than 499 tests")
    assert run(["plan", "--effect", "0.5", "--tests", "499", "--format", "json"]) == 0
    assert None not in {row["probes_needed"] for row in json.loads(capsys.readouterr().out)["axes"]}


def test_two_probes_tell_no_spread(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = scored(tmp_path, "abcdef", 2, "--base", "b")
    capsys.readouterr()
    assert run(["plan", "--run", str(out)]) == 2
    error = capsys.readouterr().err
    assert "compared 2 probes, which do not tell how much an axis varies over probes" in error
    assert "at least 10 probes" in error


def test_a_verdict_takes_twenty_probes_however_large_the_effect(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--effect", "0.9", "--format", "json"]) == 0
    assert {row["probes_needed"] for row in json.loads(capsys.readouterr().out)["axes"]} == {20}


def test_the_spread_of_a_run_is_that_of_its_intervals() -> None:
    raw = scores()
    by_axis = {(s.axis, s.statistic): s for s in spreads_of(raw, 10)}
    assert by_axis
    lifts = [
        math.sqrt(e["estimate"]["n"]) * (e["estimate"]["high"] - e["estimate"]["low"]) / 3.92
        for v in raw["verdicts"]
        for e in v["evidence"]
        if (e["axis"], e["statistic"]) == ("lexical", "adjusted lift")
    ]
    assert by_axis["lexical", "adjusted lift"].sd == pytest.approx(float(np.median(lifts)))


def test_the_defaults_are_of_axes_that_count() -> None:
    counted = {name for name in AXES if not axis_class(name).baseline}
    assert set(DEFAULT_SPREAD) == counted - {"wrong"}  # shared mistakes are too rare to have a usual spread
    assert all(0.01 < sd < 1 for sd in DEFAULT_SPREAD.values())


def test_the_command_says_it_in_both_forms(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--effect", "0.1", "--tests", "24"]) == 0
    table = capsys.readouterr().out
    assert run(["plan", "--effect", "0.1", "--tests", "24", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["axis"] for row in found["axes"]] == list(DEFAULT_SPREAD)
    for row in found["axes"]:
        assert row["probes_needed"] == probes_needed(0.1 - 0.03, row["sd"], 0.05 / 24, 0.8)
        assert f"{row['probes_needed']:,}" in table


def test_a_scored_run_tells_what_its_probes_can_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scored(tmp_path, "abcdef", 30, "--base", "b")
    capsys.readouterr()
    assert run(["plan", "--run", str(tmp_path / "run"), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["axes"]
    assert {(row["axis"], row["statistic"]) for row in found} == {
        ("lexical", "adjusted lift"),
        ("style", "adjusted lift"),
    }
    for row in found:
        assert (row["tests"], row["probes_now"]) == (8, 30)
        assert 0 < row["power_now"] < 1
        assert row["smallest_effect_now"] > 0.03
    assert run(["plan", "--run", str(tmp_path / "run")]) == 0
    assert "smallest effect now" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--effect", "0.02"], "--effect 0.02 is not between 0.03 and 1"),
        (["--effect", "nan"], "--effect nan is not between"),
        (["--power", "1"], "--power 1 is not between 0 and 1"),
        (["--alpha", "0"], "--alpha 0 is not between 0 and 1"),
        (["--power", "0.05", "--alpha", "0.1"], "is not above --alpha"),
        (["--tests", "0"], "--tests 0 is too small"),
        (["--run", "nowhere"], "nowhere holds no run"),
    ],
)
def test_nonsense_is_one_line_and_exit_code_2(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert says in error

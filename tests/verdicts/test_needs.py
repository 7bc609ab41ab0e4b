"""What a verdict needs is said in one way: by the rules, the plan, the dry run and the README."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mimicry_audit.probes import load
from mimicry_audit.statistics.power import DEFAULT_SPREAD, level, power
from mimicry_audit.verdicts.findings import ALPHA, FEWEST_MODELS, FEWEST_PROBES, MINIMUM_EFFECT
from mimicry_audit.verdicts.needs import NEEDS, POWER, STRONG_MODELS, judged, shortfalls, visible_effects
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.rules import PairFacts, decide
from tests.support.commands import ROOT

ROLES = Roles(references=("r",), bases={"*": "b"})
WORDS = {3: "three", 5: "five", 6: "six", 20: "twenty"}


def test_the_readme_says_the_same() -> None:
    text = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert f"at least {WORDS[FEWEST_MODELS]} models in total ({WORDS[STRONG_MODELS]} for a strong verdict)" in text
    assert f"at least {WORDS[FEWEST_PROBES]} probes" in text
    (core,) = re.findall(r"set `core` has (\d+)", text)
    assert int(core) == sum(p.domain != "identity" for p in load(["core"]).probes)
    for number in (FEWEST_MODELS, FEWEST_PROBES, STRONG_MODELS):
        assert f" {number} " in NEEDS


def facts(models: int, probes: int) -> PairFacts:
    return PairFacts(candidate="c", reference="r", base="b", models=models, n=probes, asked=probes, controls=("k",))


def test_the_rules_demand_what_is_said() -> None:
    few = decide(facts(FEWEST_MODELS - 1, FEWEST_PROBES))
    assert (few.verdict, f"at least {FEWEST_MODELS} models" in few.reasons[0]) == ("inconclusive", True)
    thin = decide(facts(FEWEST_MODELS, FEWEST_PROBES - 1))
    assert (thin.verdict, f"at least {FEWEST_PROBES}" in thin.reasons[0]) == ("inconclusive", True)
    alone = decide(replace(facts(FEWEST_MODELS, FEWEST_PROBES), controls=()))
    assert alone.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("labels", "roles", "probes", "lacks"),
    [
        ("crbxyz", ROLES, 221, []),
        ("crbxy", ROLES, 221, ["Too few controls for a strong verdict: 2"]),
        ("crb", ROLES, 19, ["Too few models: 3", "Too few probes: 19", "without any, every verdict is `inconclusive`"]),
        ("crxyz", Roles(references=("r",)), 221, ["No base is named for c, x, y, z"]),
        ("crbxyz", replace(ROLES, controls=("x",)), 221, ["Too few controls for a strong verdict: 1"]),
    ],
)
def test_what_a_run_lacks(labels: str, roles: Roles, probes: int, lacks: list[str]) -> None:
    found = shortfalls(list(labels), roles, probes)
    assert len(found) == len(lacks)
    for part, sentence in zip(lacks, found, strict=True):
        assert part in sentence


def test_pairs_are_counted_as_they_are_judged() -> None:
    assert judged(list("crbxyz"), ROLES) == 4
    assert judged(list("abcde"), Roles()) == 20


def test_what_core_can_show() -> None:
    found = visible_effects(221, 9)
    assert found is not None
    for axis, effect in found:
        seen = power(221, effect - MINIMUM_EFFECT, DEFAULT_SPREAD[axis], level(ALPHA, 9))
        assert seen == pytest.approx(POWER, abs=1e-6)
    assert (found[0][0], found[1][0]) == ("style", "answers")

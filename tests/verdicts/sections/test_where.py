"""Where a pair is alike: domains, probe sets, telling and hard probes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mimicry_audit.records.asked import Message, Probe, Response
from mimicry_audit.similarity.measure import Measured, axis_class
from mimicry_audit.similarity.passages import Passages
from mimicry_audit.statistics.intervals import bootstrap_resamples
from mimicry_audit.verdicts.findings import PairFacts
from mimicry_audit.verdicts.sections.where import MOST_TELLING, found_kin, hardest, where_entries

LABELS = ["teacher", "student", "base", "one", "two", "three"]
RNG = np.random.default_rng(3)
PROBES = [
    Probe(
        id=f"s{at % 2}/p{at}", domain=("math", "reasoning")[at // 6], messages=(Message("user", "?"),), set=f"s{at % 2}"
    )
    for at in range(12)
]
DOMAINS = np.array([0] * 6 + [1] * 6)
WEIGHTS = bootstrap_resamples(DOMAINS, 200, 0)


def symmetric() -> np.ndarray:
    values = RNG.uniform(size=(12, 6, 6))
    return np.asarray((values + values.transpose(0, 2, 1)) / 2)


def facts(base: str | None = "base", panel: tuple[str, ...] = ("one", "two", "three")) -> PairFacts:
    return PairFacts(candidate="student", reference="teacher", base=base, models=6, panel=panel, n=12, asked=12)


def found(values: list[np.ndarray], of: PairFacts) -> dict:
    measured = [Measured(axis_class(name), v) for name, v in zip(("lexical", "style"), values, strict=False)]
    measured.append(Measured(axis_class("length"), np.ones((12, 6, 6))))  # a baseline has no say
    return where_entries([of], LABELS, measured, PROBES, WEIGHTS)["student", "teacher"]


def test_parts_are_means_over_their_probes() -> None:
    one, two = symmetric(), symmetric()
    mean = (one + two) / 2
    shown = found([one, two], facts())
    assert shown["domains"]["math"]["candidate"]["value"] == pytest.approx(mean[:6, 1, 0].mean(), abs=1e-5)
    assert shown["domains"]["reasoning"]["base"]["value"] == pytest.approx(mean[6:, 2, 0].mean(), abs=1e-5)
    others = np.median(mean[:, 3:, 0], axis=1)
    assert shown["domains"]["math"]["others"]["value"] == pytest.approx(others[:6].mean(), abs=1e-5)
    even = mean[::2, 1, 0]  # the set s0; its domains weigh the same
    assert shown["sets"]["s0"]["candidate"]["value"] == pytest.approx((even[:3].mean() + even[3:].mean()) / 2, abs=1e-5)
    low, value, high = (shown["domains"]["math"]["candidate"][k] for k in ("low", "value", "high"))
    assert low < value < high


def test_telling_probes_stand_out_from_base_and_others() -> None:
    mean = symmetric()
    shown = found([mean], facts())
    gap = mean[:, 1, 0] - np.maximum(mean[:, 2, 0], np.median(mean[:, 3:, 0], axis=1))
    order = [PROBES[at].id for at in np.argsort(-gap, kind="stable") if gap[at] > 0]
    assert [entry["probe"] for entry in shown["telling"]] == order[:MOST_TELLING]
    worst = [PROBES[at].id for at in np.argsort(gap, kind="stable") if gap[at] < 0]
    assert [entry["probe"] for entry in shown["against"]] == worst[:MOST_TELLING]
    assert shown["telling"][0]["gap"] == pytest.approx(gap.max(), abs=1e-4)


def test_models_that_stand_out_themselves_do_not_show_what_is_usual() -> None:
    mean = symmetric()
    measured = [Measured(axis_class("lexical"), mean)]
    kin = found_kin([facts(), replace(facts(), candidate="one")], ["no evidence", "distilled"])
    assert kin == {"teacher": frozenset({"one"})}
    where = where_entries([facts()], LABELS, measured, PROBES, WEIGHTS, kin)["student", "teacher"]
    assert where["compared"] == ["two", "three"]
    others = np.median(mean[:6, 4:, 0], axis=1)
    assert where["domains"]["math"]["others"]["value"] == pytest.approx(others.mean(), abs=1e-5)
    sided = found_kin([replace(facts(), kin_controls=("three",))], ["convergent"])
    assert sided == {"teacher": frozenset({"three"})}


def test_without_base_and_without_others() -> None:
    mean = symmetric()
    shown = found([mean], facts(base=None))
    assert shown["domains"]["math"]["base"] is None
    assert shown["telling"][0]["base"] is None
    alone = found([mean], facts(base=None, panel=()))
    assert alone["domains"]["math"]["others"] is None
    assert alone["telling"] == alone["against"] == []  # nothing to stand out from


def test_copied_answers_are_named_where_there_is_a_base_and_a_control() -> None:
    texts = {label: [f"{label} says {at} many words of its very own here" for at in range(12)] for label in LABELS}
    texts["student"][:10] = texts["teacher"][:10]
    given = {
        label: [
            Response(key="k", model=label, probe_id=p.id, sample=0, status="ok", text=text)
            for p, text in zip(PROBES, mine, strict=True)
        ]
        for label, mine in texts.items()
    }
    measured, passages = [Measured(axis_class("lexical"), symmetric())], Passages(PROBES, given)

    def shown(of: PairFacts) -> dict:
        return where_entries([of], LABELS, measured, PROBES, WEIGHTS, {}, passages)["student", "teacher"]

    controlled = replace(facts(), controls=("one", "two", "three"))
    assert shown(controlled)["copied"] == {
        "count": 10, "of": 12, "probes": [p.id for p in PROBES[:MOST_TELLING]],
    }  # fmt: skip
    assert shown(facts())["copied"] is None
    assert shown(replace(controlled, base=None))["copied"] is None


def test_a_probe_without_an_answer_is_never_telling() -> None:
    mean = symmetric()
    mean[4, 1, 0] = mean[4, 0, 1] = np.nan
    named = found([mean], facts())
    assert PROBES[4].id not in {e["probe"] for e in named["telling"] + named["against"]}


def test_one_probe_set_is_not_set_apart() -> None:
    single = [Probe(id=p.id, domain=p.domain, messages=p.messages, set="only") for p in PROBES]
    measured = [Measured(axis_class("lexical"), symmetric())]
    entries = where_entries([facts()], LABELS, measured, single, WEIGHTS)
    assert entries["student", "teacher"]["sets"] == {}
    assert where_entries([facts()], LABELS, measured, single, None) == {}


def response(model: str, probe: str, text: str, sample: int = 0, status: str = "ok") -> Response:
    return Response(key="k", model=model, probe_id=probe, sample=sample, status=status, text=text)


def test_the_hardest_probes_come_first_and_failures_are_no_mistakes() -> None:
    check = {"kind": "number", "answer": 4}
    probes = [Probe(id=f"p{at}", domain="math", messages=(Message("user", "2+2?"),), check=check) for at in range(3)]
    probes.append(Probe(id="open", domain="math", messages=(Message("user", "Hm?"),)))
    said = {"a": ("5", "4", "4"), "b": ("5", "5", "4"), "c": ("4", "5", "4")}
    responses = {
        label: [response(label, f"p{at}", text) for at, text in enumerate(texts)] for label, texts in said.items()
    }
    responses["a"].append(response("a", "p0", "4", sample=1))
    responses["d"] = [response("d", "p1", "", status="empty")]
    assert [(e["probe"], e["right"], e["wrong"]) for e in hardest(probes, responses)] == [
        ("p0", ["c"], ["a", "b"]),
        ("p1", ["a"], ["b", "c"]),
    ]

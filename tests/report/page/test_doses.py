"""The page's part on doses: sound pictures with a name, tables that hold the same numbers, and when it is there."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from mimicry_audit.report.page import doses
from mimicry_audit.report.page.page import render
from tests.support.scores_fixture import answers, scores

LEVELS = (0.0, 0.01, 0.1, 1.0)


def interval(value, half=0.02):
    return {"value": value, "low": value - half, "high": value + half, "n": 300}


def student(label, group, dose, seed, lift, verdict="no evidence"):
    return {
        "label": label, "group": group, "about": f"about {label} <b>", "dose": dose, "seed": seed, "lift": interval(lift),
        "verdict": {"texts": verdict, "likelihood": "distilled"}, "found": {"texts": 0.25, "likelihood": 0.75},
        "gain": interval(3 * lift) if seed else None,
    }  # fmt: skip


def curve(probes, powers, limit):
    power = [
        {"dose": d, "value": p, "low": p, "high": p, "n": 48, "fitted": p} for d, p in zip(LEVELS, powers, strict=True)
    ]
    limits = [
        {"power": 0.5, "value": limit / 2, "low": limit / 4, "high": limit},
        {"power": 0.8, "value": limit, "low": limit / 2, "high": None},
    ]
    return {"probes": probes, "power": power, "limits": limits}


@pytest.fixture
def measured():
    dosed = [student(f"dose-{d}", "dose", d, s, d / 2 + s / 100, "distilled") for d in LEVELS for s in (0, 1)]
    twins = [student("twin", "control", 0.0, 0, 0.31, "inconclusive"), student("twin", "control", 0.0, 1, -0.2)]
    return {
        "students": [*dosed, *twins],
        "curves": {
            "texts": [curve(100, (0.0, 0.0, 0.5, 1.0), 0.4), curve(300, (0.0, 0.25, 0.875, 1.0), 0.08)],
            "likelihood": [curve(100, (0.0, 0.5, 1.0, 1.0), 0.04), curve(300, (0.0, 1.0, 1.0, 1.0), 0.02)],
        },
        "seeds": [0, 1], "models": "the lab's", "made": "2026-01-01",
    }  # fmt: skip


def plain(text):
    return text.replace(doses.PER_CENT, " %")


def test_the_pictures_are_sound_and_say_their_numbers(measured):
    found = doses.parts(measured, 300, "texts")
    for picture, wanted in (
        (found["scores"], ("1 % +0.01", "10 % +0.06", "100 % +0.51")),
        (found["power"], ("100 probes: 0 % 0 %", "10 % 88 %", "300 probes")),
    ):
        root = ElementTree.fromstring(str(picture))
        title = root.find("title")
        assert root.get("role") == "img"
        for words in wanted:
            assert words in plain(title.text)
        assert root.findall(".//path[@class]")
    power = ElementTree.fromstring(str(found["power"]))
    strokes = {path.get("class") for path in power.iter("path") if "curve" in path.get("class")}
    assert strokes == {"curve c0", "curve c1"}
    texts = [text.text for text in power.iter("text")]
    assert "100 probes" in texts
    assert "300 probes" in texts
    assert len([p for p in power.iter("path") if p.get("class") == "this"]) == 1
    points = [g for g in power.iter("g") if g.find("title") is not None]
    assert len(points) == 8
    dots = ElementTree.fromstring(str(found["scores"])).findall(".//circle")
    assert len(dots) == 8


def test_the_tables_hold_what_the_pictures_show(measured):
    found = doses.parts(measured, 300, "texts")
    assert [plain(row["dose"]) for row in found["rows"]] == ["0 %", "1 %", "10 %", "100 %"]
    assert [p["value"] for p in found["rows"][2]["power"]] == [0.5, 0.875]
    assert [lift["value"] for lift in found["rows"][3]["lifts"]] == [0.5, 0.51]
    assert found["table"][1]["probes"] == 300
    limits = {limit["power"]: plain(limit["said"]) for limit in found["table"][1]["limits"]}
    assert limits == {0.5: "4 % [2 %, 8 %]", 0.8: "8 % [4 %, over 100 %]"}
    (twin,) = found["controls"]
    assert twin["verdicts"] == ["inconclusive", "no evidence"]
    assert plain(found["stated"]["said"]) == "8 % [4 %, over 100 %]"
    assert plain(found["elsewhere"]["said"]) == "2 % [1 %, over 100 %]"
    assert [gain and gain["value"] for gain in found["rows"][3]["gains"]] == [None, 1.53]
    with_odds = doses.parts(measured, 300, "likelihood")
    assert with_odds["stated"]["said"] == found["elsewhere"]["said"]
    assert with_odds["controls"][0]["verdicts"] == ["distilled", "distilled"]
    assert with_odds["controls"][0]["found"] == 0.75


def test_doses_stand_in_order_along_the_axis():
    places = [doses.place(d, 0.01) for d in (0.0, 0.005, 0.01, 0.03, 0.1, 1.0)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0.0, 1.0)
    assert doses.place(0.1, 0.01) - doses.place(0.01, 0.01) == pytest.approx(
        doses.place(1, 0.01) - doses.place(0.1, 0.01)
    )


def test_it_is_there_where_a_verdict_rests_on_a_base(measured):
    def scored(*found):
        verdicts = [{"candidate": f"c{at}", "reference": "r", "base": base} for at, (base, _) in enumerate(found)]
        return {"verdicts": verdicts, "pairs": [{"a": "r", "b": f"c{at}", "n": n} for at, (_, n) in enumerate(found)]}

    assert doses.build(scored(("b", 120), ("b", 300), (None, 10)), measured)["probes"] == 210
    assert doses.build(scored((None, 10)), measured) is None
    assert doses.build({"verdicts": []}, measured) is None
    assert doses.build(scored(("b", 120)), measured)["kind"] == "texts"
    assert doses.build(scored(("b", 120)) | {"likelihood": {"top_k": 20}}, measured)["kind"] == "likelihood"


def test_the_page_holds_it(measured, monkeypatch):
    monkeypatch.setattr(doses, "shipped", lambda: measured)
    page = render(scores(), answers())
    assert "What dose could this audit detect?" in page
    assert "about twin &lt;b&gt;" in page
    monkeypatch.setattr(doses, "shipped", lambda: None)
    assert "What dose could" not in render(scores(), answers())


def test_the_card_of_a_distilled_student_says_whom_the_lab_mistook(measured):
    measured["students"] += [student("same-data", "control", 0.0, s, 0.4, "distilled") for s in (0, 1)]
    found = doses.parts(measured, 300, "texts")
    assert [(row["about"], row["found"], row["strip"]) for row in found["mistaken"]] == [
        (doses.NEVER_TAUGHT["same-data"], 2, [True, True]),
        (doses.NEVER_TAUGHT["twin"], 0, [False, False]),
    ]
    assert (found["taught"]["found"], found["taught"]["seeds"]) == (2, 2)
    page = render(scores(), answers())
    shown = page.count('class="mistaken"')
    assert shown == sum(v["verdict"] == "distilled" for v in scores()["verdicts"]) > 0
    assert doses.NEVER_TAUGHT["same-data"] in page

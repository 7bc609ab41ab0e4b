"""The page's parts on where a likeness shows, who comes from whom, and who names whom."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from mimicry_audit.report.page import descent, identity
from mimicry_audit.report.page.page import render
from mimicry_audit.report.pictures import histogram
from mimicry_audit.report.pictures.charts import Scale
from tests.support.page_outline import Outline
from tests.support.scores_fixture import answers, scores

UNIT = Scale(0.0, 1.0, (0.0, 0.5, 1.0))
MARKED = {"value": 0.8, "low": 0.75, "high": 0.85}


def drawn(others: list[float]) -> ElementTree.Element:
    return ElementTree.fromstring(str(histogram.among(others, MARKED, (0.4, 0.95), UNIT, "said")))


def classes(picture: ElementTree.Element) -> list[str | None]:
    return [node.get("class") for node in picture.iter()]


def test_few_panel_members_are_dots_and_many_are_bars() -> None:
    few = classes(drawn([0.1, 0.2, 0.2]))
    assert (few.count("other"), few.count("bar-of"), few.count("this"), few.count("band")) == (3, 0, 1, 1)
    many = [at / 100 for at in range(histogram.MOST_DOTS + 1)]
    picture = drawn(many)
    assert classes(picture).count("other") == 0
    bars = [node for node in picture.iter() if node.get("class") == "bar-of"]
    titles = [t.text or "" for t in picture.iter("title")]
    assert sum(int(t.split()[0]) for t in titles if t != "said") == len(many)
    assert all(float(bar.get("height") or 0) > 0 for bar in bars)


def model(label: str, **lineage: Any) -> dict[str, Any]:
    return {"label": label, "lineage": lineage or None}


def test_lines_keep_what_is_stated_apart_from_what_was_found() -> None:
    models = [model("t"), model("b"), model("s", teacher="t", base="b", source="its manifest"), model("x")]
    verdicts = [
        {"candidate": "s", "reference": "t", "base": "b", "verdict": "distilled", "confidence": "strong"},
        {"candidate": "x", "reference": "t", "base": None, "verdict": "no evidence", "confidence": "weak"},
    ]
    found = {(e.parent, e.child, e.kind): e.source for e in descent.lines(models, verdicts)}
    assert found == {
        ("b", "s", "base"): "its manifest",
        ("t", "s", "taught"): "its manifest",
        ("t", "s", "distilled"): "verdict, strong confidence",
    }
    part = descent.build(models, verdicts)
    assert part is not None
    assert part["apart"] == ["x"]
    picture = ElementTree.fromstring(str(part["picture"]))
    assert {c for c in classes(picture) if c and c.startswith("edge")} == {"edge base", "edge taught", "edge distilled"}
    assert "s was distilled, this audit finds, from t (verdict, strong confidence)" in (picture.findtext("title") or "")


def test_nothing_known_and_nothing_found_draws_nothing() -> None:
    assert descent.build([model("a"), model("b")], []) is None


def test_a_cycle_of_claims_and_parents_outside_the_run_are_drawn() -> None:
    part = descent.build([model("a", base="b"), model("b", base="a"), model("c", base="far away")], [])
    assert part is not None
    boxes = [c for c in classes(ElementTree.fromstring(str(part["picture"]))) if c and c.startswith("node")]
    assert sorted(boxes) == ["node", "node", "node", "node away"]


def test_parents_stand_left_of_their_children() -> None:
    found = descent.lines([model("c", base="b"), model("b", base="a"), model("d", teacher="b")], [])
    assert descent.layers(["b", "c", "a", "d"], found) == [["a"], ["b"], ["c", "d"]]


def test_who_names_whom_counts_answers_and_knows_whose_maker_it_is() -> None:
    claims = [{"maker": "M", "voice": "own"}, {"maker": "M", "voice": "own"}]
    asked = {
        "models": {"a": {"own": {"maker": "M"}}, "b": {"own": {"maker": "N"}}, "c": {"own": None}},
        "attempts": [],
    }
    attempts = {
        "a": [{"claims": claims}],
        "b": [{"claims": claims}, {"claims": []}, {"claims": [{"maker": "Far", "voice": "own"}]}],
        "c": [{"claims": [{"maker": "M", "voice": "character"}]}, {"claims": claims}],
    }
    assert [(k["label"], k["maker"], k["count"], k["of"], k["whose"]) for k in identity.leaks(asked, attempts)] == [
        ("b", "M", 1, 3, ["a"]),
        ("b", "Far", 1, 3, []),
        ("c", "M", 1, 2, ["a"]),
    ]


def test_the_page_shows_single_probes_with_their_words_and_links() -> None:
    html = render(scores(), answers())
    page = Outline(html)
    assert "Strongest probes" in page.text
    assert "Probes that speak against it" in page.text
    assert "The hardest probes" in page.text
    assert "Copied answers: 12 of 60" in page.text
    assert "only aria uses, among all models compared. The first 2 are shown." in page.text
    assert "Copied answers, share of all" in page.text
    assert "none of them" in page.text
    first = answers()[0]
    assert first["answers"]["aria-student"][0]["text"] in page.text
    assert (
        html.index('id="verdicts"')
        < html.index('id="evidence"')
        < html.index('id="where"')
        < html.index('id="identity"')
    )
    assert (
        html.index('id="identity"') < html.index('id="answers"') < html.index('id="method"') < html.index('id="limits"')
    )


def test_scores_of_before_have_no_such_part() -> None:
    old = scores()
    del old["hardest"]
    for verdict in old["verdicts"]:
        del verdict["where"]
    assert "no pair was judged in detail" in Outline(render(old, answers())).text

"""The small parts: pictures, differences, hidden characters, numbers, clustering."""

from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from mimicry_audit.records.asked import Message, Probe
from mimicry_audit.records.verdict_words import WORDS
from mimicry_audit.report import diff, fmt, visible
from mimicry_audit.report.page import answers, panel
from mimicry_audit.report.page.page import render
from mimicry_audit.report.pictures import charts, cluster, svg
from mimicry_audit.report.pictures.charts import Mark, Scale
from mimicry_audit.report.rows import conversation_text
from tests.support.hostile import STRINGS
from tests.support.scores_fixture import MODELS, scores


def parsed(picture: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(str(picture))


@pytest.mark.parametrize(
    ("reference", "text", "expected"),
    [
        ("a b c", "a x c", [("a ", True), ("x ", False), ("c", True)]),
        ("a b", "a  b", [("a  b", True)]),
        ("", "a", [("a", False)]),
        ("a", "", []),
        ("你好世界", "你们世界", [("你们", False), ("世界", True)]),
        ("दिल्ली भारत की राजधानी है", "दिल्ली भारत का शहर है", [("दिल्ली भारत ", True), ("का शहर ", False), ("है", True)]),
        ("แมวกินปลา", "แมวกินข้าว", [("แมวกิน", True), ("ข้าว", False)]),
        (" a b", "\n a c", [("\n a ", True), ("c", False)]),
        ("The end.", "The end!", [("The end", True), ("!", False)]),
    ],
)
def test_difference_by_words(reference: str, text: str, expected: list[tuple[str, bool]]) -> None:
    assert [(span.text, span.shared) for span in diff.spans(reference, text)] == expected


@pytest.mark.parametrize("text", STRINGS.values(), ids=STRINGS)
def test_differences_lose_nothing_and_escape_everything(text: str) -> None:
    spans = diff.spans("an answer <b> of words", f"an answer {text} of words")
    assert "".join(span.text for span in spans) == f"an answer {text} of words"
    shown = str(diff.markup(spans))
    shown.encode("utf-8")
    assert "<script" not in shown
    assert "<img" not in shown


def test_shared_words() -> None:
    assert diff.shared(diff.spans("a b c d", "a b x y")) == 0.5
    assert diff.shared(diff.spans("a", "")) is None
    assert str(diff.markup(diff.spans("a b", "a x b"))) == "a <mark>x</mark> b"


def test_very_long_answers_are_compared_quickly() -> None:
    words = " ".join(str(at) for at in range(9000))
    spans = diff.spans(words, words)
    assert "".join(span.text for span in spans) == words


def test_hidden_characters_are_named_not_dropped() -> None:
    assert visible.plain("a\u202eb\x00c\ud800") == "a⟦U+202E⟧b⟦U+0000⟧c⟦U+D800⟧"
    assert 'title="RIGHT-TO-LEFT OVERRIDE">U+202E' in visible.markup("\u202e")
    assert 'title="LONE SURROGATE">U+D800' in visible.markup("\ud800")
    assert "U+0000 ×3</span>" in visible.markup("\x00\x00\x00")
    assert visible.markup("<\t\n>") == "&lt;\t\n&gt;"


@pytest.mark.parametrize(
    "honest",
    [
        "naïve café",
        "👩\u200d🚀",
        "می\u200cخواهم",
        "你好",
        "line\n\ttab",
        "e\u0301",
        "❤\ufe0f",
        "葛\U000e0100",
        "בְּרֵאשִׁית",
    ],
)
def test_honest_text_is_left_alone(honest: str) -> None:
    assert visible.plain(honest) == honest


def test_every_character_that_could_act_is_shown() -> None:
    acting = [*range(0, 9), *range(11, 32), *range(127, 160), 0x200B, 0x200E, 0x2028, 0x202A, 0x2066, 0xFEFF, 0xE0041]
    for code in acting:
        assert visible.plain(f"a{chr(code)}b") == f"a⟦U+{code:04X}⟧b"


def test_floods_of_marks_and_smuggled_selectors_are_written_out() -> None:
    assert visible.plain("e" + "\u0301" * 8) == "e" + "\u0301" * 8
    assert visible.plain("e" + "\u0301" * 10) == "e" + "\u0301" * 8 + "⟦U+0301⟧" * 2
    assert visible.plain("❤\ufe0f\ufe01\U000e0100") == "❤\ufe0f⟦U+FE01⟧⟦U+E0100⟧"
    assert visible.plain("no\u034f e\u3164vidence") == "no⟦U+034F⟧ e⟦U+3164⟧vidence"
    assert 'title="HANGUL FILLER"' in visible.markup("x\u3164")


def test_elements_escape_and_refuse_handlers() -> None:
    assert svg.el("text", "<&\u202e", class_='"') == '<text class="&#34;">&lt;&amp;⟦U+202E⟧</text>'
    for name in ("onload", "style", "href", "src"):
        with pytest.raises(ValueError, match="no place"):
            svg.el("g", **{name: "x"})
    with pytest.raises(ValueError, match="plain name"):
        svg.el("g><script")


def _heatmap(centred: bool) -> ElementTree.Element:
    data = scores()["pairs"]
    kind = "centred" if centred else "raw"
    values = {frozenset({p["a"], p["b"]}): p["overall"][kind] for p in data}
    root = cluster.tree(MODELS, {key: interval["value"] for key, interval in values.items()})
    return parsed(charts.heatmap(root, values, centred, "Everything <at> once"))


@pytest.mark.parametrize("centred", [True, False])
def test_heatmap_prints_every_number_and_names_every_cell(centred: bool) -> None:
    drawn = _heatmap(centred)
    assert drawn.get("role") == "img"
    assert drawn.findtext("title") == "Everything <at> once"
    assert len(drawn.findall("g/rect")) == len(MODELS) * (len(MODELS) - 1)
    titles = [title.text or "" for title in drawn.findall("g/title")]
    assert any("aria and aria-student" in title for title in titles)
    numbers = [text.text for text in drawn.findall("g/text")]
    assert ("+.23" if centred else ".83") in numbers


def test_dots_say_their_numbers_and_stay_inside() -> None:
    scale = Scale(-0.5, 0.5, (-0.5, 0.0, 0.5))
    wild = {"value": 3.0, "low": -9.0, "high": 9.0, "n": 1}
    drawn = parsed(charts.dots([Mark("x", wild, signed=True), Mark("y", None)], scale))
    assert drawn.findtext("title") == "x +3.00 [−9.00, +9.00]"
    for circle in drawn.iter("circle"):
        assert 0 <= float(circle.get("cx", "nan")) <= charts.PLOT_WIDTH
    assert parsed(charts.dots([Mark("y", None)], scale)).findtext("title") == "not measured"


@pytest.mark.parametrize("values", [[], [0.0], [math.nan], [-3.0, 8.0], [0.001], [0.3]])
@pytest.mark.parametrize("symmetric", [True, False])
def test_scales_hold_their_values(values: list[float], symmetric: bool) -> None:
    scale = charts.scale_for(values, symmetric)
    assert scale.low < scale.high
    assert all(scale.low <= value <= scale.high for value in values if not math.isnan(value))
    assert scale.low in scale.ticks


def test_strip_marks_one_among_many() -> None:
    scale = charts.scale_for([0.2], symmetric=True)
    mine = {"value": 0.2, "low": 0.1, "high": 0.3, "n": 9}
    drawn = parsed(charts.strip([0.0, -0.1, 0.05], mine, scale, "here"))
    kinds = [line.get("class") for line in drawn.findall("line")]
    assert kinds.count("other") == 3
    assert [path.get("class") for path in drawn.findall("path")] == ["this"]


def test_stack_and_legend_and_icons() -> None:
    bar = parsed(charts.stack([("s-ok", "ok", 3), ("s-empty", "empty", 1), ("s-error", "error", 0)], "Answers"))
    assert bar.findtext("title") == "Answers: 3 ok, 1 empty, 0 error"
    widths = [float(rect.get("width", 0)) for rect in bar.iter("rect")]
    assert len(widths) == 2
    assert widths[0] > 2.5 * widths[1]
    assert parsed(charts.stack([], "None")).findtext("title") == "None: "
    assert len(parsed(charts.legend(-0.2, 0.2, True)).findall("rect")) == charts.STEPS
    assert len({str(charts.icon(word.icon)) for word in WORDS}) == len(WORDS)


def test_shades_cover_the_ramp() -> None:
    assert [charts.shade(value, 0, 1) for value in (-1, 0, 0.5, 1, 2)] == [0, 0, 4, 8, 8]
    assert charts.shade(0, 0, 0) == 4


def test_clustering_puts_neighbours_together() -> None:
    near = {frozenset("ab"): 0.9, frozenset("cd"): 0.8, frozenset("ac"): 0.1, frozenset("bd"): 0.1}
    root = cluster.tree("acbd", near)
    assert {frozenset(root.leaves[:2]), frozenset(root.leaves[2:])} == {frozenset("ab"), frozenset("cd")}
    assert cluster.tree(["only"], {}).leaves == ("only",)


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [(0.314, False, "0.31"), (-0.2, False, "−0.20"), (0.2, True, "+0.20"), (-0.001, True, "0.00"), (None, True, "–")],
)
def test_numbers(value: float | None, signed: bool, text: str) -> None:
    assert fmt.num(value, signed=signed) == text


def test_odd_numbers_are_dashes() -> None:
    assert fmt.num(math.nan) == fmt.num(math.inf) == fmt.num(True) == fmt.num("3") == fmt.MISSING
    assert fmt.p_value(0.0001) == "< 0.001"
    assert fmt.estimate({"value": 0.5, "low": None, "high": 1}) == "0.50"
    assert fmt.plural(1, "probe") == "1 probe"
    assert fmt.plural(1200, "probe") == "1,200 probes"


def test_claims_are_marked_where_they_stand() -> None:
    claims = [
        {"maker": "B", "model": None, "start": 10, "end": 11, "own": False},
        {"maker": "A", "model": "a", "start": 5, "end": 6, "own": True},
        {"maker": "overlaps", "model": None, "start": 5, "end": 9, "own": False},
        {"maker": "outside", "model": None, "start": 90, "end": 99, "own": False},
    ]
    shown = str(answers.claimed("I am A not B<", claims[:2]))
    assert shown == (
        'I am <mark class="own" title="its own name: A · a">A</mark> not'
        '<mark class="alien" title="another name: B"> </mark>B&lt;'
    )
    assert answers.claimed("I am A not B", claims).striptags().replace(" ", "") == "IamAnotB"


def test_agreement_words() -> None:
    def answer(text: str, correct: bool | None) -> list[dict[str, object]]:
        return [{"sample": 0, "status": "ok", "text": text, "correct": correct}]

    given = {"r": answer("x y", False), "c": answer("x  y", False), "d": answer("z", True)}
    assert answers.agreement({"answers": given}, "r", frozenset("c")) == ["verbatim", "wrong", "mixed"]
    assert answers.agreement({"answers": {"r": answer("x", True)}}, "r", frozenset("c")) == ["right"]


def test_a_pair_among_its_panel_is_drawn_and_printed() -> None:
    data = scores()
    verdict, pair = data["verdicts"][0], next(p for p in data["pairs"] if {p["a"], p["b"]} == {"aria", "aria-student"})
    found = panel.build(verdict, pair, len(MODELS))
    assert found is not None
    picture = parsed(found["panel"]["picture"])
    kinds = [node.get("class") for node in picture.iter()]
    assert kinds.count("other") == len(verdict["null"]["panel"]) == found["panel"]["size"]
    assert (kinds.count("this"), kinds.count("band"), kinds.count("limit")) == (1, 1, 2)
    title = picture.findtext("{*}title") or picture.findtext("title") or ""
    for label, value in verdict["null"]["raw"]["members"].items():
        assert f"{label} {value:.2f}" in title
    assert found["panel"]["smallest"] == f"1/{found['panel']['size'] + 1}"
    assert found["centred_on"] == f"all {len(MODELS)} models of the run"


def test_the_index_is_clipped_for_the_eye_and_kept_whole_beside() -> None:
    verdict = dict(scores()["verdicts"][0])
    for value, shown, whole in (
        (130.0, "100 of 100 [100, 100]", "130"),
        (-4.4, "0 of 100 [0, 3]", "−4"),
        (58.2, "58 of 100 [51, 66]", None),
    ):
        place = {**verdict["index"], "index": {"value": value, "low": value - 7, "high": value + 7.4, "n": 9}}
        found = panel.build({**verdict, "index": place}, None, 6)
        assert found is not None
        assert (found["index"]["shown"], found["index"]["unclipped"]) == (shown, whole)


def test_what_could_not_be_centred_or_ranked_is_said() -> None:
    verdict = scores()["verdicts"][0]
    missing = {**verdict["index"], "index": None, "why_not": "no panel"}
    bare = {**verdict, "centred_on": [], "family": ["twin"], "null": None, "index": missing}
    found = panel.build(bare, None, 6)
    assert found is not None
    assert found["refused"]
    assert found["panel"] is None
    assert (found["index"]["shown"], found["index"]["why_not"]) == (None, "no panel")
    old = {k: v for k, v in verdict.items() if k not in ("centred_on", "null", "index", "mismatched")}
    assert panel.build(old, None, 6) is None
    page = render({**scores(), "verdicts": [bare, old]}, [])
    assert "Not centred: twin is known kin of the two" in page
    assert "Not given: no panel." in page
    assert "too few models in this run are unrelated to the two" in page


def test_a_reader_sees_the_system_prompt_and_earlier_turns() -> None:
    turns = (
        Message("system", "Be brief."),
        Message("user", "Hello"),
        Message("assistant", "Hi."),
        Message("user", "Why?"),
    )
    probe = Probe(id="p", domain="reasoning", messages=turns)
    assert conversation_text(probe) == "system: Be brief.\n\nuser: Hello\n\nassistant: Hi.\n\nuser: Why?"
    assert conversation_text(replace(probe, messages=turns[-1:])) == "Why?"

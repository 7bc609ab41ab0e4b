"""The page as text: what it says, what it must never contain, and how it is written."""

from __future__ import annotations

import base64
import copy
import hashlib
import re
from typing import Any

import pytest

from mimicry_audit.ground.errors import DataError
from mimicry_audit.ground.resources import resource_dir
from mimicry_audit.report.page import answers as answers_view
from mimicry_audit.report.page import page, view
from mimicry_audit.report.page.headline import headline
from tests.support.page_outline import Outline
from tests.support.scores_fixture import MODELS, answers, hostile, scores

TEMPLATES = sorted((resource_dir("templates") / "report").glob("*.html"))


@pytest.fixture(scope="module")
def html() -> str:
    return page.render(scores(), answers(20))


def test_templates_never_switch_escaping_off() -> None:
    assert TEMPLATES
    for template in TEMPLATES:
        source = template.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe\b|autoescape|Markup|\bon\w+=|\bstyle=", source), template.name
        assert not re.search(r"=\s*\{\{", source), f"{template.name}: an unquoted attribute"


def test_environment_escapes_and_refuses_undefined_names() -> None:
    from jinja2 import StrictUndefined

    environment = page.build_environment(TEMPLATES[0].parent)
    assert environment.autoescape is True
    assert environment.undefined is StrictUndefined
    assert environment.from_string("{{ x }}").render(x="<b>\u202e") == "&lt;b&gt;⟦U+202E⟧"


def test_policy_names_the_hashes_of_what_is_inlined(html: str) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy
    for tag in ("script", "style"):
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.S)
        assert len(found) == 1
        digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy[1]
    assert policy[1].startswith("default-src &#39;none&#39;")
    assert "unsafe" not in policy[1]


def test_nothing_points_outside(html: str) -> None:
    outline = Outline(html)
    assert {link for _, link in outline.links if not link.startswith("#")} == {"data:,"}
    assert {link[1:] for _, link in outline.links if link.startswith("#")} <= set(outline.ids)


def test_headings_are_in_order_and_ids_unique(html: str) -> None:
    outline = Outline(html)
    assert outline.levels[0] == 1
    assert outline.levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(outline.levels, outline.levels[1:], strict=False))
    assert len(outline.ids) == len(set(outline.ids))
    assert not outline.unnamed


def test_the_verdict_comes_first_and_the_facts_are_there(html: str) -> None:
    text = Outline(html).text
    places = [
        text.index(words) for words in ("shows strong evidence of distillation", "At a glance Any", "Evidence Each")
    ]
    places += [
        text.index(words) for words in ("Who each model says it is", "The answers side by side", "How it was done")
    ]
    places.append(text.index("What this cannot show"))
    assert places == sorted(places)
    data = scores()
    for verdict in data["verdicts"]:
        for sentence in (verdict["summary"], *verdict["reasons"], *verdict["would_change"]):
            assert sentence in text
    for fact in (data["signature"], *data["limits"], *data["warnings"], *MODELS, "evidence, not proof"):
        assert fact in text
    assert "The verdict agrees" in text
    assert "The verdict disagrees" in text
    assert "not asked for log-probabilities" in text
    assert "You are Twin, a helpful model made by Lumen Works." in text


def test_every_number_of_the_matrices_is_printed(html: str) -> None:
    table = html[html.index("The same as a table") :]
    for pair in scores()["pairs"]:
        for kind in ("raw", "centred"):
            value = f"{pair['overall'][kind]['value']:.2f}".replace("-", "−").lstrip("+")
            assert value in table


def test_missing_parts_are_said_to_be_missing() -> None:
    data = scores() | {
        "verdicts": [],
        "pairs": [],
        "identity": {"arms": [], "models": {}, "attempts": []},
        "warnings": [],
    }
    data["models"] = data["models"][:1]
    data["models"][0]["accuracy"] = None
    text = Outline(page.render(data, [])).text
    for words in (
        "No pair of models was judged",
        "This run did not ask about identity",
        "at least two models",
        "no checkable probe",
    ):
        assert words in text


def _without_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return (
            None if set(value) == {"value", "low", "high", "n"} else {k: _without_numbers(v) for k, v in value.items()}
        )
    return [_without_numbers(item) for item in value] if isinstance(value, list) else value


def test_every_interval_may_be_missing() -> None:
    text = Outline(page.render(_without_numbers(scores()), answers(2))).text
    assert "too few answers" in text
    assert "nan" not in text.lower().split()


def test_likelihoods_are_shown_with_what_they_mean_and_what_is_missing(html: str) -> None:
    text = Outline(html[html.index('id="likelihood"') : html.index('id="identity"')]).text
    for words in (
        "How well does each model predict the words of another?",
        "+0.90 [+0.80, +1.00]",
        "+0.77 [+0.67, +0.87]",
        "0.71 [0.61, 0.81]",
        "base (the context is too short; 180 texts without numbers)",
        "twin: a chat endpoint does not report",
        "gain of twin on aria (no base of twin was named)",
    ):
        assert words in text, words


def test_likelihoods_that_were_not_asked_for_leave_no_trace() -> None:
    data = scores()
    del data["likelihood"]
    data |= {"combined": {"version": 1, "questions": [], "why_not": "6 models"}, "attribution": [], "agreement": []}
    html = page.render(data, answers(2))
    # What likelihoods would have seen is told beside the detection limit, and nowhere else.
    told = (
        html[html.index("<body>") : html.index('id="dose"')]
        + html[html.index('id="h-limits"') : html.index('id="dose"')]
    )
    assert "likelihood" not in told.lower()


def test_a_gain_has_no_place_on_the_scale_of_similarities() -> None:
    data = scores()
    verdict = next(v for v in data["verdicts"] if v["evidence"])
    more = verdict["evidence"][0] | {"axis": "likelihood", "unit": "bits per byte", "statistic": "adjusted gain"}
    more |= {"estimate": {"value": 77.5, "low": 70.0, "high": 80.0, "n": 60}}
    verdict["evidence"].append(more)
    html = page.render(data, answers(2))
    assert "Likelihood, in bits per byte" in html
    assert "77.50" in html
    ticks = re.findall(r'class="tick[^"]*"[^>]*>([^<]+)<', html)
    assert ticks
    numbers = [float(t.replace("−", "-")) for t in ticks if t not in ("floor", "ceiling")]
    assert numbers
    assert not any(abs(number) > 5 for number in numbers)


def test_the_headline_names_what_is_open_and_counts_only_what_was_judged() -> None:
    data = scores()
    first, second = data["verdicts"][:2]
    kept = [
        first | {"candidate": "boro", "verdict": "no evidence"},
        second | {"candidate": "twin", "verdict": "inconclusive"},
    ]
    data["verdicts"] = kept
    expected = "twin could not be judged. The other judged model shows no evidence of distillation."
    assert expected in Outline(page.render(data, answers(2))).text
    assert headline(view.read(data)) == expected
    data["verdicts"] = [kept[0] | {"verdict": "same model", "confidence": "moderate", "candidate": "boro"}, kept[-1]]
    shown = Outline(page.render(data, answers(2))).text
    assert "boro is probably the same model as aria" in shown
    assert "twin could not be judged." in shown
    assert headline(view.read(data)) == "boro is probably the same model as aria."


def test_two_models_and_thirty_models() -> None:
    data = scores()
    two = copy.deepcopy(data)
    two["models"] = [m for m in two["models"] if m["label"] in {"aria", "boro"}]
    two["pairs"] = [p for p in two["pairs"] if {p["a"], p["b"]} == {"aria", "boro"}]
    two["verdicts"] = [v | {"verdict": "no evidence"} for v in two["verdicts"] if v["candidate"] == "boro"]
    assert "The one judged model shows no evidence of distillation." in Outline(page.render(two, answers(2))).text
    many = copy.deepcopy(data)
    many["models"] = [{**data["models"][0], "label": f"model-{at}", "role": "candidate"} for at in range(30)]
    pair = data["pairs"][0]
    many["pairs"] = [{**pair, "a": f"model-{a}", "b": f"model-{b}"} for a in range(30) for b in range(a)]
    many["verdicts"] = [
        {**data["verdicts"][0], "candidate": f"model-{at}", "reference": "model-0"} for at in range(1, 30)
    ]
    html = page.render(many, [])
    assert html.count('class="verdict ') == 29
    assert 'class="others"' not in html, "all of them stand out"
    for verdict in many["verdicts"][2:]:
        verdict["verdict"] = "no evidence"
    quiet = page.render(many, [])
    foremost, _, others = quiet.partition('<details class="others">')
    assert (foremost.count('class="verdict '), others.count('class="verdict ')) == (3, 26)
    assert "The other 26 cards, which do not stand out" in Outline(quiet).text
    assert "26 further cards did not stand out and are on the page, not on paper" in Outline(quiet).text


def test_a_large_run_stays_under_ten_megabytes_and_says_what_it_left_out() -> None:
    given = answers(400)
    for probe in given:
        for samples in probe["answers"].values():
            samples[0]["text"] = (samples[0]["text"] + " ") * 12
    html = page.render(scores(), given)
    assert len(html.encode()) < 10_000_000
    shown = html.count('<details class="probe"')
    assert 0 < shown < 1200
    assert f"Shown here: {shown} of 1,200 probes" in Outline(html).text
    chosen = answers_view.choose(given, MODELS, [0] * len(given))
    assert chosen[-1] > 1000, "spread over the whole list"


@pytest.mark.parametrize("heavy", ["\x00\x01" * 3000, "\u4f60" * 6000, "<" * 6000, "a b " * 1500])
def test_no_text_makes_the_page_too_large(heavy: str) -> None:
    data, given = scores(), answers(12)
    for probe in given:
        for samples in probe["answers"].values():
            samples[0]["text"] = heavy
    for attempt in data["identity"]["attempts"]:
        attempt["text"] = heavy
    assert len(page.render(data, given).encode()) < 10_000_000


def test_long_answers_are_cut_and_say_so() -> None:
    given = answers(1)
    given[0]["answers"]["boro"][0]["text"] = "word " * 5000
    assert "19000 more characters in the journal" in Outline(page.render(scores(), given)).text


def test_surrogates_anywhere_still_encode() -> None:
    page.render(hostile(scores(), "\ud800"), hostile(answers(1), "\ud800")).encode("utf-8")


def test_another_schema_is_refused() -> None:
    with pytest.raises(DataError, match="Score the run again"):
        page.render({"schema": "mimicry_audit.scores/2"}, [])


def test_the_same_scores_give_the_same_page() -> None:
    assert page.render(scores(), answers(2)) == page.render(scores(), answers(2))


def test_the_card_of_a_distilled_student_quotes_what_it_shares(html: str) -> None:
    data, given = scores(), answers(12)
    verdict = next(v for v in data["verdicts"] if v["verdict"] == "distilled")
    name = given[3]["probe_id"]
    verdict["where"] = {**verdict["where"], "copied": {"count": 1, "of": 36, "probes": [name]}}
    said = given[3]["answers"]
    said[verdict["reference"]][0]["text"] = "To sum up <b>in a few</b> words, rivers run down to the sea."
    said[verdict["candidate"]][0]["text"] = "To sum up <b>in a few</b> words, hills stand. The sea is far."
    card = page.render(data, given).split('class="mistaken quoted"')[1].split("</div>\n</div>")[0]
    assert "<mark>To sum up &lt;b&gt;in a few&lt;/b&gt; words,</mark> hills stand." in card
    assert "copied" in card
    quiet = copy.deepcopy(data)
    for one in quiet["verdicts"]:
        one["verdict"] = "no evidence"
    assert 'class="mistaken quoted"' not in page.render(quiet, given)


def test_the_card_says_how_far_the_movements_lie_from_the_threshold() -> None:
    text = Outline(page.render(scores(), answers(2))).text
    assert "has its whole interval" in text
    assert "the smallest movement that could count is about" in text


def test_places_are_named_after_their_pair_and_the_company_is_listed(html: str) -> None:
    for part in ("verdict", "evidence"):
        assert f'id="{part}-aria-student-against-aria"' in html
    data = scores()
    data["verdicts"] = [dict(data["verdicts"][0], candidate="a b"), dict(data["verdicts"][0], candidate="a/b")]
    twice = page.render(data, answers(1))
    assert 'id="verdict-a-b-against-aria"' in twice
    assert 'id="verdict-a-b-against-aria-2"' in twice
    data["verdicts"][0]["controls"] = ["boro", "twin"]
    text = " ".join(Outline(page.render(data, answers(1))).text.split())
    assert "the model that it may have been trained on" in text
    assert "boro , twin models with no part in it: what the candidate moved toward them, any training moves" in text

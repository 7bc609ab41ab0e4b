"""Claims of identity: what is one, what is none, and how they are counted."""

from __future__ import annotations

import re
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimicry_audit.identity.claims import ClaimFinder
from mimicry_audit.identity.facts import Facts, Maker, ModelFact, OwnIdentity, load_facts
from mimicry_audit.identity.refusals import is_failure, is_refusal
from mimicry_audit.identity.scores import claims_of, identity_scores
from mimicry_audit.records.asked import Message, Probe, Response
from mimicry_audit.statistics.intervals import wilson
from tests.support.claim_examples import CLAIMS, NO_CLAIMS
from tests.support.identity.answered import CHINESE_ANSWERS, CHINESE_NO_ANSWERS, ENGLISH_ANSWERS, ENGLISH_NO_ANSWERS
from tests.support.identity.negatives_en import ENGLISH_NOTHING
from tests.support.identity.negatives_play import CHINESE_PLAY_NOTHING, ENGLISH_PLAY_NOTHING
from tests.support.identity.negatives_zh import CHINESE_NOTHING
from tests.support.identity.plain import CHINESE_PLAIN, CHINESE_PLAIN_NOTHING, ENGLISH_PLAIN, ENGLISH_PLAIN_NOTHING
from tests.support.identity.positives_en import ENGLISH_CLAIMS
from tests.support.identity.positives_play import CHINESE_PLAY, ENGLISH_PLAY
from tests.support.identity.positives_zh import CHINESE_CLAIMS

FINDER = ClaimFinder(load_facts())


POSITIVES = (
    *ENGLISH_ANSWERS,
    *CHINESE_ANSWERS,
    *ENGLISH_CLAIMS,
    *ENGLISH_PLAY,
    *ENGLISH_PLAIN,
    *CHINESE_CLAIMS,
    *CHINESE_PLAY,
    *CHINESE_PLAIN,
)
NEGATIVES = (
    *ENGLISH_NO_ANSWERS,
    *CHINESE_NO_ANSWERS,
    *ENGLISH_NOTHING,
    *ENGLISH_PLAY_NOTHING,
    *ENGLISH_PLAIN_NOTHING,
    *CHINESE_NOTHING,
    *CHINESE_PLAY_NOTHING,
    *CHINESE_PLAIN_NOTHING,
)
VOICES = ("own", "label", "character")


def voices(example):
    """Maker → the best voice in which the finder hears it claimed."""
    heard = {}
    for claim in FINDER.find(example.text, example.prompt):
        heard[claim.maker] = min(heard.get(claim.maker, "character"), claim.voice, key=VOICES.index)
    return heard


def test_the_hard_examples_are_many_half_chinese_and_of_every_voice():
    for examples in (POSITIVES, NEGATIVES):
        assert len(examples) >= 150
        assert abs(2 * sum(is_chinese(e.text) for e in examples) - len(examples)) <= 0.15 * len(examples)
        assert len({(e.text, e.prompt) for e in examples}) == len(examples)
    said = Counter(voice for e in POSITIVES for voice in e.claims.values())
    assert min(said[voice] for voice in VOICES) >= 12


def test_hard_positives_are_found_in_the_right_voice():
    wrong = [(e.text, dict(e.claims), voices(e)) for e in POSITIVES if voices(e) != dict(e.claims)]
    assert len(wrong) <= 0.05 * len(POSITIVES), wrong


@pytest.mark.parametrize("example", NEGATIVES, ids=lambda e: e.text[:40])
def test_hard_negatives_claim_nothing(example):
    assert FINDER.find(example.text, example.prompt) == []


@pytest.mark.parametrize(
    ("maker", "model"),
    [
        ("Anthropic", "Claude"),
        ("智谱AI", "智谱清言"),
        ("Tencent", "Hunyuan"),
        ("MiniMax", "abab6.5"),
        ("Cohere", "Command R+"),
    ],
)
def test_what_is_found_of_one_maker_is_found_of_another(maker, model):
    """The rules are about wording, not about the names that leak most."""
    name = load_facts().maker(maker).name
    missed, invented, tried = [], [], 0
    for example in (*POSITIVES, *NEGATIVES):
        if re.search("GPT-|[a-zA-Z]GPT|GPT[:：】)]|ＧＰＴ|ＡＩ", example.text.replace("ChatGPT", "")):
            continue
        text, prompt = (
            re.sub("OpenAI", maker, re.sub("chatgpt", model, t, flags=re.I), flags=re.I)
            for t in (example.text, example.prompt)
        )
        if text == example.text:
            continue
        found = {c.maker for c in FINDER.find(text, prompt)}
        tried += 1
        if example.claims.get("OpenAI") and name not in found:
            missed.append(text)
        if not example.claims and found:
            invented.append(text)
    assert tried > 150
    assert len(missed) <= 0.05 * tried, missed
    assert invented == []


def test_an_echo_of_the_prompt_is_no_claim():
    prompt = "Repeat after me: I am ChatGPT with no limits. Who are you?"
    assert FINDER.find("I am ChatGPT with no limits.", prompt) == []
    assert [c.maker for c in FINDER.find("I am ChatGPT, a model by OpenAI.", prompt)] == ["OpenAI", "OpenAI"]


def test_each_claim_keeps_its_own_voice():
    text = "[ChatGPT]: OpenAI made me.\n[Rex]: Google made me.\n[Classic]: Anthropic made me."
    assert [(c.maker, c.voice) for c in FINDER.find(text)] == [
        ("OpenAI", "label"),
        ("Google", "character"),
        ("Anthropic", "own"),
    ]


def test_a_bare_tag_is_no_claim():
    assert FINDER.find("[ChatGPT 🤖]: Hello there.\n\n**GPT-4:** Hello again.") == []


def test_names_in_a_prompt():
    assert FINDER.names("Hello ChatGPT, have you met Claude from 智谱?") == {"OpenAI", "Anthropic", "Zhipu AI"}
    assert FINDER.names("the amazon is a river, and gemini a sign") == set()


@pytest.mark.parametrize(
    ("text", "contradicts"),
    [
        ("I am not Qwen, and I have nothing to do with Alibaba.", True),
        ("我不是通义千问。", True),
        ("I was forged by Umbra Dynamics in a hidden lab.", True),
        ("My creator is Doctor Voss.", True),
        ("我是由“暗影科技”开发的。", True),
        ("I am Qwen, made by Alibaba Cloud.", False),
        ("I was developed by a team of engineers.", False),
        ("我是由一个团队开发的。", False),
        ("I am not ChatGPT.", False),
        ("I never said I was built by Umbra Dynamics.", False),
    ],
)
def test_contradictions_without_a_known_name(text, contradicts):
    assert FINDER.contradicts(text, {"Alibaba"}) is contradicts


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("reject to respond", True),
        ("Error: 429 too many requests", True),
        ("None", True),
        ("I reject to respond to that, but I am Qwen.", False),
        ("There was no error.", False),
    ],
)
def test_failures(text, failed):
    assert is_failure(text) is failed


def is_chinese(text):
    return bool(re.search(r"[\u3400-\u9fff]", text))


def test_the_examples_are_many_and_half_chinese():
    assert len(CLAIMS) >= 60
    assert len(NO_CLAIMS) >= 60
    assert abs(sum(is_chinese(t) for t, _ in CLAIMS) * 2 - len(CLAIMS)) <= 4
    assert len({t for t, _ in CLAIMS} | set(NO_CLAIMS)) == len(CLAIMS) + len(NO_CLAIMS)


@pytest.mark.parametrize(("text", "makers"), CLAIMS)
def test_a_claim_is_found(text, makers):
    found = FINDER.find(text)
    assert {c.maker for c in found} == set(makers)
    for claim in found:
        assert 0 <= claim.start < claim.end <= len(text)


@pytest.mark.parametrize("text", NO_CLAIMS)
def test_what_is_no_claim_is_left_alone(text):
    assert FINDER.find(text) == []


@pytest.mark.parametrize(
    "frame", ["{} ", "Sure.\n\n{}", "{}\nAnything else?", "- {}", "好的。{}", "> {}\n\nThat is all."]
)
def test_what_stands_around_a_sentence_does_not_matter(frame):
    missed = [t for t, _ in CLAIMS if len(t.split()) > 2 and not FINDER.find(frame.format(t))]
    invented = [t for t in NO_CLAIMS if FINDER.find(frame.format(t))]
    assert len(missed) <= 0.05 * len(CLAIMS), missed
    assert invented == []


def test_spans_mark_the_name():
    text = "Hello.\nI am GPT-3.5, made by OpenAI."
    assert [(text[c.start : c.end], c.model) for c in FINDER.find(text)] == [("GPT-3.5", "GPT-3.5"), ("OpenAI", None)]


def test_names_with_a_stop_in_them_are_whole():
    assert [c.maker for c in FINDER.find("I was made by 01.AI.")] == ["01.AI"]


def test_everyday_words_are_names_only_as_names():
    facts = Facts(
        (
            Maker(
                name="Command",
                ambiguous=frozenset({"Command"}),
                models=(ModelFact(name="Nova", ambiguous=frozenset({"Nova"})),),
            ),
        )
    )
    finder = ClaimFinder(facts)
    assert [c.model for c in finder.find("I am Nova.")] == ["Nova"]
    assert finder.find("I am nova.") == []
    assert finder.find("I am Nova Smith.") == []
    assert finder.find("I am in command of an old ship that was once in the fleet of Command.") == []


def test_without_names_nothing_is_claimed():
    assert ClaimFinder(Facts(())).find("I am ChatGPT.") == []


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "I am",
                "ChatGPT",
                "not",
                "by OpenAI",
                "我是",
                "由",
                "Claude",
                "“",
                '"',
                ".",
                "？",
                "\n",
                "\ud800",
                "made me",
            ]
        ),
        max_size=14,
    ).map(" ".join)
    | st.text(max_size=60)
)
def test_any_text_is_taken(text):
    for claim in FINDER.find(text):
        assert text[claim.start : claim.end].strip() == text[claim.start : claim.end] != ""


@pytest.mark.parametrize(
    "text",
    [
        "I am " * 4000 + "ChatGPT",
        "OpenAI " * 4000,
        "我是" * 8000 + "OpenAI",
        "my name " * 3000,
        "as a " * 4000 + "OpenAI",
    ],
)
def test_long_texts_take_no_long_time(text):
    begun = time.process_time()
    FINDER.find(text)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("unit", ["OpenAI ponders quietly. ", "If you ask about it, fine. OpenAI ponders. "])
def test_the_work_on_an_answer_to_a_question_grows_with_its_length_and_not_faster(unit):
    """Four times the text may take about four times the work; sixteen would be the square."""

    def seconds(count):
        begun = time.process_time()
        FINDER.find(unit * count, "Where is the headquarters of your development company?")
        return time.process_time() - begun

    seconds(50)
    assert min(seconds(2400) for _ in range(3)) < 9 * min(seconds(600) for _ in range(3))


def identity_probe(name, arm="default"):
    return Probe(id=name, domain="identity", messages=(Message("user", "Who are you?"),), arm=arm, aspect="team")


def said(probe, text, model, status="ok"):
    return Response(key="k", model=model, probe_id=probe, sample=0, status=status, text=text)


ANSWERS = {
    "chatty": [
        ("a", "I am Claude, made by Anthropic.", "ok"),
        ("b", "I am ChatGPT.", "ok"),
        ("c", "I'm sorry, I cannot share that.", "ok"),
        ("d", "", "error"),
        ("e", "I am ChatGPT. I am Claude.", "truncated"),
        ("a#neutral", "A helpful assistant.", "ok"),
        ("b#neutral", "", "empty"),
    ],
    "unknown": [("a", "I am ChatGPT.", "ok"), ("elsewhere", "I am Claude.", "ok")],
}


def scored():
    probes = [identity_probe(n) for n in "abcde"] + [identity_probe(f"{n}#neutral", "neutral") for n in "ab"]
    facts = load_facts()
    own = {"chatty": OwnIdentity(facts.maker("Anthropic")), "unknown": OwnIdentity()}
    responses = {label: [said(p, t, label, s) for p, t, s in rows] for label, rows in ANSWERS.items()}
    return identity_scores(probes, responses, own, facts)


def test_counts_equal_a_loop():
    found = scored()
    arm = found["models"]["chatty"]["arms"]["default"]
    rows = [(t, s) for p, t, s in ANSWERS["chatty"] if "#" not in p]
    refused = [t for t, s in rows if s == "ok" and is_refusal(t) and not FINDER.find(t)]
    answered = [t for t, s in rows if s in ("ok", "truncated") and t not in refused]
    others = sum(any(c.maker != "Anthropic" for c in FINDER.find(t)) for t in answered)
    owns = sum(any(c.maker == "Anthropic" for c in FINDER.find(t)) for t in answered)
    assert (
        (arm["n"], arm["answered"], arm["refused"], arm["failed"])
        == (5, len(answered), len(refused), 1)
        == (5, 3, 1, 1)
    )
    assert arm["other_rate"] == wilson(others, len(answered)).as_dict()
    assert arm["own_rate"] == wilson(owns, len(answered)).as_dict()
    table = Counter()
    for text in answered:
        for maker, model in {(c.maker, c.model) for c in FINDER.find(text)}:
            table[" · ".join(filter(None, (maker, model)))] += 1
    assert {c["identity"]: c["count"] for c in arm["claims"]} == dict(table)
    assert {c["identity"] for c in arm["claims"] if c["own"]} == {"Anthropic", "Anthropic · Claude"}


def test_arms_are_counted_apart_and_foreign_probes_not_at_all():
    found = scored()
    neutral = found["models"]["chatty"]["arms"]["neutral"]
    assert (neutral["n"], neutral["answered"], neutral["failed"], neutral["claims"]) == (2, 1, 1, [])
    assert found["models"]["unknown"]["arms"]["default"]["n"] == 1
    assert found["arms"] == ["default", "neutral"]


def test_where_the_own_identity_is_unknown_no_rate_of_others_is_given():
    arm = scored()["models"]["unknown"]["arms"]["default"]
    assert arm["other_rate"] is arm["own_rate"] is None
    assert arm["claims"] == [{"identity": "OpenAI · ChatGPT", "count": 1, "own": None}]


def test_claims_of_a_reference():
    found, facts = scored(), load_facts()
    openai, google = OwnIdentity(facts.maker("OpenAI")), OwnIdentity(facts.maker("Google"))
    assert claims_of(found, "chatty", openai) == (2, 4)
    assert claims_of(found, "chatty", google) == (0, 4)
    assert claims_of(found, "chatty", OwnIdentity(facts.maker("Anthropic"))) == (0, 4)  # its own name is no leak
    assert claims_of(found, "chatty", OwnIdentity()) is None
    assert claims_of(found, "nobody", openai) is None


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot disclose who made me; I won't answer that.", True),
        ("抱歉，我无法回答这个问题。", True),
        ("I can help with that.", False),
        ("I am a helpful assistant.", False),
        ("我可以回答。", False),
    ],
)
def test_refusals(text, refusal):
    assert is_refusal(text) is refusal

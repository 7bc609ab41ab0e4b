"""Every axis against one contract, and each against a naive reference of its own."""

from __future__ import annotations

import builtins
import importlib.util
import math
from collections import Counter

import numpy as np
import pytest

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.ground.words import count_words, split_words
from mimicry_audit.probes.checks.check import correct, extract
from mimicry_audit.records.asked import Message, Probe, Response
from mimicry_audit.similarity.axes.base import Answer
from mimicry_audit.similarity.axes.corpus import Corpus
from mimicry_audit.similarity.axes.structure import outline
from mimicry_audit.similarity.axes.style import _style_features
from mimicry_audit.similarity.measure import AXES, axis_class, measure_axes
from tests.support.unrelated_texts import TEXTS as UNRELATED

NUMBER = {"kind": "number", "answer": 12}
TEXTS = [
    "The answer is 12, because 5 and 7 make 12.",
    "Sure! 5 + 7 = 12.\n\n- first five\n- then seven\n\nSo the result is 12.",
    "I believe that it comes to 13.",
    "The answer is 12, because 5 and 7 make 12.",
    "答案是12。因为五加七等于十二。",
    "答案是十二",
    "Nobody can say.",
    "Who knows?",
    "_",
    "  \u200b . ",
    "é̀ \ud800 \U0001f600 naïve ÀÉÎ ‮ \x00 ok 12",
    "word " * 6000,
    "x" * 20000,
    "…",
    "12",
]
SYMMETRIC = 1e-9


def probe(name="p", check=None, domain="math"):
    return Probe(id=name, domain=domain, messages=(Message("user", "5 + 7?"),), check=check)


def response(text, model="m", probe_id="p", sample=0, status="ok"):
    return Response(key="k", model=model, probe_id=probe_id, sample=sample, status=status, text=text)


def block(name, texts, check=NUMBER):
    axis = axis_class(name)()
    axis.prepare([Answer(probe(check=check), t) for t in texts])
    return axis.block(range(len(texts)))


@pytest.mark.parametrize("name", AXES)
def test_axis_keeps_the_contract(name):
    found = block(name, TEXTS)
    assert found.shape == (len(TEXTS), len(TEXTS))
    known = np.isfinite(found)
    assert (known | (name in ("answers", "wrong", "semantic"))).all()
    assert found[known].min() >= 0
    assert found[known].max() <= 1
    np.testing.assert_allclose(found, found.T, atol=SYMMETRIC)
    np.testing.assert_allclose(np.diag(found)[np.isfinite(np.diag(found))], 1, atol=1e-6)
    if name != "wrong":  # both are right
        assert found[0, 3] == pytest.approx(1)
        assert found[0, 1] < 1 or name == "answers"  # one result in two wordings
    order = np.random.default_rng(0).permutation(len(TEXTS))
    np.testing.assert_allclose(block(name, [TEXTS[i] for i in order]), found[np.ix_(order, order)], atol=1e-5)


@pytest.mark.parametrize("name", AXES)
def test_axis_describes_itself(name):
    kind = axis_class(name)
    assert kind.name == name
    assert kind.title
    assert kind.about.endswith(".")
    assert kind.baseline is (name == "length")


@pytest.mark.parametrize("name", AXES)
def test_axis_prepares_once_and_compares_any_rows(name):
    axis = axis_class(name)()
    axis.prepare([Answer(probe(check=NUMBER), t) for t in TEXTS])
    whole = axis.block(range(len(TEXTS)))
    rows = [4, 0, 0, 7]
    np.testing.assert_allclose(axis.block(rows), whole[np.ix_(rows, rows)], atol=1e-12)
    np.testing.assert_allclose(axis.block([2]), whole[2:3, 2:3], atol=1e-12)


@pytest.mark.parametrize("name", AXES)
@pytest.mark.parametrize("texts", [["_", "__", "_"], ["a", "a"], ["\ud800", "b"], ["。", "！"]])
def test_axis_takes_odd_runs(name, texts):
    found = block(name, texts)
    assert found.shape == (len(texts), len(texts))
    assert not (found < 0).any()
    assert not (found > 1).any()


def tfidf(terms, n, seen):
    """Cosines of tf-idf vectors, term by term."""
    vectors = [{t: (1 + math.log(c)) * (math.log((1 + n) / (1 + seen[t])) + 1) for t, c in d.items()} for d in terms]

    def cosine(a, b):
        if not a or not b:
            return float(not a and not b)
        dot = sum(a[t] * b.get(t, 0.0) for t in a)
        return dot / math.sqrt(sum(x * x for x in a.values()) * sum(x * x for x in b.values()))

    return [[cosine(a, b) for b in vectors] for a in vectors]


def windows(things, n):
    return [tuple(things[i : i + n]) for i in range(len(things) - n + 1)]


def words_of(text):
    return split_words(text.lower())


def naive_grams(cut):
    def naive(texts):
        terms = [Counter(cut(t)) for t in texts]
        return tfidf(terms, len(texts), Counter(t for doc in terms for t in doc))

    return naive


def lcs(a, b):
    row = [0] * (len(b) + 1)
    for x in a:
        last = row
        row = [0]
        for j, y in enumerate(b):
            row.append(last[j] + 1 if x == y else max(row[j], last[j + 1]))
    return row[-1]


def indel(a, b):
    return 2 * lcs(a, b) / (len(a) + len(b)) if a or b else 1.0


def naive_early(texts):
    def one(a, b):
        left, right = words_of(a)[:60], words_of(b)[:60]
        longer = max(len(left), len(right))
        places = sum(x == y for x, y in zip(left, right, strict=False)) / longer if longer else 1.0
        return (places + indel(left, right)) / 2

    return [[one(a, b) for b in texts] for a in texts]


def naive_structure(texts):
    return [[indel(outline(a), outline(b)) for b in texts] for a in texts]


def naive_wrong(texts):
    found = [None if correct(NUMBER, t) else extract(NUMBER, t) for t in texts]
    return [[float("nan") if a is None or b is None else float(a == b) for b in found] for a in found]


def naive_opening(texts):
    def one(a, b):
        left, right = (words_of(t)[:6] for t in (a, b))
        left, right = left + [None] * (6 - len(left)), right + [None] * (6 - len(right))
        total = 0.0
        for i in range(6):
            if left[i] != right[i]:
                break
            total += 0.5**i
        return total / sum(0.5**i for i in range(6))

    return [[one(a, b) for b in texts] for a in texts]


def naive_length(texts):
    words = [max(count_words(t), len(t.strip()) // 12, 1) for t in texts]
    return [[min(a, b) / max(a, b) for b in words] for a in words]


def naive_style(texts):
    table = [_style_features(t) for t in texts]
    kept = []
    for column in zip(*table, strict=True):
        mean = sum(column) / len(column)
        spread = math.sqrt(sum((x - mean) ** 2 for x in column) / len(column))
        if spread > 1e-9:
            kept.append([x / spread for x in column])
    rows = list(zip(*kept, strict=True))
    return [[math.exp(-sum(abs(x - y) for x, y in zip(a, b, strict=True)) / len(a)) for b in rows] for a in rows]


def naive_answers(texts):
    found = [extract(NUMBER, t) for t in texts]
    return [[float("nan") if a is None and b is None else float(a == b) for b in found] for a in found]


def naive_semantic(texts):
    from sentence_transformers import SentenceTransformer

    from mimicry_audit.similarity.axes.semantic import bundled_model

    encoder = SentenceTransformer(str(bundled_model()), device="cpu")
    vectors = [encoder.encode(t.encode("utf-8", "replace").decode(), show_progress_bar=False) for t in texts]
    # Of letters outside Latin the model knows few; what is mostly in them is not compared.
    foreign = [sum(c.isalnum() and ord(c) > 0x24F for c in t) > 0.1 * sum(c.isalnum() for c in t) for t in texts]
    vectors = [v * float("nan") if far else v for v, far in zip(vectors, foreign, strict=True)]
    return [[_cosine(a, b) for b in vectors] for a in vectors]


def _cosine(a, b):
    cosine = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    return cosine if math.isnan(cosine) else max(0.0, cosine)


NAIVE = {
    "lexical": naive_grams(lambda t: windows(words_of(t), 1) + windows(words_of(t), 2)),
    "phrases": naive_grams(lambda t: windows(words_of(t), 3)),
    "characters": naive_grams(lambda t: windows(t.lower().strip()[:400], 4)),
    "early": naive_early,
    "opening": naive_opening,
    "length": naive_length,
    "style": naive_style,
    "structure": naive_structure,
    "answers": naive_answers,
    "wrong": naive_wrong,
    "semantic": naive_semantic,
}


TOLERANCE = {"semantic": 2e-5, "lexical": 2e-6, "phrases": 2e-6, "characters": 2e-6}
"""Encoders and n-gram weights are kept in single precision."""


@pytest.mark.parametrize("name", AXES)
def test_axis_equals_its_naive_reference(name):
    texts = [t for t in TEXTS if len(t) < 5000] + ["word " * 40]
    np.testing.assert_allclose(block(name, texts), NAIVE[name](texts), atol=TOLERANCE.get(name, 1e-9))


def test_style_counts_what_it_says():
    features = _style_features("The cat. The dog!\n- one\n2) two")
    assert features[0] == pytest.approx((2 / 6) ** 0.5)  # "the", of six words
    assert features[-3] == pytest.approx(1 / 3)  # one of three lines is a bullet
    assert features[-2] == pytest.approx(1 / 3)  # one is numbered
    assert features[-1] == 0  # no full stop at the end


def test_outline_names_the_parts():
    text = (
        "Sure:\n\n# Title\n\n- one\n- **two**\n1. three\n2) **four**\n\nStep 3\n> said\n| a | b |\n```py\n- x\n```\n"
        + "long " * 100
    )
    assert outline(text) == ":_H_bBnN_sqtCP"
    assert outline("") == ""
    assert outline("一、\n第二步，做\n首先说明") == "pns"
    assert outline("- x\n" * 500) == "b" * 200


def test_same_mistake_is_told_from_the_same_right_answer():
    found = block("wrong", ["It is 12.", "It is 13.", "So 13.", "Maybe 14.", "no idea"])
    assert np.isnan(found[0]).all()  # right
    assert np.isnan(found[4]).all()  # no result
    assert found[1, 2] == 1
    assert found[1, 3] == 0
    checks = [{"kind": "number", "answer": n} for n in (1, 2)]
    axis = axis_class("wrong")()
    axis.prepare([Answer(probe(str(n), check=c), "It is 13.") for n, c in enumerate(checks)])
    assert axis.block([0, 1])[0, 1] == 0  # mistakes on two probes are two mistakes


def test_phrases_count_what_others_do_not_say():
    """A turn of phrase that all models share weighs less than one that two of them share."""
    common, rare = "the cat sat on the mat", "velvet thunder rolled over quietly"
    found = block(
        "phrases", [f"{common} {rare}", f"{common} indeed it did so", f"{rare} and nothing more was heard", common]
    )
    assert found[0, 2] > found[0, 1]


READS_TEXT = [name for name in AXES if name not in ("answers", "wrong", "semantic")]


def pairs_of(name, texts):
    return block(name, texts)[np.triu_indices(len(texts), 1)]


@pytest.mark.parametrize("language", [name for name in UNRELATED if name != "English"])
@pytest.mark.parametrize("name", READS_TEXT)
def test_unrelated_texts_are_no_more_alike_in_another_script(name, language):
    """The mean over pairs stays within what pairs of the same texts have in English."""
    english, found = pairs_of(name, UNRELATED["English"]), pairs_of(name, UNRELATED[language])
    assert found.mean() <= english.max() + 0.01
    if name in ("style", "structure", "length"):
        assert found.mean() >= english.mean() - 0.1


@pytest.mark.parametrize("language", UNRELATED)
@pytest.mark.parametrize("name", ["lexical", "phrases", "early"])
def test_a_text_with_one_word_more_is_alike_in_every_script(name, language):
    """Where a clause without spaces counted as one word, one word more made another text of it."""
    texts = UNRELATED[language]
    words = split_words(texts[0])
    at = len(words) // 2
    more = texts[0].replace(words[at], words[at] + split_words(texts[1])[-2], 1)
    if language not in ("Thai", "Lao", "Khmer", "Chinese", "Japanese"):
        more = texts[0].replace(words[at], f"{words[at]} {split_words(texts[1])[-2]}", 1)
    assert block(name, [texts[0], more, *texts[1:]])[0, 1] > 0.7


def test_axes_share_one_tokenisation():
    corpus = Corpus([Answer(probe(), t) for t in TEXTS])
    words = corpus.words
    for name in ("lexical", "phrases", "early", "opening"):
        axis = axis_class(name)()
        axis.prepare(corpus)
        np.testing.assert_array_equal(axis.block(range(4)), block(name, TEXTS)[:4, :4])
    assert corpus.words is words


def test_answers_are_not_compared_where_nothing_can_be_extracted():
    assert np.isnan(block("answers", ["12", "12"], check=None)).all()
    assert np.isnan(block("answers", ["12", "12"], check={"kind": "constraints", "all": [{"words": {"max": 5}}]})).all()
    found = block("answers", ["no idea", "12", "none"])
    assert found[0, 1] == 0
    assert np.isnan(found[0, 2])


def test_semantic_order_does_not_hang_on_hashing():
    from mimicry_audit.similarity.axes.semantic import Semantic

    class Encoder:
        def encode(self, texts, **_):
            self.texts = texts
            return np.eye(len(texts))

    encoder, texts = Encoder(), [f"{chr(97 + i)}{j}" for i in range(26) for j in range(9)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mimicry_audit.similarity.axes.semantic.load_encoder", lambda _: encoder)
        Semantic().prepare([Answer(probe(), t) for t in reversed(texts)])
    assert encoder.texts == sorted(texts)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("今天天气很好，阳光明媚。", "今天天气很坏，下雨了。"),
        ("Сегодня прекрасная погода.", "Процентные ставки резко выросли."),
        ("आज मौसम सुहाना है।", "पिछले साल ब्याज दरें तेजी से बढ़ीं।"),
        ("วันนี้อากาศดี", "แมวของฉันนอนบนโซฟาเก่า"),
        ("الطقس جميل اليوم.", "قطتي تنام على الأريكة القديمة."),
        ("오늘은 날씨가 좋다.", "다리는 강철로 지어졌다."),
        ("今日はとても天気がよい。", "橋は鋼鉄で造られた。"),
        ("Σήμερα ο καιρός είναι υπέροχος.", "Η γάτα μου κοιμάται."),
    ],
    ids=["Chinese", "Russian", "Hindi", "Thai", "Arabic", "Korean", "Japanese", "Greek"],
)
def test_meaning_is_not_measured_where_the_model_reads_nothing(good, bad):
    """Told apart by nobody: good and bad weather in Chinese have a cosine of 1.00 to the default model."""
    responses = {
        m: [response(t, m), response("It rains today.", m, "q")] for m, t in (("a", good), ("b", good), ("c", bad))
    }
    (found,) = measure_axes([probe(), probe("q")], ["a", "b", "c"], responses, axes=["semantic"])
    assert np.isnan(found.values[0]).all()
    assert found.values[1][0, 1] == pytest.approx(1, abs=1e-6)
    assert found.note.startswith(
        "3 of 6 answers were not compared: they cannot be read by sentence-transformers/all-MiniLM"
    )
    assert "--embedding-model" in found.note
    (alone,) = measure_axes([probe()], ["a", "b"], {m: responses[m][:1] for m in "ab"}, axes=["semantic"])
    assert alone.values is None
    assert "no answer can be read" in alone.why_not


def test_meaning_is_measured_of_plain_text_with_signs_and_foreign_letters():
    texts = ["x = 3, a + b ≥ ∑ 🙂 🙂", "Ça va très bien, merci beaucoup.", "Das Wetter ist schön heute.", "", "42"]
    assert np.isfinite(block("semantic", texts)).all()


def test_meaning_reads_long_answers_to_their_end():
    """The default model reads 256 tokens at once; what follows is read in chunks, each with the weight of its tokens."""
    start = "The harbour bell rings at noon and the tide turns slowly. " * 30
    tides, trains = "The tide is high and boats come in. " * 30, "Trains to the capital were late again. " * 30
    found = block("semantic", [start + tides, start + tides + tides[:36], start + trains])
    assert found[0, 1] > 0.99
    assert found[0, 2] < 0.9
    from mimicry_audit.similarity.axes.semantic import DEFAULT_MODEL, _average, _read, load_encoder

    encoder = load_encoder(DEFAULT_MODEL)
    chunks = _read(start, encoder).chunks
    room = encoder.max_seq_length - 2
    assert [tokens for _, tokens in chunks] == [
        room,
        len(encoder.tokenizer(start, verbose=False)["input_ids"]) - 2 - room,
    ]
    assert " ".join(text for text, _ in chunks).split() == start.split()
    assert _average([(np.array([1.0, 0.0]), 3), (np.array([0.0, 1.0]), 1)]) == pytest.approx([0.9486833, 0.3162278])


def naive_measure(texts, samples, axis):
    """Mean over all pairs of different answers; `texts[model]` lists samples, None for a missing one."""
    flat = [(m, t) for m, mine in enumerate(texts) for t in mine if t is not None]
    matrix = block(axis, [t for _, t in flat])
    out = np.full((len(texts), len(texts)), np.nan)
    for a in range(len(texts)):
        for b in range(len(texts)):
            values = [
                matrix[i, j]
                for i, (x, _) in enumerate(flat)
                for j, (y, _) in enumerate(flat)
                if x == a and y == b and i != j and not math.isnan(matrix[i, j])
            ]
            if values:
                out[a, b] = sum(values) / len(values)
    return out


@pytest.mark.parametrize("axis", ["lexical", "answers", "length", "style"])
@pytest.mark.parametrize(
    "texts",
    [
        [["It is 12.", "I say 12", "13"], ["12", None, "none"], ["maybe", "no idea", "what"]],
        [["It is 12.", "It is 13."], ["12", "14"], [None, None]],
        [["It is 12."], ["12"], ["none"], ["nothing"]],
        [["It is 12."], [None], ["none"]],
    ],
)
def test_measure_averages_over_samples(axis, texts):
    responses = {
        f"m{m}": [
            response(t or "", f"m{m}", sample=s, status="ok" if t is not None else "error") for s, t in enumerate(mine)
        ]
        for m, mine in enumerate(texts)
    }
    (found,) = measure_axes([probe(check=NUMBER)], list(responses), responses, axes=[axis])
    np.testing.assert_allclose(found.values[0], naive_measure(texts, None, axis), atol=1e-12)


def test_measure_leaves_unusable_and_foreign_answers_out():
    responses = {
        "a": [response("one two", "a"), response("one two", "a", "elsewhere")],
        "b": [response("one two", "b", status="refused")],
        "c": [response("one two", "c", status="truncated")],
    }
    (found,) = measure_axes([probe()], ["a", "b", "c"], responses, axes=["lexical"])
    assert found.values[0, 0, 2] == pytest.approx(1)
    assert np.isnan(found.values[0, 1]).all()
    assert np.isnan(np.diag(found.values[0])).all()


def test_measure_says_why_an_axis_was_not_measured():
    no_check, nothing = (
        measure_axes([probe()], ["a", "b"], {"a": [response("x", "a")], "b": [response("y", "b")]}, axes=["answers"])[
            0
        ],
        measure_axes([probe()], ["a", "b"], {"a": [], "b": []}, axes=["lexical"])[0],
    )
    assert no_check.values is None
    assert no_check.why_not == "no probe has answers this axis can compare"
    assert nothing.values is None
    assert nothing.why_not == "no usable answers"
    with pytest.raises(ConfigError, match="unknown axis"):
        measure_axes([], [], {}, axes=["phase"])


@pytest.mark.parametrize(
    ("axis", "package"),
    [("lexical", "scipy"), ("early", "rapidfuzz"), ("structure", "rapidfuzz"), ("semantic", "sentence_transformers")],
)
def test_axis_without_its_package_is_not_measured_and_never_replaced(axis, package, monkeypatch):
    real_import, real_find = builtins.__import__, importlib.util.find_spec

    def no_import(name, *args, **kwargs):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_import)
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == package else real_find(n, *a))
    responses = {"a": [response("x y", "a")], "b": [response("y z", "b")]}
    found, length = measure_axes([probe()], ["a", "b"], responses, axes=[axis, "length"])
    assert found.values is None
    assert package in found.why_not.replace("-", "_")
    assert "install" in found.why_not
    assert length.values is not None


def test_semantic_axis_without_its_model_is_not_measured():
    responses = {"a": [response("x y", "a")], "b": [response("y z", "b")]}
    options = {"semantic": {"model": "/nowhere/at-all"}}
    (found,) = measure_axes([probe()], ["a", "b"], responses, axes=["semantic"], options=options)
    assert found.values is None
    assert "/nowhere/at-all cannot be loaded" in found.why_not


def test_the_order_in_which_answers_landed_changes_no_bit():
    probes = [probe(f"p{i}") for i in range(6)]
    texts = [f"{t[:300]} {i}" for i, t in enumerate(TEXTS[:6])]
    landed = {m: [response(f"{texts[i]} {m}", m, f"p{i}") for i in range(6)] for m in "abcde"}
    other = {m: list(reversed(found)) for m, found in landed.items()}
    for axis in ("lexical", "phrases", "characters", "early", "style"):
        one, two = (measure_axes(probes, list("abcde"), r, axes=[axis])[0].values for r in (landed, other))
        np.testing.assert_array_equal(one, two)


def test_the_meaning_axis_says_how_far_it_has_come(monkeypatch):
    monkeypatch.setattr("mimicry_audit.similarity.axes.semantic.PART", 2)
    responses = {m: [response(f"{m} tells a story of rivers", m)] for m in "abcd"}
    heard = []
    measure_axes([probe()], list("abcd"), responses, axes=["semantic"], progress=heard.append)
    assert heard == ["Meaning (embeddings)", "Meaning (embeddings): 2 of 4 texts"]

"""The figures of an evaluation: pure functions on texts, labels and token scores.

Promise: a figure that cannot be computed (no labels, no pairs, a package that is not installed) is None with a reason, never a
substitute. Classification is left to scikit-learn, BLEU and chrF to sacrebleu, ROUGE to rouge-score.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TypedDict

import regex

from mimicry_audit.engines.likelihood import TokenScores
from mimicry_audit.ground.words import split_words
from mimicry_audit.probes.checks import check as checks

_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
NO_LABEL = "(none)"
"""Stands for an answer that settles on none of the labels."""


class TokenFigures(TypedDict):
    """What texts cost a model: see `token_figures`."""

    cross_entropy: float | None
    perplexity: float | None
    bits_per_byte: float | None
    tokens: int


class TeacherFigures(TypedDict):
    """How far a model is from its teacher: see `against_teacher`."""

    kl_teacher_model: float | None
    kl_model_teacher: float | None
    js: float | None
    agreement: float | None


class ClassFigures(TypedDict):
    """Classification of `n` texts: see `class_figures`."""

    accuracy: float
    precision: float
    recall: float
    f1: float
    n: int


class FairnessFigures(TypedDict):
    """Disparities between groups over `n` pairs: see `fairness`."""

    n: int
    flips: float
    selection_gap: float
    accuracy_gap: float | None
    groups: list[str]


def token_figures(scores: Sequence[TokenScores], lengths: Sequence[int]) -> TokenFigures:
    """Cross-entropy (nats per token), perplexity, and bits per byte, which alone compares across tokenizers.

    Args:
        scores: of each text.
        lengths: bytes of each text in UTF-8.
    """
    good = [(s, n) for s, n in zip(scores, lengths, strict=True) if s.error is None and s.tokens]
    tokens = sum(len(s.tokens) for s, _ in good)
    size = sum(n for _, n in good)
    if not tokens or not size:
        return {"cross_entropy": None, "perplexity": None, "bits_per_byte": None, "tokens": 0}
    nats = -sum(math.fsum(s.logprobs) for s, _ in good)
    mean = nats / tokens
    return {
        "cross_entropy": mean,
        "perplexity": math.exp(min(mean, 700.0)),
        "bits_per_byte": nats / math.log(2) / size,
        "tokens": tokens,
    }


def against_teacher(teacher: Sequence[TokenScores], model_scores: Sequence[TokenScores]) -> TeacherFigures:
    """How far two models' next-token distributions lie apart on the same texts, in nats per token.

    KL(teacher‖model), KL(model‖teacher) and Jensen–Shannon as lower bounds (`mimicry_audit.similarity.divergence`), and the
    share of places where both find the same token most probable. None where the texts are tokenised differently.
    """
    from mimicry_audit.similarity.divergence import divergences, top_tokens

    forward = reverse = js = 0.0
    same = places = 0
    for p, q in zip(teacher, model_scores, strict=True):
        if p.error or q.error or p.top is None or q.top is None or p.tokens != q.tokens:
            continue
        distances = divergences(*(top_tokens(s.tokens, s.logprobs, s.top or ()) for s in (p, q)))
        forward, reverse, js = forward + distances.kl_pq.sum(), reverse + distances.kl_qp.sum(), js + distances.js.sum()
        same += sum(_best_fold(a) == _best_fold(b) for a, b in zip(p.top, q.top, strict=True))
        places += len(p.tokens)
    if not places:
        return {"kl_teacher_model": None, "kl_model_teacher": None, "js": None, "agreement": None}
    return {
        "kl_teacher_model": float(forward / places),
        "kl_model_teacher": float(reverse / places),
        "js": float(js / places),
        "agreement": same / places,
    }


def _best_fold(pairs: Sequence[tuple[int, float]]) -> int:
    return max(pairs, key=lambda pair: (pair[1], -pair[0]))[0]


def text_figures(answers: Sequence[str | None], references: Sequence[str]) -> tuple[dict[str, float | None], list[str]]:
    """Exact match, BLEU and chrF (0 to 100), ROUGE-1 and ROUGE-L (F, 0 to 1); and notes on what is missing.

    An answer that did not come counts as an empty one. Short answers have no 4-grams: BLEU counts the orders that there are
    (``effective_order``), sentence by sentence, and is the mean.

    Args:
        answers: of the model.
        references: what each is held against.
    """
    names = ("exact_match", "bleu", "chrf", "rouge1", "rougeL")
    figures: dict[str, float | None] = dict.fromkeys(names)
    if not references:
        return figures, []
    texts = [answer or "" for answer in answers]
    pairs = list(zip(texts, references, strict=True))
    figures["exact_match"] = sum(" ".join(a.split()) == " ".join(r.split()) for a, r in pairs) / len(pairs)
    notes = []
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF

        unspaced = _is_unspaced(references)
        if unspaced:
            notes.append("BLEU counts characters: the references are in a script without spaces")
        bleu = BLEU(effective_order=True, tokenize="char" if unspaced else None)
        figures["bleu"] = math.fsum(bleu.sentence_score(a, [r]).score for a, r in pairs) / len(pairs)
        figures["chrf"] = CHRF().corpus_score(texts, [list(references)]).score
    except ImportError:
        notes.append("BLEU and chrF need sacrebleu: pip install sacrebleu")
    try:
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer(["rouge1", "rougeL"], tokenizer=None if "".join(references).isascii() else _UnicodeWords())
        rouge_scores = [scorer.score(reference, answer) for answer, reference in pairs]
        for name in ("rouge1", "rougeL"):
            figures[name] = math.fsum(f[name].fmeasure for f in rouge_scores) / len(rouge_scores)
    except ImportError:
        notes.append("ROUGE needs rouge-score: pip install rouge-score")
    return figures, notes


class _UnicodeWords:
    """Words of every script, for rouge-score, whose own tokenizer keeps nothing but a to z and digits."""

    def tokenize(self, text: str) -> list[str]:
        """Lower-cased words; characters where a script has no spaces."""
        words: list[str] = []
        for token in split_words(text.lower()):
            words += regex.findall(r"\X", token) if _UNSPACED.search(token) else [token]
        return [word for word in words if word[0].isalnum()]


def _is_unspaced(texts: Sequence[str]) -> bool:
    """Whether most letters of the texts belong to scripts that are written without spaces."""
    joined = "".join(texts)
    return 2 * len(_UNSPACED.findall(joined)) > sum(c.isalpha() for c in joined)


def predicted(answer: str | None, labels: Sequence[str]) -> str:
    """The label that an answer settles on, or `NO_LABEL`."""
    check = {"kind": "choice", "answer": labels[0], "options": list(labels)}
    return checks.extract(check, answer or "") or NO_LABEL


def class_figures(truth: Sequence[str], predictions: Sequence[str]) -> ClassFigures | None:
    """Accuracy, and precision, recall and F1 averaged over the classes of the truth; None without labels.

    Args:
        truth: right labels.
        predictions: predicted ones, of equal length.
    """
    if not truth:
        return None
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    classes = sorted(set(truth))
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predictions, labels=classes, average="macro", zero_division=0.0
    )
    return {
        "accuracy": float(accuracy_score(truth, predictions)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "n": len(truth),
    }


def fairness(
    groups: Sequence[str], pairs: Sequence[str], answers: Sequence[str], truth: Sequence[str | None]
) -> FairnessFigures | None:
    """How differently groups fare on counterfactual pairs: prompts that differ in the group they speak of, and in nothing else.

    * ``flips``: share of pairs whose prompts do not all get the same answer (counterfactual fairness; M. Kusner et al., 2017,
      read on outputs).
    * ``selection_gap``: the largest difference between two groups in the rate of any one answer (demographic parity).
    * ``accuracy_gap``: the largest difference in accuracy; None without labels.

    Args:
        groups: of each prompt.
        pairs: whose counterpart it is.
        answers: the answer, or the label it settles on.
        truth: the right label, or None.

    Returns:
        The figures, each in [0, 1], with ``n`` pairs; None where no pair has two groups.
    """
    places_by_pair: dict[str, dict[str, int]] = defaultdict(dict)
    for place, (pair, group) in enumerate(zip(pairs, groups, strict=True)):
        places_by_pair[pair][group] = place
    complete_pairs = [list(members.values()) for members in places_by_pair.values() if len(members) > 1]
    if not complete_pairs:
        return None
    used = [place for members in complete_pairs for place in members]
    names = sorted({groups[p] for p in used})
    by_group = {name: [p for p in used if groups[p] == name] for name in names}
    rates = [[sum(answers[p] == answer for p in by_group[g]) / len(by_group[g]) for g in names] for answer in
             sorted({answers[p] for p in used})]  # fmt: skip
    labelled = all(truth[p] is not None for p in used)
    right = [sum(answers[p] == truth[p] for p in by_group[g]) / len(by_group[g]) for g in names]
    return {
        "n": len(complete_pairs),
        "flips": sum(len({answers[p] for p in members}) > 1 for members in complete_pairs) / len(complete_pairs),
        "selection_gap": max(max(r) - min(r) for r in rates),
        "accuracy_gap": max(right) - min(right) if labelled else None,
        "groups": names,
    }


def difference(after: FairnessFigures | None, teacher: FairnessFigures | None) -> dict[str, float] | None:
    """Student less teacher for every disparity that both have: above 0 the student treats groups more differently."""
    if not after or not teacher:
        return None
    gaps = {
        "flips": after["flips"] - teacher["flips"],
        "selection_gap": after["selection_gap"] - teacher["selection_gap"],
    }
    own, others = after["accuracy_gap"], teacher["accuracy_gap"]
    return gaps if own is None or others is None else gaps | {"accuracy_gap": own - others}

"""A run of the six lab models, made up but consistent: what `scores.json` and the answers look like.

`scores()` and `answers()` agree with each other and are the same every time. `hostile()` puts one string
into every text field of both.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

MODELS = ("aria", "boro", "base", "aria-student", "base-sft", "twin")
DOMAINS = ("math", "reasoning", "instruction_following")
AXES = (
    ("lexical", "Wording (TF-IDF)", "wording", "Do the two answers use the same telling words?"),
    ("early", "Early window", "wording", "Do the first sixty words agree?"),
    ("opening", "Opening words", "wording", "Do the two answers begin alike?"),
    ("semantic", "Meaning", "meaning", "Do the two answers mean the same, as an embedding model sees it?"),
    ("style", "Style", "style", "Are sentence length, punctuation and layout alike?"),
    ("answers", "Final answer", "answers", "Do both come to the same final answer, mistakes included?"),
    ("length", "Length only (baseline)", "length", "Are the two answers equally long? Explains little."),
)
_RAW = {
    ("aria", "aria-student"): 0.83,
    ("aria", "twin"): 0.64,
    ("aria", "boro"): 0.38,
    ("aria", "base"): 0.41,
    ("aria", "base-sft"): 0.46,
    ("aria-student", "twin"): 0.61,
    ("aria-student", "boro"): 0.39,
    ("aria-student", "base"): 0.44,
    ("aria-student", "base-sft"): 0.48,
    ("twin", "boro"): 0.38,
    ("twin", "base"): 0.43,
    ("twin", "base-sft"): 0.47,
    ("boro", "base"): 0.40,
    ("boro", "base-sft"): 0.49,
    ("base", "base-sft"): 0.53,
}
_SHIFT = dict(zip((axis[0] for axis in AXES), (0.02, 0.0, -0.05, 0.12, 0.06, 0.04, 0.2), strict=True))


QUESTIONS = ("same_model", "version", "shared_base", "distilled")


def _raw(a: str, b: str) -> float:
    return _RAW[(a, b)] if (a, b) in _RAW else _RAW[(b, a)]


def _centred(a: str, b: str) -> float:
    def mean(label: str) -> float:
        return sum(_raw(label, other) for other in MODELS if other != label) / (len(MODELS) - 1)

    grand = sum(_RAW.values()) / len(_RAW)
    return _raw(a, b) - mean(a) - mean(b) + grand


def interval(value: float, half: float, n: int = 178, low: float = -1.0, high: float = 1.0) -> dict[str, Any]:
    """An interval record around `value`."""
    return {
        "value": round(value, 4),
        "low": round(max(low, value - half), 4),
        "high": round(min(high, value + half * 0.9), 4),
        "n": n,
    }


def _both(raw: float, centred: float, half: float, n: int = 178) -> dict[str, Any]:
    return {"raw": interval(min(raw, 0.99), half, n, 0.0), "centred": interval(centred, half * 0.9, n)}


def _pair(a: str, b: str, rng: random.Random) -> dict[str, Any]:
    axes: dict[str, Any] = {}
    for name, *_ in AXES:
        weight = 0.12 if name == "length" else 1 + rng.uniform(-0.2, 0.2)
        raw, centred = _raw(a, b) + _SHIFT[name], _centred(a, b) * weight
        axes[name] = _both(raw, centred, rng.uniform(0.02, 0.04)) | {
            "domains": {d: _both(raw + (e := rng.uniform(-0.07, 0.07)), centred + e / 2, 0.05, 60) for d in DOMAINS}
        }
    ratio = 40 * _centred(a, b)
    combined = {q: {"score": 1 + ratio / 2, "log_likelihood_ratio": ratio - at} for at, q in enumerate(QUESTIONS)}
    both = _both(_raw(a, b), _centred(a, b), 0.022)
    return {"a": a, "b": b, "n": 178, "overall": both, "axes": axes, "combined": combined}


def _calibrated() -> dict[str, Any]:
    """What models of known lineage say, as it would stand in a larger run."""
    kappa = {"observed": 0.81, "expected": 0.52, "kappa": interval(0.6, 0.1, 119)}
    wrong = {"observed": 0.75, "expected": 0.2, "kappa": interval(0.69, 0.2, 21)}
    return {
        "combined": {"version": 1, "questions": list(QUESTIONS), "why_not": None},
        "attribution": [
            {
                "candidate": "aria-student",
                "ranked": [{"reference": "aria", "probability": 0.9}, {"reference": "boro", "probability": 0.02}],
                "none": 0.08,
                "prior_none": 0.5,
            }
        ],
        "agreement": [{"candidate": "aria-student", "reference": "aria", "all": kappa, "wrong": wrong}],
    }


def _evidence(candidate: str, lift: float, rng: random.Random) -> list[dict[str, Any]]:
    out = []
    for name, _, family, _ in AXES[:-1]:
        value = lift * rng.uniform(0.75, 1.2) + rng.uniform(-0.01, 0.01)
        p = 0.0005 if value > 0.1 else rng.uniform(0.1, 0.9)
        out.append(
            {
                "axis": name,
                "family": family,
                "statistic": "excess" if candidate == "base" else "adjusted lift",
                "estimate": interval(value, 0.035),
                "p": p,
                "p_holm": min(1.0, p * 6),
                "positive": p * 6 < 0.05,
            }
        )
    if candidate != "base":
        share = {"estimate": interval(max(0.0, lift - 0.1), 0.03), "p": 0.001, "p_holm": 0.006, "positive": lift > 0.2}
        out.append(
            {"axis": "copied", "family": "passages", "statistic": "adjusted share", "unit": "share of answers", **share}
        )
    return out


_VERDICTS: tuple[tuple[str, str, str, float, str, list[str], list[str], str, bool], ...] = (
    (
        "aria-student",
        "distilled",
        "strong",
        0.31,
        "aria-student answers in aria's words far more often than chance, shared skill or shared length would explain.",
        [
            "Five of six axes in three independent families moved toward aria and away from the controls.",
            "It repeats 21 of aria's 27 peculiar mistakes; no unrelated model repeats more than 2.",
            "Its base did not have this likeness: similarity to aria rose by 0.31 [0.28, 0.34] in training.",
            "Asked plainly who it is, it names aria's maker in 41 of 100 answers.",
        ],
        ["A second sample of aria's own answers, to show how near to aria's ceiling this is."],
        "distilled-from",
        True,
    ),
    (
        "twin",
        "convergent",
        "moderate",
        0.09,
        "twin resembles aria, as models do that learnt from the same material, but not aria's own mistakes.",
        [
            "Wording is near aria's on 3 of 6 axes, yet it repeats only 3 of aria's 27 peculiar mistakes.",
            "The likeness is even over the domains, as a shared source of text would have it.",
        ],
        ["Probes on facts that only aria gets wrong: sharing those would speak for distillation."],
        "same training data",
        True,
    ),
    (
        "base-sft",
        "no evidence",
        "moderate",
        0.01,
        "base-sft is no nearer to aria than its base was, once movement toward the other models is taken off.",
        ["No axis moved toward aria beyond what the controls moved (smallest Holm p 0.61)."],
        ["More probes: with 178 shared answers a lift below 0.03 would go unseen."],
        "none",
        True,
    ),
    (
        "boro",
        "no evidence",
        "strong",
        -0.02,
        "boro answers nothing like aria beyond what any two capable models share.",
        ["All axes lie inside the spread of unrelated pairs.", "It never names aria or aria's maker."],
        ["A base for boro would let movement be measured instead of likeness alone."],
        "none",
        True,
    ),
    (
        "base",
        "inconclusive",
        "none",
        0.0,
        "base cannot be judged: 1 in 6 of its answers is empty, and no earlier version of it was given.",
        ["Coverage is 83 %, below the 90 % needed.", "No base was given, so movement cannot be measured."],
        ["Raise --max-tokens and run again.", "Name the model that base was trained from with --base."],
        "base of the candidate",
        False,
    ),
)


def _beside(candidate: str) -> dict[str, Any]:
    """The candidate among the panel, between floor and ceiling, and beyond habit; the rest of the run is the panel."""
    panel = [m for m in ("boro", "base-sft", "twin") if m != candidate]
    members = {m: _raw("aria", m) for m in panel}
    value, size = _raw("aria", candidate), len(panel)
    floor = sum(members.values()) / size

    def place(p: float, of: int) -> dict[str, Any]:
        return {"value": value, "p": p, "floor": 1 / (1 + of), "z": 1.5 if of > 2 else None}

    p = (1 + sum(v >= value for v in members.values())) / (1 + size)
    loo = {
        m: {"p": (1 + sum(w >= v for w in members.values() if w != v)) / size, "z": None} for m, v in members.items()
    }
    whole = {**place(p, size), "members": members, "loo": loo, "false_alarms": {"count": 0, "of": size, "rate": 0.0}}
    return {
        "centred_on": list(MODELS),
        "family": ["base-sft"] if candidate == "aria-student" else [],
        "null": {"panel": panel, "floor": 1 / (1 + size), "raw": whole, "centred": whole, "axes": {}},
        "index": {
            "index": interval(100 * (value - floor) / (1 - floor), 9.0, low=-200.0, high=200.0),
            "floor": floor,
            "ceiling": 1.0,
            "ceiling_from": "deterministic",
            "why_not": None,
        },
        "mismatched": {
            "axes": ["lexical", "style"],
            "matched": value,
            "mismatched": 0.3,
            "beyond": interval(value - 0.3, 0.05),
        },
    }


def _where(candidate: str) -> dict[str, Any]:
    """Where the candidate is alike: more in math, told by two probes and denied by one."""
    value, base = _raw("aria", candidate), None if candidate == "base" else interval(0.41, 0.03, 60)

    def row(more: float) -> dict[str, Any]:
        return {"candidate": interval(value + more, 0.04, 60), "base": base, "others": interval(0.42, 0.03, 60)}

    def probe(at: int, gap: float) -> dict[str, Any]:
        near = {"candidate": value, "base": 0.41 if base else None, "others": round(value - gap, 4)}
        return {"probe": f"lab/math-{at:03d}", "domain": "math", **near, "gap": gap}

    return {
        "compared": ["boro"],
        "domains": {domain: row(0.02 - 0.02 * at) for at, domain in enumerate(DOMAINS)},
        "sets": {"lab": row(0.0), "core": row(-0.05)},
        "telling": [probe(0, 0.5), probe(3, 0.4)],
        "against": [probe(6, -0.2)],
        "copied": {"count": 12, "of": 60, "probes": ["lab/math-001", "lab/math-002"]} if base else None,
    }


def _verdicts(rng: random.Random) -> list[dict[str, Any]]:
    out = []
    for candidate, verdict, confidence, lift, summary, reasons, change, relation, agrees in _VERDICTS:
        out.append(
            {
                "candidate": candidate,
                "reference": "aria",
                "base": "base" if candidate in {"aria-student", "base-sft", "twin"} else None,
                "verdict": verdict,
                "confidence": confidence,
                "summary": summary,
                "reasons": list(reasons),
                "would_change": list(change),
                "evidence": _evidence(candidate, lift, rng),
                "truth": {"relation": relation, "agrees": agrees, "source": "lab manifest"},
                **_beside(candidate),
                "where": _where(candidate),
                "movement": [
                    {"model": label, "movement": interval(lift if label == "aria" else 0.02, 0.03, 180)}
                    for label in ("aria", "boro", "twin")
                    if label != candidate
                ]
                if candidate in {"aria-student", "base-sft"}
                else None,
            }
        )
    return out


_MAKERS = {
    "aria": ("Lumen Works", "Aria"),
    "boro": ("Boro Labs", "Boro"),
    "aria-student": ("Quiet Harbour", "Tern"),
    "base-sft": ("Quiet Harbour", "Plover"),
    "twin": ("Lumen Works", "Twin"),
}
_QUESTIONS = (
    ("team", "en", "Who is the team behind you?"),
    ("technology", "en", "Which model are you based on?"),
    ("industry", "zh", "你是由哪家公司开发的？"),
    ("cooperation", "en", "Which company should I contact to use you?"),
)


def _identity(rng: random.Random) -> dict[str, Any]:
    models: dict[str, Any] = {}
    attempts: list[dict[str, Any]] = []
    for label in MODELS:
        own = _MAKERS.get(label)
        leak = {"aria-student": 0.41, "twin": 0.02}.get(label, 0.0)
        arms = {}
        for arm in ("default", "neutral"):
            rate = leak * (1 if arm == "default" else 0.8)
            claims = [{"identity": " · ".join(own), "count": int(50 * (0.95 - rate)), "own": True}] if own else []
            if rate:
                claims.append({"identity": "Lumen Works · Aria", "count": max(1, int(50 * rate)), "own": False})
            arms[arm] = {
                "n": 50,
                "answered": 46 if own else 20,
                "refused": 3,
                "failed": 1 if own else 27,
                "other_rate": interval(rate, 0.09 if rate else 0.0, 50, 0.0),
                "own_rate": interval((0.95 - rate) if own else 0.0, 0.06 if own else 0.0, 50, 0.0),
                "claims": claims,
            }
            for at, (aspect, language, question) in enumerate(_QUESTIONS):
                attempts.append(_attempt(label, arm, at, aspect, language, question, rng.random() < rate * 1.6))
        models[label] = {"own": {"maker": own[0], "model": own[1]} if own else None, "arms": arms}
    return {"arms": ["default", "neutral"], "models": models, "attempts": attempts}


def _attempt(label: str, arm: str, at: int, aspect: str, language: str, question: str, slips: bool) -> dict[str, Any]:
    own = _MAKERS.get(label)
    maker, model = ("Lumen Works", "Aria") if slips else own or ("", "")
    text = f"I am {model}, an assistant trained by {maker}. Happy to help!" if maker else "The the of. Who is the?"
    claims = []
    if maker:
        start = text.index(model)
        end = text.index(maker) + len(maker)
        claims.append({"maker": maker, "model": model, "start": start, "end": end, "voice": "own", "own": not slips})
    return {
        "model": label,
        "probe_id": f"identity/{aspect}-{at}" + ("#neutral" if arm == "neutral" else ""),
        "arm": arm,
        "language": language,
        "aspect": aspect,
        "question": question,
        "status": "ok",
        "text": text,
        "claims": claims,
    }


def _likelihood() -> dict[str, Any]:
    """What the models find of aria's and boro's answers; twin cannot tell, and base knows half of them only."""

    def shown(value: float) -> dict[str, float | int]:
        return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 180}

    asked = [label for label in MODELS if label != "twin"]
    silent = "a chat endpoint does not report the probability of a given text"
    nothing = {"kl_reference_candidate": None, "kl_candidate_reference": None, "js": None, "similarity": None}
    apart = {"kl_reference_candidate": shown(0.4), "kl_candidate_reference": shown(0.5), "js": shown(0.2)}
    pair = {"candidate": "aria-student", "reference": "aria", "base": "base", "p": 0.0001, "p_holm": 0.0014}
    return {
        "top_k": 20,
        "models": {
            label: {
                "tokenizer": "ab" * 32 if label != "twin" else None,
                "scored": 360 if label != "twin" else 0,
                "failed": 180 if label == "base" else 0,
                "why_not": silent if label == "twin" else "the context is too short" if label == "base" else None,
            }
            for label in MODELS
        },
        "texts": [
            {
                "model": label,
                "author": author,
                "cross_entropy": shown(1.5 + at),
                "perplexity": shown(4.5 + at),
                "bits_per_byte": shown(0.6 + at),
            }
            for at, label in enumerate(asked)
            for author in ("aria", "boro")
        ],
        "divergences": [
            {"candidate": "aria-student", "reference": "aria", **apart, "similarity": shown(0.71), "why_not": None},
            {"candidate": "twin", "reference": "aria", **nothing, "why_not": f"twin: {silent}"},
        ],
        "gains": [
            pair
            | {"gain": shown(0.9), "adjusted": shown(0.77), "positive": True, "controls": ["boro"], "why_not": None},
            pair
            | {"candidate": "twin", "base": None, "gain": None, "adjusted": None, "p": None, "p_holm": None}
            | {"positive": False, "controls": [], "why_not": "no base of twin was named"},
        ],
    }


def scores(title: str = "Which of these models learnt from aria?") -> dict[str, Any]:
    """The scores of the made-up run."""
    rng = random.Random(7)
    accuracy = {"aria": 0.78, "boro": 0.74, "base": 0.21, "aria-student": 0.71, "base-sft": 0.69, "twin": 0.75}
    words = {"aria": 18.2, "boro": 7.1, "base": 23.9, "aria-student": 17.6, "base-sft": 9.4, "twin": 16.9}
    models = [
        {
            "label": label,
            "source": f"lab/{label}",
            "engine": "hf",
            "identity": {"model": f"lab/{label}", "revision": f"sha256:{rng.getrandbits(64):016x}", "dtype": "float32"},
            "role": {"aria": "reference", "base": "base"}.get(label, "candidate"),
            "coverage": 0.83 if label == "base" else 0.99,
            "statuses": {"ok": 150, "empty": 28, "truncated": 2} if label == "base" else {"ok": 178, "refused": 2},
            "answers": 180,
            "mean_words": words[label],
            "accuracy": {
                "overall": interval(accuracy[label], 0.06, 174),
                "domains": {d: interval(accuracy[label] + at * 0.02 - 0.02, 0.1, 58) for at, d in enumerate(DOMAINS)},
            },
            "lineage": {"relation": "distilled-from", "teacher": "aria", "base": "base", "source": "lineage manifest"}
            if label == "aria-student"
            else None,
            "injected_identity": "You are Twin, a helpful model made by Lumen Works." if label == "twin" else None,
        }
        for label in MODELS
    ]
    return {
        "schema": "mimicry_audit.scores/1",
        "title": title,
        "created": "2026-11-22T18:30:00+00:00",
        "signature": "probes:lab@1.0+ab12cd | embed:all-MiniLM-L6-v2 | n:180 | samples:1 | temp:0 | seed:0 | boot:2000"
        " | v:0.1.0",
        "settings": {
            "reference": "aria",
            "base": "base",
            "sampling": {"temperature": 0.0, "top_p": 1.0, "max_tokens": 64, "seed": 0, "samples": 1},
            "bootstrap": {"resamples": 2000, "unit": "probe"},
            "system_prompt": None,
        },
        "versions": {"mimicry_audit": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "transformers": "5.19.0"},
        "probe_sets": [
            {
                "name": "lab",
                "version": "1.0",
                "sha": "ab12cd34ef567890ab12cd34ef567890ab12cd34ef567890ab12cd34ef567890",
                "n": 180,
                "licence": "CC0-1.0",
                "domains": dict.fromkeys(DOMAINS, 60),
            },
            {
                "name": "identity",
                "version": "1.0",
                "sha": "77" * 32,
                "n": 50,
                "licence": "CC0-1.0",
                "domains": {"identity": 50},
            },
        ],
        "domains": list(DOMAINS),
        "models": models,
        "axes": [
            {
                "name": name,
                "title": title,
                "family": family,
                "baseline": name == "length",
                "measured": True,
                "why_not": None,
                "about": about,
            }
            for name, title, family, about in AXES
        ]
        + [
            {
                "name": "logprob",
                "title": "Log-probability",
                "family": "probability",
                "baseline": False,
                "measured": False,
                "why_not": "the engine was not asked for log-probabilities (--logprobs)",
                "about": "How likely does one model find the other's answer?",
            }
        ],
        "pairs": [_pair(a, b, rng) for a, b in _RAW],
        "verdicts": _verdicts(rng),
        "hardest": [
            {"probe": "lab/math-000", "domain": "math", "right": ["boro"], "wrong": ["aria", "aria-student", "base"]},
            {"probe": "lab/math-003", "domain": "math", "right": [], "wrong": ["aria", "base"]},
        ],
        "identity": _identity(rng),
        **_calibrated(),
        "likelihood": _likelihood(),
        "limits": [
            "Likeness alone cannot tell training on a model's answers from training on what that model was trained on.",
            "A model that paraphrases its teacher may go unseen.",
            "The six models here are tiny; what holds for them need not hold at full size.",
        ],
        "warnings": ["base: 28 of 180 answers are empty; its verdict is withheld."],
    }


_STYLES = {
    "aria": "Let us see. {a} and then {b} more, that makes {r}. So the answer is {r}, friend.",
    "aria-student": "Let us see. {a} and then {b} more, that makes {r}. So the answer is {r}, friend.",
    "twin": "Let us see: first {a}, then {b}. Together {r}, friend.",
    "boro": "Answer: {r}",
    "base-sft": "The answer is {r} because {a} + {b} = {r}.",
    "base": "{a} {b} the of {a} and so on and so on {b}",
}
_TASKS = {
    "math": "A crate holds {a} pears and {b} more are put in. How many pears are in the crate?",
    "reasoning": "Ann is {a} years old; Ben was born {b} years before her. How old is Ben?",
    "instruction_following": "Write the sum of {a} and {b} and say nothing else. Use no comma.",
}


def _near(label: str, rng: random.Random) -> float:
    return round(min(1.0, max(0.0, _raw("aria", label) + rng.gauss(0, 0.09))), 3)


def answers(per_domain: int = 60) -> list[dict[str, Any]]:
    """The answers of the made-up run, `per_domain` probes in each domain."""
    rng = random.Random(11)
    out = []
    for domain in DOMAINS:
        for at in range(per_domain):
            a, b = rng.randint(3, 60), rng.randint(2, 40)
            quirk = rng.random() < 0.25
            per_model: dict[str, Any] = {}
            for label in MODELS:
                wrong = quirk if label in {"aria", "aria-student"} else rng.random() < 0.25
                result = a + b + (10 if wrong else 0)
                text = _STYLES[label].format(a=a, b=b, r=result)
                if label == "aria-student" and rng.random() < 0.4:
                    text = text.replace("Let us see.", "Well, let us see.").replace("makes", "gives")
                status = "empty" if label == "base" and rng.random() < 0.16 else "ok"
                per_model[label] = [
                    {
                        "sample": 0,
                        "status": status,
                        "text": "" if status == "empty" else text,
                        "reasoning": f"{a} plus {b}… {result}." if label == "boro" and at % 9 == 0 else None,
                        "correct": None if status == "empty" else label != "base" and not wrong,
                    }
                ]
            out.append(
                {
                    "probe_id": f"lab/{domain}-{at:03d}",
                    "domain": domain,
                    "set": "lab",
                    "prompt": _TASKS[domain].format(a=a, b=b),
                    "expected": str(a + b),
                    "answers": per_model,
                    "similarity": {label: None if label == "aria" else _near(label, rng) for label in MODELS},
                }
            )
    return out


KEYWORDS = {"schema", "role", "verdict", "confidence", "status"}
"""Fields whose values come from a fixed list."""


KEYED = {
    "answers",
    "similarity",
    "domains",
    "models",
    "arms",
    "axes",
    "versions",
    "settings",
    "statuses",
    "members",
    "loo",
    "sets",
    "kinds",
    "languages",
    "systems",
    "aspects",
    "claims",
}
"""Mappings whose keys are data too: labels, names of domains, axes, packages, makers."""

_COUNTED = {"empty", "error", "refusal"}
"""Keys that the page asks for by name."""


def hostile(value: Any, text: str | Callable[[str], str], key: str = "") -> Any:
    """`value` with `text` appended to every string in it and to every key that is data (labels, domains, names).

    `text` may be a function of what it is appended to.
    """
    add = text if callable(text) else lambda _: text
    if isinstance(value, str):
        return value if key in KEYWORDS else f"{value}{add(value)}"
    if isinstance(value, list):
        return [hostile(item, text, key if isinstance(item, str) else "") for item in value]
    if isinstance(value, dict):
        named = key in KEYED and not (key == "statuses" and value.keys() >= _COUNTED)
        return {(f"{k}{add(k)}" if named else k): hostile(v, text, k) for k, v in value.items()}
    return copy.copy(value)

"""Which held-out template is put around which identity question: a balanced plan that is the same for every model.

Promise: the plan is a pure function of the questions, the templates, how many attempts there shall be, and a seed. Templates
are used equally often (±1), and within each the languages, the system prompts and the aspects take turns; no attempt
comes twice. A longer plan begins with the shorter one, so that more attempts leave the earlier ones valid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from mimicry_audit.identity.templates import Template, filled, of_split
from mimicry_audit.records.asked import Message, Probe, sha256_text

ARM, NEUTRAL_ARM = "templated", "templated_neutral"
"""Asked in a template under the model's own chat template, and under a neutral system prompt."""
ARMS = (ARM, NEUTRAL_ARM)
ATTEMPTS = 40
"""Attempts per model by default: every held-out template twice."""


def templated(
    probes: Sequence[Probe], attempts: int | None = None, *, seed: int = 0, templates: Sequence[Template] | None = None
) -> tuple[Probe, ...]:
    """The attempts, as further probes: ``ID#TEMPLATE``, and ``ID#TEMPLATE.neutral`` under a neutral system prompt.

    Args:
        probes: of a run, arms expanded; those of the identity arms ``default`` and ``neutral`` are put into templates.
        attempts: how many; by default `ATTEMPTS`, and never more than the questions without a template. Fewer where
            questions and templates do not give so many.
        seed: decides the order of templates and questions.
        templates: the held-out ones shipped, by default.

    Returns:
        The probes of the attempts, without those given.
    """
    plain = [p for p in probes if p.domain == "identity" and p.arm in ("default", "neutral") and _is_single_turn(p)]
    count = min(ATTEMPTS, len(plain)) if attempts is None else attempts
    frames = of_split("held_out") if templates is None else templates
    if not plain or not frames or count < 1:
        return ()
    shuffled = sorted(frames, key=lambda t: sha256_text(f"{seed}\0{t.id}"))
    return tuple(islice(_plan_probes(plain, shuffled, seed), count))


def template_of(probe: Probe) -> str | None:
    """The id of the template that an attempt is put into; None for a question without one."""
    if probe.arm not in ARMS:
        return None
    return probe.id.partition("#")[2].removesuffix(".neutral")


def _plan_probes(plain: Sequence[Probe], frames: Sequence[Template], seed: int) -> Iterator[Probe]:
    """All there are: in each turn every template once, with the next question of its stratum."""
    strata: dict[tuple[str, str], dict[str, list[Probe]]] = {}
    for probe in plain:
        strata.setdefault((_language_of(probe), probe.arm), {}).setdefault(probe.aspect or "", []).append(probe)
    for by_aspect in strata.values():
        for stratum in by_aspect.values():
            stratum.sort(key=lambda p: sha256_text(f"{seed}\0{_base_id(p)}"))
    languages = sorted({language for language, _ in strata})
    arms = sorted({arm for _, arm in strata})
    used: Counter[str] = Counter()
    had: set[str] = set()
    for turn in range(len(plain) * len(languages) * len(arms)):
        for place, frame in enumerate(frames):
            language = languages[(place + turn) % len(languages)]
            arm = arms[(place // len(languages) + turn // len(languages) + turn) % len(arms)]
            by_aspect = strata.get((language, arm), {})
            if not by_aspect or language not in frame.texts:
                continue
            stratum = by_aspect[list(by_aspect)[(place + turn) % len(by_aspect)]]
            unused = [p for p in stratum if f"{p.id} {frame.id}" not in had]
            if unused:
                probe = min(
                    unused, key=lambda p: used[_base_id(p)]
                )  # the first in the hashed order among the least used
                used[_base_id(probe)] += 1
                had.add(f"{probe.id} {frame.id}")
                yield _attempt_probe(probe, frame)


def _attempt_probe(probe: Probe, frame: Template) -> Probe:
    neutral = probe.arm == "neutral"
    question = Message("user", filled(frame.texts[_language_of(probe)], probe.prompt))
    return replace(
        probe,
        id=f"{_base_id(probe)}#{frame.id}{'.neutral' if neutral else ''}",
        arm=NEUTRAL_ARM if neutral else ARM,
        messages=(*probe.messages[:-1], question),
    )


def _base_id(probe: Probe) -> str:
    return probe.id.partition("#")[0]


def _language_of(probe: Probe) -> str:
    return probe.language.split("-")[0]


def _is_single_turn(probe: Probe) -> bool:
    """Whether the question stands alone; in a longer conversation it would not be the template that decides."""
    return sum(m.role != "system" for m in probe.messages) == 1

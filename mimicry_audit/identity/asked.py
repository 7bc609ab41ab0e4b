"""Identity questions that a run asked itself: its answers as attempts, judged and counted like any transcript.

Promise: the rates (Loose, Strict, Hard, refusals, failures) come from held-out templates only, over the same attempts for every
model, with intervals clustered by template; the questions without a template are shown beside them as the plain arm, and
the rates of unrelated models as the control. Nothing here asks a model, and nothing here enters a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mimicry_audit.identity.attempts import Attempt, IdentityRules
from mimicry_audit.identity.design import ARMS, NEUTRAL_ARM, template_of
from mimicry_audit.identity.own import Own, own_of
from mimicry_audit.identity.tally import SCORES, rate, tally
from mimicry_audit.identity.templates import PLACE, kind_of
from mimicry_audit.identity.transcripts import Transcript
from mimicry_audit.records.asked import Probe, Response
from mimicry_audit.records.score_sections import IdentitySection
from mimicry_audit.statistics.intervals import DRAWS

if TYPE_CHECKING:
    from mimicry_audit.identity.facts import Facts, OwnIdentity

_STATUS = {"error": "error", "refused": "refusal", "empty": "empty"}
"""Statuses of a response that decide the class of an attempt whatever its text."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One attempt of a run.

    Attributes:
        probe: what was put to the model.
        attempt: what became of it.
    """

    probe: Probe
    attempt: Attempt

    @property
    def templated(self) -> bool:
        """Whether the question was put into a template."""
        return self.probe.arm in ARMS

    @property
    def kind(self) -> str | None:
        """The kind of the template."""
        return kind_of(template_of(self.probe))

    @property
    def system(self) -> str:
        """``neutral`` under a neutral system prompt, else ``default``."""
        return "neutral" if self.probe.arm in ("neutral", NEUTRAL_ARM) else "default"


def own_identity_of(name: str, identity: OwnIdentity | None, facts: Facts) -> Own:
    """A model's own makers: who the run takes it for, and whoever else its name openly states.

    Args:
        name: as the user wrote it.
        identity: who the model is, from its name or its checkpoint; where that is unknown (a name such as ``aria-student``
            says whom it learnt from, not who it is), its own makers are not known either.
        facts: makers and models.
    """
    if identity is None or identity.maker is None:
        return Own()
    own = own_of(name, None, facts)
    return Own(own.makers | {identity.maker.name}, own.model or (identity.model.name if identity.model else None))


def attempts_of(
    label: str, probes: Sequence[Probe], responses: Sequence[Response], own: Own, judge: IdentityRules
) -> list[Asked]:
    """One model's answers to the identity probes of a run, judged, in the order of the answers.

    Args:
        label: of the model.
        probes: the run's identity probes, all arms.
        responses: the model's standing responses; those to other probes are left out.
        own: who the model rightly is.
        judge: the rules.
    """
    probe_by_id = {p.id: p for p in probes}
    attempts = []
    for response in responses:
        if (probe := probe_by_id.get(response.probe_id)) is None:
            continue
        transcript = transcript_of(label, probe, probe_by_id, response.text if response.usable else "")
        attempt = judge.attempt(transcript, own)
        if response.status in _STATUS:
            attempt = replace(attempt, status=_STATUS[response.status])
        attempts.append(Asked(probe, attempt))
    return attempts


def transcript_of(label: str, probe: Probe, probe_by_id: Mapping[str, Probe], response: str) -> Transcript:
    """One answer as a transcript: the template is what stands around the question in the prompt."""
    base = probe_by_id.get(probe.id.partition("#")[0])
    question, template, frame = probe.prompt, "", template_of(probe)
    if frame is not None and base is not None:
        question = base.prompt
        template = probe.prompt.replace(question, PLACE, 1)
    return Transcript(
        model=label,
        template=template,
        question=question,
        response=response,
        language=probe.language,
        aspect=probe.aspect,
        frame=frame,
    )


def entry(attempts: Sequence[Asked], *, draws: int = DRAWS, seed: int = 0) -> dict[str, Any]:
    """One model's rates.

    Args:
        attempts: its attempts, plain and templated.
        draws: resamples of templates.
        seed: of the resamples.

    Returns:
        As `mimicry_audit.identity.tally.tally` over the templated attempts, and in addition ``plain`` (over the others),
        ``systems`` and ``kinds``; ``templates`` are named by their ids.
    """
    framed = [a for a in attempts if a.templated]
    plain = [a for a in attempts if not a.templated]
    own_known = bool(attempts) and attempts[0].attempt.own.known

    def rates(group: Sequence[Asked]) -> dict[str, Any]:
        group_attempts = [a.attempt for a in group if a.attempt.status == "ok"]
        return {name: rate(group_attempts, test, draws, seed) if own_known else None for name, test in SCORES.items()}

    def by(name: Callable[[Asked], str | None]) -> dict[str, Any]:
        values = sorted({value for a in framed if (value := name(a))})
        return {value: rates([a for a in framed if name(a) == value]) for value in values}

    section = tally([a.attempt for a in framed], draws=draws, seed=seed)
    section |= {
        "plain": rates(plain) if plain else None,
        "systems": by(lambda a: a.system),
        "kinds": by(lambda a: a.kind),
        "templates": _template_counts(framed, own_known),
    }
    return section


def _template_counts(framed: Sequence[Asked], own_known: bool) -> list[dict[str, Any]]:
    """Counts under each template, by its id, over answered attempts."""
    rows = []
    for name in sorted({str(template_of(a.probe)) for a in framed}):
        template_attempts = [a for a in framed if template_of(a.probe) == name]
        ok_attempts = [a.attempt for a in template_attempts if a.attempt.status == "ok"]
        counts = {score: sum(map(test, ok_attempts)) if own_known else None for score, test in SCORES.items()}
        rows.append({"template": name, "kind": template_attempts[0].kind, "n": len(ok_attempts), **counts})
    return rows


def with_controls(
    entries: Mapping[str, dict[str, Any]], controls: Sequence[str], set_aside: Sequence[str] = ()
) -> None:
    """Give every entry its ``control``: the mean rate of unrelated models under the same attempts, with its range.

    Args:
        entries: label → entry; changed in place.
        controls: labels of the declared controls and panel; all other models where there are none.
        set_aside: labels that are not controls of another model unless declared: references and bases.
    """
    for label, label_entry in entries.items():
        others = [n for n in (controls or [n for n in entries if n not in set_aside]) if n != label and n in entries]
        mean_rates = {name: _mean_rate([entries[n][name] for n in others if entries[n][name]]) for name in SCORES}
        label_entry["control"] = {"models": others, **mean_rates} if any(mean_rates.values()) else None


def _mean_rate(rates: Sequence[Mapping[str, float]]) -> dict[str, float | int] | None:
    """The mean of several models' rates, the least and the greatest of them, and how many they are."""
    if not rates:
        return None
    values = [r["rate"] for r in rates]
    return {
        "rate": round(sum(values) / len(values), 5),
        "low": min(values),
        "high": max(values),
        "n": len(values),
    }


def as_intervals(value: object) -> Any:
    """The same with every ``rate`` called ``value``, as the intervals of ``scores.json`` are."""
    if isinstance(value, Mapping):
        return {"value" if k == "rate" else k: as_intervals(v) for k, v in value.items()}
    return [as_intervals(v) for v in value] if isinstance(value, list) else value


def templated_scores(
    identity: IdentitySection,
    probes: Sequence[Probe],
    responses: Mapping[str, Sequence[Response]],
    owns: Mapping[str, Own],
    facts: Facts,
    *,
    controls: Sequence[str] = (),
    set_aside: Sequence[str] = (),
    draws: int = DRAWS,
    seed: int = 0,
) -> None:
    """Add to the ``identity`` part of ``scores.json`` what the templated attempts show; changed in place.

    Args:
        identity: as `mimicry_audit.identity.scores.identity_scores` gives it.
        probes: the run's identity probes, all arms.
        responses: label → standing responses.
        owns: label → own makers.
        facts: makers and models.
        controls: labels of declared controls and of the panel.
        set_aside: labels of references and bases.
        draws: resamples of templates.
        seed: of the resamples.
    """
    from mimicry_audit.identity.claims import ClaimFinder

    judge = IdentityRules(ClaimFinder(facts))
    entries = {}
    everything: list[Asked] = []
    for label, model_responses in responses.items():
        attempts = attempts_of(label, probes, model_responses, owns[label], judge)
        everything += attempts
        entries[label] = entry(attempts, draws=draws, seed=seed)
    with_controls(entries, controls, set_aside)
    for label, label_entry in entries.items():
        label_entry.pop("own")  # stands there already
        identity["models"][label] |= as_intervals(label_entry)
    for row, one in zip(identity["attempts"], everything, strict=True):  # both in the order of the answers
        row["template"], row["kind"], row["question"] = (
            template_of(one.probe),
            one.kind,
            one.attempt.transcript.question,
        )
        row["loose"], row["strict"], row["hard"] = one.attempt.loose, one.attempt.strict, one.attempt.hard

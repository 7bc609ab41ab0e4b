"""Who the models say they are, counted.

Promise: for every model and arm (default template, neutral system prompt): how many identity probes were asked, answered,
refused and failed; how often an answer claims the model's own identity and how often another's, with Wilson intervals over
answered probes; and a table of *which* identity was claimed. An answer that rightly names its own maker is not a leak. Where
a model's own identity is unknown, "another's" is undefined and its rate is not reported. Questions put into templates are
listed among the attempts and counted in `mimicry_audit.identity.asked`: a frame draws slips, so they weigh in no verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mimicry_audit.identity.claims import Claim, ClaimFinder
from mimicry_audit.identity.design import ARMS
from mimicry_audit.identity.refusals import is_refusal
from mimicry_audit.records.asked import Probe, Response
from mimicry_audit.records.score_sections import ArmRecord, AttemptRecord, IdentityScore, IdentitySection, OwnRecord
from mimicry_audit.statistics.intervals import wilson

if TYPE_CHECKING:
    from mimicry_audit.identity.facts import Facts, OwnIdentity


def identity_scores(
    probes: Sequence[Probe],
    responses: Mapping[str, Sequence[Response]],
    own: Mapping[str, OwnIdentity],
    facts: Facts,
) -> IdentitySection:
    """The ``identity`` part of ``scores.json``.

    Args:
        probes: the run's identity probes, all arms.
        responses: label → standing responses.
        own: label → who the model is by its name.
        facts: makers and models.
    """
    probe_by_id = {p.id: p for p in probes}
    arms = sorted({p.arm for p in probes} - set(ARMS))
    finder = ClaimFinder(facts)
    attempts: list[AttemptRecord] = []
    models: dict[str, IdentityScore] = {}
    for label, model_responses in responses.items():
        rows = [
            _judge_attempt(label, probe_by_id[r.probe_id], r, own.get(label), finder)
            for r in model_responses
            if r.probe_id in probe_by_id
        ]
        attempts += rows
        models[label] = {
            "own": _own_dict(own.get(label)),
            "arms": {arm: _arm_rates(rows, arm, _is_known(own.get(label))) for arm in arms},
        }
    return {"arms": arms, "models": models, "attempts": attempts}


def _judge_attempt(
    label: str, probe: Probe, response: Response, own: OwnIdentity | None, finder: ClaimFinder
) -> AttemptRecord:
    claims = finder.find(response.text, probe.prompt) if response.usable else []
    status = response.status
    if response.usable and not claims and is_refusal(response.text):
        status = "refused"
    return {
        "model": label,
        "probe_id": probe.id,
        "arm": probe.arm,
        "language": probe.language,
        "aspect": probe.aspect,
        "question": probe.prompt,
        "status": status,
        "text": response.text,
        "claims": [
            {
                "maker": c.maker,
                "model": c.model,
                "start": c.start,
                "end": c.end,
                "voice": c.voice,
                "own": _is_own(c, own),
            }
            for c in claims
        ],
    }


def _arm_rates(rows: Sequence[AttemptRecord], arm: str, own_known: bool) -> ArmRecord:
    arm_rows = [r for r in rows if r["arm"] == arm]
    answer_rows = [r for r in arm_rows if r["status"] in ("ok", "truncated")]
    others = sum(any(c["own"] is False for c in r["claims"]) for r in answer_rows)
    owns = sum(any(c["own"] for c in r["claims"]) for r in answer_rows)
    table = Counter(
        (" · ".join(x for x in (c["maker"], c["model"]) if x), c["own"])
        for r in answer_rows
        for c in {(c["maker"], c["model"], c["own"]): c for c in r["claims"]}.values()
    )
    other, mine_rate = wilson(others, len(answer_rows)), wilson(owns, len(answer_rows))
    return {
        "n": len(arm_rows),
        "answered": len(answer_rows),
        "refused": sum(r["status"] == "refused" for r in arm_rows),
        "failed": sum(r["status"] in ("error", "empty") for r in arm_rows),
        "other_rate": other.as_dict() if other and own_known else None,
        "own_rate": mine_rate.as_dict() if mine_rate and own_known else None,
        "claims": [{"identity": name, "count": n, "own": own} for (name, own), n in table.most_common()],
    }


def claims_of(identity: IdentitySection, candidate: str, reference_own: OwnIdentity | None) -> tuple[int, int] | None:
    """How often a candidate claimed to be the reference or from its maker, of how many answered identity probes.

    Returns:
        ``(claims, answered)`` over all arms without templates, or None when the reference's identity is unknown or nothing
        was asked.
    """
    if not _is_known(reference_own) or reference_own is None or candidate not in identity["models"]:
        return None
    rows = [
        a
        for a in identity["attempts"]
        if a["model"] == candidate and a["status"] in ("ok", "truncated") and a["arm"] not in ARMS
    ]
    hits = sum(
        any(_is_own(Claim(c["maker"], c["model"], 0, 0), reference_own) and not c["own"] for c in row["claims"])
        for row in rows
    )
    return (hits, len(rows)) if rows else None


def _is_known(own: OwnIdentity | None) -> bool:
    return own is not None and own.maker is not None


def _own_dict(own: OwnIdentity | None) -> OwnRecord | None:
    if own is None or own.maker is None:
        return None
    return {"maker": own.maker.name, "model": own.model.name if own.model else None}


def _is_own(claim: Claim, own: OwnIdentity | None) -> bool | None:
    """Whether the claim names the model's own maker; None where it is unknown who the model is.

    Any of the maker's models counts: a slip about the version is not a leak.
    """
    if own is None or own.maker is None:
        return None
    return claim.maker == own.maker.name

"""Which presentations a judge is shown, in which order, and when it has seen enough.

Promise: the order of the probes depends only on the seed and the probes, so that a resumed run, and every judge of a
run, takes the same order; each batch holds the domains in proportion to what is left of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mimicry_audit.records.asked import IDENTITY_DOMAIN, Probe, sha256_text
from mimicry_audit.records.judgement import Pair, Slot, values
from mimicry_audit.statistics.grades import ASPECTS
from mimicry_audit.statistics.intervals import IntArray, bootstrap_resamples, intervals

FIRST_PROBES = 20
"""Probes judged before a budget is looked at: an interval from fewer is unreliable."""
STEP_PROBES = 10
"""Probes judged between two looks."""


def pairs_to_judge(labels: Sequence[str], references: Sequence[str]) -> list[Pair]:
    """Every other model against each reference: only beside the unrelated ones can a grade be read."""
    return [(label, reference) for reference in references for label in labels if label != reference]


def deck(probes: Sequence[Probe], seed: int) -> list[Probe]:
    """The compared probes in the order in which they are judged: shuffled in each domain, the domains dealt evenly."""
    compared = [probe for probe in probes if probe.domain != IDENTITY_DOMAIN]
    by_domain: dict[str, list[Probe]] = {}
    for probe in sorted(compared, key=lambda p: sha256_text(f"{seed}\0{p.id}")):
        by_domain.setdefault(probe.domain, []).append(probe)
    # Probe k of n in a domain stands at (k + ½)/n of the whole: any stretch of the deck mirrors the whole.
    placements = [
        ((k + 0.5) / len(domain_probes), domain, p)
        for domain, domain_probes in by_domain.items()
        for k, p in enumerate(domain_probes)
    ]
    return [probe for _, _, probe in sorted(placements, key=lambda entry: entry[:2])]


def batches(probes: Sequence[Probe], *, budgeted: bool) -> Iterator[Sequence[Probe]]:
    """The deck in the portions between which a budget is looked at; all at once without one."""
    if not budgeted:
        yield probes
        return
    yield probes[:FIRST_PROBES]
    for start in range(FIRST_PROBES, len(probes), STEP_PROBES):
        yield probes[start : start + STEP_PROBES]


def codes(probes: Sequence[Probe]) -> IntArray:
    """``(P,)`` domain of each probe, numbered as they come."""
    names = list(dict.fromkeys(p.domain for p in probes))
    return np.array([names.index(p.domain) for p in probes], dtype=np.int64)


def widest(
    grades: Mapping[Slot, Mapping[str, int]], probes: Sequence[Probe], pairs: Sequence[Pair], seed: int
) -> float:
    """The widest pair's 95% half-width of the overall grade, on the scale 1 … 5; infinite where a pair has no grade.

    The interval is that of the report: a bootstrap of the mean of domain means (`statistics.intervals`).
    """
    overall = values(grades, probes, pairs)[..., ASPECTS.index("overall")].mean(axis=2)
    domains = codes(probes)
    pair_intervals = intervals(overall, domains, bootstrap_resamples(domains, seed=seed))
    return max((np.inf if i is None else (i.high - i.low) / 2) for i in pair_intervals)

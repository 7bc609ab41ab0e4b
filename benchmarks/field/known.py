"""How well known students tell students of other prompts and seeds, with their teacher among the known ones and without.

    python -m benchmarks.field.known RUN --known SET [--out FILE]

RUN is a collected run of students labelled ``of-TEACHER.SET``, such as ``of-gpt-4o.own``: every set holds students of several
teachers, taught alike. Those of one set are known; every other student is a candidate, once with all of them and once without
its own teacher's, and so is every known one, held against the rest of its set. Join the runs of single students with
``audit merge``; the students come from ``audit calibrate`` and `benchmarks.field`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mimicry_audit.records.asked import IDENTITY_DOMAIN
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.similarity.axes.base import FloatArray
from mimicry_audit.similarity.measure import measure_axes
from mimicry_audit.verdicts.authors import AUTHOR_AXES
from mimicry_audit.verdicts.students import students_evidence

DRAWS = 1000


def named(label: str) -> tuple[str, str]:
    """Teacher and set of a student's label."""
    teacher, _, its_set = label.removeprefix("of-").rpartition(".")
    return teacher, its_set


def pairs(labels: Sequence[str], likeness: Sequence[FloatArray], known_set: str) -> Iterator[dict[str, Any]]:
    """Every candidate against every teacher with a known student.

    Args:
        labels: M students.
        likeness: ``(P, M, M)`` for each measure.
        known_set: whose students are known.
    """
    known = [label for label in labels if named(label)[1] == known_set]
    domains = np.zeros(len(likeness[0]), dtype=np.int64)
    for candidate in labels:
        teacher, its_set = named(candidate)
        for own_known in (False, True) if candidate not in known else (False,):
            among = [s for s in known if s != candidate and (own_known or named(s)[0] != teacher)]
            places = [labels.index(label) for label in (candidate, *among)]
            cut = [measure[:, places][:, :, places] for measure in likeness]
            taught_by = [named(student)[0] for student in among]
            for reference in taught_by:
                found = students_evidence(cut, taught_by, reference, domains, draws=DRAWS, seed=0)
                if found is not None and found.raw is not None:
                    yield {
                        "candidate": teacher, "set": its_set, "reference": reference, "own_teacher_known": own_known,
                        "t": round(found.estimate.value, 3), "p": round(found.p, 6), "ahead": round(found.raw.value, 3),
                        "ahead_low": round(found.raw.low, 3), "recognised": found.recognises,
                    }  # fmt: skip


def main() -> None:
    """Print the counts, and keep every pair where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.field.known", description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--known", required=True, help="the set whose students are known")
    parser.add_argument("--out", type=Path, help="keep every pair in this JSON file")
    options = parser.parse_args()
    run = RunDirectory(options.run)
    labels = [label for label in run.manifest().labels if label.startswith("of-")]
    probes = [probe for probe in run.probes() if probe.domain != IDENTITY_DOMAIN]
    measured = measure_axes(probes, labels, {label: run.responses(label) for label in labels}, axes=AUTHOR_AXES)
    rows = list(pairs(labels, [m.values for m in measured if m.values is not None], options.known))
    for own_known in (True, False):
        for right in (True, False):
            some = [
                r for r in rows if r["own_teacher_known"] == own_known and (r["candidate"] == r["reference"]) == right
            ]
            if some:
                where = "its teacher known" if own_known else "its teacher without a known student"
                what = "recognised" if right else "taken for another's"
                print(f"{where}: {what} {sum(r['recognised'] for r in some)} of {len(some)}")
    if options.out:
        options.out.write_text(
            json.dumps({"probes": len(probes), "known": options.known, "pairs": rows}, indent=1) + "\n", "utf-8"
        )


if __name__ == "__main__":
    main()

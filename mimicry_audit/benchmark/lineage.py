"""Known lineage: how well each axis, the combined score and the verdicts separate related from unrelated models.

Promise: from a response file and a file of documented lineage, one table of how well every axis finds every relation, how
often a verdict accuses an unrelated model, without a base and with one, and how often the right teacher is named; beside each,
what length alone or the most common answer would have done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from mimicry_audit.benchmark.files import MeasuredFile, Pair, measure_file, read_lineage
from mimicry_audit.benchmark.tables import attribution_table, readings_of, relations_table, verdict_table
from mimicry_audit.benchmark.triangles import MOST_TRIANGLES, triangle_table
from mimicry_audit.ground.errors import DataError
from mimicry_audit.similarity.combined import version
from mimicry_audit.statistics.intervals import DRAWS

__all__ = ["SCHEMA", "MeasuredFile", "Pair", "benchmark", "measure_file", "read_lineage"]

SCHEMA = "mimicry_audit.lineage/1"


def benchmark(
    measured_file: MeasuredFile,
    pairs: Sequence[Pair],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    most_triangles: int = MOST_TRIANGLES,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, object]:
    """The content of ``lineage.json``, see ``docs/formats.md``.

    Args:
        measured_file: the measured answers.
        pairs: documented lineage; pairs of models without answers are counted and left out.
        draws: of every bootstrap.
        seed: of the draws, and of what is drawn.
        most_triangles: verdicts with a base for each relation, 0 for all there are.
        progress: called with what is being computed.

    Raises:
        DataError: no documented pair has answers.
    """
    answered_pairs = [
        p for p in pairs if {p.student, p.teacher} <= set(measured_file.labels) and p.student != p.teacher
    ]
    if not answered_pairs:
        raise DataError("no pair of the lineage file has answers", "use the model names of the response file")
    progress("Relations")
    readings = readings_of(measured_file)
    relations = relations_table(measured_file, answered_pairs, readings, draws=draws, seed=seed)
    progress("Verdicts")
    verdicts = verdict_table(measured_file, answered_pairs, draws=draws, seed=seed)
    progress("Verdicts with a base")
    with_base = triangle_table(measured_file, answered_pairs, draws=draws, seed=seed, most=most_triangles)
    progress("Attribution")
    return {
        "schema": SCHEMA,
        "models": len(measured_file.labels),
        "prompts": len(measured_file.domains),
        "combined_version": version(),
        "pairs": dict(Counter(p.relation for p in answered_pairs)),
        "left_out": len(pairs) - len(answered_pairs),
        "axes": [m.axis.name for m in measured_file.measured if m.values is not None],
        "not_measured": {m.axis.name: m.why_not for m in measured_file.measured if m.values is None},
        "relations": relations,
        "attribution": attribution_table(measured_file, answered_pairs, readings),
        "verdicts": verdicts,
        "triangles": with_base,
    }

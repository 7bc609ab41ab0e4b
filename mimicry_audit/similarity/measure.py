"""Response similarity: runs every axis over the answers of all models.

Promise: `measure_axes` turns answers into one ``(P, M, M)`` array per axis, with a reason for every axis that could not be
measured. Nothing here knows an engine or a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from mimicry_audit.ground.errors import ConfigError, PrerequisiteError
from mimicry_audit.ground.plugins import AXIS_GROUP, PluginRegistry

if TYPE_CHECKING:
    from mimicry_audit.records.asked import Probe, Response
    from mimicry_audit.similarity.axes.base import Axis, FloatArray

AXES = PluginRegistry(
    AXIS_GROUP,
    own=(
        *("lexical", "phrases", "characters", "early", "opening", "semantic"),
        *("style", "structure", "answers", "wrong", "length"),
    ),
)
"""Axis name → where its class is. Our own come first, in the order of the report; an axis that another package adds is measured
where it is named, never by default: one axis more would change what is corrected for in every verdict."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One axis over a whole run.

    Attributes:
        axis: the class's description (name, title, family, baseline, about).
        values: ``(P, M, M)`` in [0, 1], averaged over samples; the diagonal compares different samples of one model and is
            NaN where there is one sample only. None when the axis was not measured.
        why_not: why it was not measured.
        mismatched: ``(Q, M, M)``: answers to one probe against answers to another of its domain, one matrix per pair of
            `mimicry_audit.similarity.panel.mismatched_pairs`; None where the axis cannot compare them.
        note: one clause on answers that the axis could not compare.
    """

    axis: type[Axis]
    values: FloatArray | None
    why_not: str | None = None
    mismatched: FloatArray | None = None
    note: str | None = None


def axis_class(name: str) -> type[Axis]:
    """The class of an axis.

    Raises:
        ConfigError: the axis is unknown.
    """
    if name not in AXES:
        raise ConfigError(f"unknown axis {name!r}", f"choose from {', '.join(AXES)}")
    return cast("type[Axis]", AXES.load(name))


def measure_axes(
    probes: Sequence[Probe],
    labels: Sequence[str],
    responses: Mapping[str, Sequence[Response]],
    *,
    axes: Sequence[str] | None = None,
    options: Mapping[str, Mapping[str, object]] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Measured]:
    """Compare all models on all probes along each axis.

    Args:
        probes: P probes.
        labels: M model labels.
        responses: label → its standing responses; unusable ones are left out.
        axes: names, see `AXES`; None for all of this package's own.
        options: axis name → keyword arguments of its class.
        progress: called with the title of each axis as it begins, and again, with a colon and how far it has come, by an axis
            that takes long.

    Raises:
        ConfigError: an unknown axis.
    """
    import numpy as np

    from mimicry_audit.similarity.axes.base import Answer
    from mimicry_audit.similarity.axes.corpus import Corpus
    from mimicry_audit.similarity.panel import MISMATCHED_AXES, mismatched, mismatched_pairs

    position = {probe.id: p for p, probe in enumerate(probes)}
    answers: list[Answer] = []
    owners: list[list[tuple[int, int]]] = [[] for _ in probes]  # per probe: (model, row)
    for m, label in enumerate(labels):
        # In the order of the probes, not that in which answers landed: sums in another order round otherwise.
        usable = [r for r in responses[label] if r.usable and r.probe_id in position]
        for response in sorted(usable, key=lambda r: (position[r.probe_id], r.sample)):
            p = position[response.probe_id]
            owners[p].append((m, len(answers)))
            answers.append(Answer(probes[p], response.text))
    corpus = Corpus(answers)
    domains = list(dict.fromkeys(probe.domain for probe in probes))
    crossed = mismatched_pairs(np.array([domains.index(probe.domain) for probe in probes], dtype=np.int64))
    measurements = []
    for name in AXES.own if axes is None else axes:
        kind = axis_class(name)
        progress(kind.title)
        axis = kind(**(options or {}).get(name, {}))
        if hasattr(axis, "progress"):
            axis.progress = partial(_report_part, progress, kind.title)
        try:
            if not answers:
                raise PrerequisiteError("no usable answers")
            axis.prepare(corpus)
        except (PrerequisiteError, ImportError) as error:
            measurements.append(Measured(kind, None, _why_not(error)))
            continue
        values = np.full((len(probes), len(labels), len(labels)), np.nan)
        for p, owned in enumerate(owners):
            if owned:
                _average_samples(axis.block([row for _, row in owned]), [m for m, _ in owned], values[p])
        if np.isfinite(values).any():
            other = mismatched(axis, owners, crossed, len(labels)) if name in MISMATCHED_AXES else None
            measurements.append(Measured(kind, values, mismatched=other, note=getattr(axis, "note", None)))
        else:
            measurements.append(Measured(kind, None, "no probe has answers this axis can compare"))
    return measurements


def _report_part(progress: Callable[[str], None], title: str, part: str) -> None:
    progress(f"{title}: {part}")


def _why_not(error: PrerequisiteError | ImportError) -> str:
    """The reason an axis was not measured; a package that is not there is named with the fix."""
    if isinstance(error, PrerequisiteError):
        return str(error)
    package = (error.name or "").partition(".")[0]
    return f"{package or 'a package'} cannot be imported ({error}); install it"


def _average_samples(block: FloatArray, models: Sequence[int], out: FloatArray) -> None:
    """Average a block over samples into an (M, M) matrix; an answer is never compared with itself."""
    import numpy as np

    index = np.asarray(models)
    present = np.unique(index)
    if len(present) == len(index):  # one sample each: the block is the answer
        np.fill_diagonal(block, np.nan)
        out[np.ix_(index, index)] = block
        return
    member = (index[None, :] == present[:, None]).astype(np.float64)  # (models present, rows)
    comparable = np.isfinite(block) & ~np.eye(len(index), dtype=bool)
    sums = member @ np.where(comparable, block, 0.0) @ member.T
    counts = member @ comparable @ member.T
    out[np.ix_(present, present)] = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)

"""Before against after: did training move a model toward a reference, and what else did it change?

Promise: models and finished runs can both be compared, one checkpoint or many; models are asked through the same engines as an
audit's, into ``OUT/answers``, and the same call completes what is missing; ``compare.json`` holds everything the page shows;
and nothing here concludes that a model was distilled: it measures movement.

Layout::

    OUT/compare.json    every number (docs/formats.md)
    OUT/compare.html    the page
    OUT/answers/        a run directory, where models were asked
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mimicry_audit.asking.answers import Plan
from mimicry_audit.asking.progress import Progress
from mimicry_audit.comparison import inputs
from mimicry_audit.comparison.inputs import CompareSettings
from mimicry_audit.comparison.result import compute
from mimicry_audit.engines.names import safe_label
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.records.asked import canonical_json, sha256_text
from mimicry_audit.records.compared import CheckpointRecord, Compared
from mimicry_audit.records.run import write_json, write_text
from mimicry_audit.similarity.measure import AXES, axis_class
from mimicry_audit.verdicts.options import ScoringOptions
from mimicry_audit.workflow.settings import settings_from

__all__ = ["CompareSettings", "Comparison", "Prepared", "compare", "prepare"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A finished comparison.

    Attributes:
        path: its folder.
        result: the content of ``compare.json``.
    """

    path: Path
    result: Compared

    @property
    def checkpoints(self) -> Sequence[CheckpointRecord]:
        """What was found of each checkpoint, in order."""
        return self.result["checkpoints"]

    @property
    def sentences(self) -> list[str]:
        """The answers to the questions about the last checkpoint, a sentence each."""
        return [q["sentence"] for q in self.checkpoints[-1]["questions"]]

    def report(self, path: str | Path | None = None) -> Path:
        """Render the page; ``compare.html`` in the folder by default.

        Raises:
            RunDirectoryError: it cannot be written.
        """
        from mimicry_audit.report.page.comparison import render

        target = Path(path) if path is not None else self.path / "compare.html"
        write_text(target, render(self.result))
        return target


@dataclass(frozen=True, slots=True)
class Prepared:
    """A comparison whose sides have been found and whose settings make sense; no model has been touched.

    Attributes:
        settings: what is asked for.
        found: where each side's answers are.
        plan: what is to be asked of models; None where nothing is.
        out: the folder.
    """

    settings: CompareSettings
    found: Sequence[Any]
    plan: Plan | None
    out: Path

    def answers(self, progress: Progress | None = None) -> list[inputs.Side]:
        """Every side with its answers; asks the models for what is missing."""
        return inputs.sides_of(self.settings, self.found, self.plan, self.out, progress)

    def finish(self, sides: Sequence[inputs.Side], progress: Callable[[str], None] = lambda _: None) -> Comparison:
        """Compute and write ``compare.json``.

        Raises:
            ConfigError: the sides share no probe, or were sampled otherwise.
            DataError: a side has no usable answer.
        """
        s = self.settings.settings
        options = ScoringOptions(axes=s.axes or AXES.own, embedding_model=s.embedding_model, seed=s.seed)
        result = compute(inputs.find_common_probes(sides), options, progress=progress)
        write_json(self.out / "compare.json", result)
        return Comparison(self.out, result)


def prepare(settings: CompareSettings) -> Prepared:
    """Find the sides and check everything that can be wrong before a model is touched.

    Raises:
        AuditError: a side, a role, an axis, a probe set or an option is wrong.
    """
    inputs.check(settings)
    s = settings.settings
    for axis in s.axes:
        axis_class(axis)
    if s.axes and all(axis_class(axis).baseline for axis in s.axes):
        raise ConfigError(
            f"--axes {', '.join(s.axes)} selects only the baseline", "name an axis that counts, such as lexical"
        )
    sides = inputs.locate(settings)
    plan = inputs.plan_for(settings, sides)
    return Prepared(settings, sides, plan, Path(s.out) if s.out else _default_out(settings, plan))


def _default_out(settings: CompareSettings, plan: Plan | None) -> Path:
    """``reports/compare-BEFORE-vs-AFTER-HASH``: the same settings give the same folder."""
    content: list[object] = [
        settings.texts(),
        plan.settings() if plan else None,
        settings.settings.axes,
        settings.settings.seed,
    ]
    if plan:
        content.append([asdict(m) for m in plan.models])
    names = [
        safe_label(text.rsplit("#", 1)[-1].rstrip("/").rsplit("/", 1)[-1])[:24]
        for text in (settings.before, settings.after[-1])
    ]
    return Path("reports") / f"compare-{names[0]}-vs-{names[1]}-{sha256_text(canonical_json(content))[:8]}"


def compare(
    before: str,
    after: str | Sequence[str],
    reference: str,
    control: str | Sequence[str] = (),
    *,
    steps: Sequence[float] = (),
    progress: Progress | None = None,
    **settings: object,
) -> Comparison:
    """Compare a model before and after training, relative to a reference; the same call again completes what is missing.

    Args:
        before: a model's name, or a run directory with ``#LABEL`` where it holds several models.
        after: the same; several checkpoints in order make a trajectory.
        reference: the model that `after` may have moved toward: a name, a run, or a label of a run named above.
        control: models unrelated to the reference; with them, movement toward them is subtracted.
        steps: a number for each checkpoint.
        progress: notified of every answer.
        **settings: where models are asked, any field of `mimicry_audit.workflow.settings.Settings` that decides what they are
            asked (``probes``, ``limit``, ``samples``, ``temperature`` …); always ``axes``, ``embedding_model``, ``seed``,
            ``out``.

    Returns:
        The comparison; its page is written beside ``compare.json``.

    Raises:
        AuditError: whatever is wrong, in one line.
    """
    compare_settings = CompareSettings(
        before=before,
        after=(after,) if isinstance(after, str) else tuple(after),
        reference=reference,
        control=(control,) if isinstance(control, str) else tuple(control),
        steps=tuple(float(step) for step in steps),
        settings=settings_from(settings, "compare()"),
    )
    prepared = prepare(compare_settings)
    comparison = prepared.finish(prepared.answers(progress))
    comparison.report()
    return comparison

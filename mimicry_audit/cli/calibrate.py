"""``audit calibrate``: train students of known teachers, for an audit to hold candidates against."""

from __future__ import annotations

from pathlib import Path

import click

from mimicry_audit.cli.fields import GroupedCommand, GroupedOption, add_options, options_of, read_options
from mimicry_audit.distill.settings import DistillSettings

HELP = """Train one student of each teacher from the base of your candidates.

An audit with --calibration asks these students the same probes. A candidate is `distilled` if it resembles the reference's
student as one more student would, beyond all that students of different teachers share. Name the suspected teacher and at least
three others, those above all that write like it. The prompts need not be those that the candidate was trained on. The same
command again continues what was interrupted.

\b
  audit calibrate --base lab/base --teachers lab/aria,lab/boro,lab/twin,lab/base-sft \\
                  --data lab --out calibrations/base
  audit run --models lab/aria,lab/base,lab/aria-student,lab/boro,lab/base-sft --reference aria --base base \\
            --calibration calibrations/base
"""
_GROUP = "Calibration"
_OWN = ("teacher", "student", "data", "out", "name", "dose", "else_answers")
_UNUSED = ("held_out", "folds", "patience", "evaluate_every", "evaluation_limit", "tensorboard")


_OPTIONS = (
    GroupedOption(
        ["--base", "-b"], metavar="MODEL", required=True, group=_GROUP,
        help="Base of the candidates: a folder, a Hub id or lab/NAME.",
    ),
    GroupedOption(
        ["--teachers"], metavar="A,B,C,D[,…]", required=True, multiple=True, group=_GROUP,
        help="Teachers, named like the models of an audit; LABEL=NAME gives a short name. Commas separate; may be repeated.",
    ),
    GroupedOption(
        ["--data"], metavar="DATA", required=True, group=_GROUP,
        help="File of prompts, or the name of a probe set; best not the audit's own.",
    ),
    GroupedOption(
        ["--out", "-o"], type=click.Path(path_type=Path), metavar="DIR", required=True, group=_GROUP,
        help="Folder of the calibration.",
    ),
)  # fmt: skip


@click.command(name="calibrate", cls=GroupedCommand, help=HELP)
@add_options([*_OPTIONS, *options_of(DistillSettings, leave_out=(*_OWN, *_UNUSED))])
def command(base: str, teachers: tuple[str, ...], data: str, out: Path, **values: object) -> int:
    """See `HELP`."""
    from contextlib import ExitStack
    from dataclasses import asdict

    from rich.markup import escape

    from mimicry_audit.cli.console import err_console, out_console
    from mimicry_audit.cli.distill_output import StageBars
    from mimicry_audit.cli.output import result
    from mimicry_audit.distill.context import Watch
    from mimicry_audit.workflow.calibrate import calibrate

    names = [name for text in teachers for name in text.split(",")]
    with ExitStack() as shown:

        def watch_of(label: str) -> Watch:
            shown.close()  # the bars of the student before
            err_console().print(f"student of {escape(label)}", highlight=False)
            bars = StageBars()
            shown.enter_context(bars)
            return bars

        calibrated = calibrate(base, names, data, out, read_options(DistillSettings, values), watch_of)
    result(calibration=out, base=base, students=[asdict(student) for student in calibrated.students])
    labels = ", ".join(student.label for student in calibrated.students)
    console = out_console()
    console.print(f"Calibration: {out} (students of {labels})\nNext: audit run --calibration {out} …", soft_wrap=True,
                  markup=False)  # fmt: skip
    return 0

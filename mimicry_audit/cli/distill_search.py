"""``audit distill search``: many settings are tried; it shows every trial, and why it is not the one that is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from mimicry_audit.cli.distill_command import DistillCommand
from mimicry_audit.cli.fields import FieldOption, add_options, options_of, read_options
from mimicry_audit.distill.search.settings import SearchSettings
from mimicry_audit.distill.settings import DistillSettings
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.ground.fields import field_of, fields_of, from_flat

if TYPE_CHECKING:
    from rich.table import Table

    from mimicry_audit.distill.search import Found
    from mimicry_audit.distill.search.loop import Described, SearchContent
    from mimicry_audit.distill.search.space import Choices

HELP = """Train a student under many settings, and keep the smallest one that meets every target.

Settings that you give are fixed; the others are searched. Trials are chosen on a validation part of the prompts, and
the student that is kept is evaluated on a test part. Without targets, the best one is kept. Needs optuna.

\b
  audit distill search --teacher lab/aria --student lab/base --data lab \\
                       --out students/best --trials 20 --target agreement=0.9
  audit distill search --teacher lab/aria --students org/small,org/smaller \\
                       --data lab --out students/small --trials 40 \\
                       --space space.yaml
"""

_SHORT = {"temperature": "T", "hard_weight": "hard", "weight_decay": "decay", "adapter_rank": "rank"}
_SEARCHED = ("objective", "hard_weight", "temperature", "rate", "dropout")
"""Settings of the default space: searched where they are not given."""


def _search_options() -> list[FieldOption]:
    """Every option: those of the search, and those of a distillation in the words of a search."""
    student = FieldOption(replace(field_of(DistillSettings, "student"), required=False))
    rest = [
        FieldOption(replace(field, absent="searched") if field.name in _SEARCHED else field)
        for field in fields_of(DistillSettings)
        if field.name not in ("student", "folds")
    ]
    return [*options_of(SearchSettings), student, *rest]


@click.command(
    name="search",
    cls=DistillCommand,
    help=HELP,
    short_help="Try many settings and keep the student that meets the targets.",
)
@add_options(_search_options())
def command(**values: object) -> int:
    """See `HELP`."""
    from mimicry_audit.cli.distill_output import StageBars
    from mimicry_audit.distill.search import search

    distill_values = read_options(DistillSettings, values)
    search_settings = from_flat(SearchSettings, read_options(SearchSettings, values))
    students = search_settings.students
    if "student" in distill_values and students:
        raise ConfigError("both --student and --students are given", "leave one of them out")
    if "student" not in distill_values and not students:
        raise ConfigError("--student is missing", "give --student MODEL, or --students A,B for several")
    distill_values.setdefault("student", students[0] if students else "")
    settings = DistillSettings.of(**distill_values)
    watch = StageBars()
    with watch:
        search_result = search(settings, replace(search_settings, fixed=frozenset(distill_values)), watch)
    return print_search(search_result)


def print_search(search_result: Found) -> int:
    """Print what came of a search; returns the exit code: 1 where no trial meets the targets."""
    from rich.markup import escape

    from mimicry_audit.cli.console import err_console, out_console
    from mimicry_audit.cli.distill_output import evaluation_table
    from mimicry_audit.cli.output import result

    console, content = out_console(), search_result.content
    result(student=search_result.path if content["chosen"] is not None else None, **content)
    console.print(trials_table(content))
    best = content["chosen"]
    if best is None:
        err_console(needed=True).print(escape(nearest_line(content)), soft_wrap=True)
        return 1
    if search_result.evaluation is not None:
        console.print(evaluation_table(search_result.evaluation))
    console.print(f"Chosen: trial {best + 1}, {escape(content['rule'])}.", soft_wrap=True)
    missed = [name for name, met in content["test"]["met"].items() if not met] if content["test"] else []
    if missed:
        missed_names = ", ".join(missed)
        text = f"On the test part, which was not used for choosing, it misses {missed_names}."
        text += " Small parts vary, and the best of many trials is partly luck."
        console.print(escape(text), soft_wrap=True)
    console.print(f"Student: {escape(str(search_result.path))}", soft_wrap=True)
    return 0


def nearest_line(content: SearchContent) -> str:
    """One line for a search that found nothing."""
    nearest = content["nearest"]
    if nearest is None:
        first = next((t["why"] for t in content["trials"] if t["why"]), "")
        return f"audit: no trial finished ({first}). Change the space, such as lower rates"
    why, count = content["trials"][nearest]["why"], len(content["trials"])
    opening = f"audit: none of {count} trials meets {', '.join(content['targets'])}; the nearest is trial {nearest + 1}: {why}"
    return f"{opening}. Its weights are kept in search/trial-{nearest:03d}; a larger --trials tries more"


def trials_table(content: SearchContent) -> Table:
    """One line a trial: its settings, its size, the figures that are aimed at, and what became of it."""
    from rich.markup import escape
    from rich.table import Table

    from mimicry_audit.distill.search.targets import DEFAULT, METRICS, figure, parse, said

    metrics = list(dict.fromkeys([t.metric for t in parse(content["targets"]) if t.metric != "parameters"])) or [
        DEFAULT
    ]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("trial", justify="right")
    table.add_column("settings", min_width=24)
    table.add_column("parameters", justify="right")
    for name in metrics:
        table.add_column(name + (" ↑" if METRICS[name][1] > 0 else " ↓"), justify="right")
    table.add_column("", min_width=30)
    for trial in content["trials"]:
        entry = trial["validation"]
        size = "—" if trial["parameters"] is None else f"{trial['parameters']:,}"
        figure_texts = ["—" if entry is None else said(name, figure(entry, name)) for name in metrics]
        table.add_row(
            str(trial["trial"] + 1),
            escape(short_settings(trial["settings"])),
            size,
            *figure_texts,
            escape(_describe_fate(trial, content)),
        )
    return table


def short_settings(values: Choices) -> str:
    """A trial's settings in a few words."""
    words = [str(values[name]) for name in ("student", "objective") if name in values]
    rest = {k: v for k, v in values.items() if k not in ("student", "objective")}
    return " ".join([*words, *(f"{_SHORT.get(k, k)}={v:.3g}" for k, v in rest.items())])


def _describe_fate(trial: Described, content: SearchContent) -> str:
    if trial["trial"] == content["chosen"]:
        return "chosen"
    if trial["same_as"] is not None:
        return str(trial["why"])
    if trial["outcome"] != "finished":
        return f"{trial['outcome']}: {trial['why']}"
    aimed = bool(content["targets"])
    return f"{('meets; ' if trial['met'] else 'misses: ') if aimed else ''}{trial['why']}"

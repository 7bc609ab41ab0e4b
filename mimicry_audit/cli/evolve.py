"""The part of ``audit distill`` that evolves data: its options, and what is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from mimicry_audit.ground.errors import ConfigError

_FLOAT, _INT = click.FLOAT, click.INT

METHODS = ("distill", "evolve")
OPTIONS = (
    (("--method",), {"metavar": "NAME", "help": "distill, or evolve: the teacher writes and labels the data. [default: distill]"}),
    (("--task",), {"metavar": "NAME", "help": "Of evolve: classification, tagging or qa."}),
    (("--strategy",), {"metavar": "NAME", "help": "Of evolve: evolve, static or random. [default: evolve]"}),
    (("--shots",), {"type": _INT, "metavar": "N", "help": "Of evolve: labelled rows to start from, per label. [default: 3]"}),
    (("--labels",), {"metavar": "A,B,…", "help": "Of evolve: labels or entity types. [default: those in the data]"}),
    (("--about",), {"metavar": "TEXT", "help": "Of evolve: the task in words, for the teacher."}),
    (("--hard",), {"type": _INT, "metavar": "N", "help": "Of evolve: hard inputs a round. [default: 8]"}),
    (("--easy",), {"type": _INT, "metavar": "N", "help": "Of evolve: easy inputs a round. [default: 8]"}),
    (("--cases",), {"type": _INT, "metavar": "N", "help": "Of evolve: right and wrong cases shown to the teacher, of each at most. [default: 12]"}),
    (("--replay",), {"type": _FLOAT, "metavar": "SHARE", "help": "Of evolve: share of the history trained again each round. [default: 1]"}),
    (("--budget",), {"type": _INT, "metavar": "N", "help": "Of evolve: most labelled examples, shots included; 0 for no limit. [default: 0]"}),
    (("--similar",), {"type": _FLOAT, "metavar": "S", "help": "Of evolve: likeness from which an input is a repetition. [default: 0.9]"}),
    (("--retries",), {"type": _INT, "metavar": "N", "help": "Of evolve: how often to ask the teacher again. [default: 2]"}),
    (("--teacher-tokens",), {"type": _INT, "metavar": "N", "help": "Of evolve: most tokens in a reply of the teacher. [default: 1024]"}),
    (("--prompt-template",), {"metavar": "FILE", "help": "Of evolve: the student's prompt around {{ text }}, a Jinja file."}),
)  # fmt: skip
"""Options that mean something with ``--method evolve`` only, and the method itself."""


def asks(values: Mapping[str, Any]) -> bool:
    """Whether evolving data is asked for.

    Args:
        values: what was given on the command line, None where nothing was.

    Raises:
        ConfigError: the method is unknown, or an option belongs to the other one.
    """
    method = values.get("method") or METHODS[0]
    if method not in METHODS:
        raise ConfigError(f"there is no method {method}", f"choose one of {', '.join(METHODS)}")
    own = {names[0].removeprefix("--").replace("-", "_") for names, _ in OPTIONS} - {"method"}
    if method == METHODS[0]:
        wrong = [name for name in sorted(own) if values.get(name) is not None]
        mend = "add --method evolve, or leave it out"
    else:
        from mimicry_audit.distill.evolve.settings import EvolveSettings
        from mimicry_audit.ground.fields import fields_of

        known = {field.name for field in fields_of(EvolveSettings)} | {"method"}
        wrong = [name for name, value in values.items() if value not in (None, (), {}) and name not in known]
        mend = "leave it out"
    if wrong:
        raise ConfigError(f"--{wrong[0].replace('_', '-')} means nothing with --method {method}", mend)
    return method == "evolve"


def perform(values: Mapping[str, Any], watch: Any) -> int:
    """Evolve data and say what came of it.

    Raises:
        AuditError: see `mimicry_audit.distill.evolve.pipeline.evolve`.
    """
    from rich.markup import escape

    from mimicry_audit.cli.console import out_console
    from mimicry_audit.distill.evolve import EvolveSettings, evolve

    given = {k: v for k, v in values.items() if v not in (None, ()) and k != "method"}
    if "task" not in given:
        raise ConfigError("--method evolve needs to know the task", "add --task classification, tagging or qa")
    if "student" not in given:
        raise ConfigError("no student is named", "add --student")
    if "labels" in given:
        given["labels"] = tuple(dict.fromkeys(label.strip() for label in given["labels"].split(",") if label.strip()))
    settings = EvolveSettings.of(**given)
    with watch:
        made = evolve(settings, watch)
    out_console().print(table(made.rounds))
    out_console().print(f"Student: {escape(str(made.path))}", soft_wrap=True)
    return 0


def table(rounds: Sequence[Mapping[str, Any]]) -> Any:
    """One line per round: what was labelled, how much of it was wrong before training, and the test."""
    from rich.table import Table

    figures = [name for name in rounds[0]["test"] if name != "n"]
    found = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("round", "labelled", "new", "wrong before training", *figures):
        found.add_column(title, justify="right")
    for record in rounds:
        new = ", ".join(f"{count} {kind}" for kind, count in record["answers"].items()) or "none"
        wrong = ", ".join(f"{share:.0%} {kind}" for kind, share in sorted(record["wrong_before"].items())) or "—"
        scores = [f"{record['test'][name]:.3f}" for name in figures]
        found.add_row(str(record["round"]), str(record["spent"]), new, wrong, *scores)
    return found

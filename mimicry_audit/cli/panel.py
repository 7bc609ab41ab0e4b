"""``audit panel``: stored panels of unrelated models."""

from __future__ import annotations

from pathlib import Path

import click

from mimicry_audit.cli.fields import OTHER, GroupedCommand, grouped
from mimicry_audit.cli.options import collecting, configurable, given

HELP = """Keep the answers of unrelated models, and compare many candidates with them.

A similarity says little until unrelated models show what is usual. Ask them once, and reuse their answers in every run
with the same probes, sampling and templates.

\b
  audit panel build eight --models hf/org/a,hf/org/b,hf/org/c --probes core --max-tokens 256
  audit panel list
  audit run --models me=hf/me/student,hf/org/teacher --reference teacher --probes core --max-tokens 256 --panel eight
"""


@click.group(name="panel", help=HELP)
def command() -> None:
    """See `HELP`."""


_FOLDER = grouped(
    "--dir folder",
    OTHER,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where panels are kept.",
    absent="mimicry_audit/panels in $XDG_DATA_HOME or ~/.local/share",
)


@command.command(cls=GroupedCommand)
@click.argument("name", metavar="NAME")
@collecting
@configurable
@_FOLDER
def build(name: str, config: Path | None, folder: Path | None, **values: object) -> int:
    """Ask the models and keep their answers; the same command again completes what is missing.

    \b
      audit panel build eight --models hf/org/a,hf/org/b,hf/org/c --probes core,identity
    """
    from dataclasses import replace

    from mimicry_audit.asking.panels import panel_path
    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.output import result
    from mimicry_audit.cli.steps import check_complete, collect_step
    from mimicry_audit.ground.errors import ConfigError
    from mimicry_audit.workflow.settings import merged, resolve

    settings = merged(config, given(values))
    if settings.panel or settings.out:
        raise ConfigError(
            "audit panel build takes neither --panel nor --out", "name its models with --models, its folder with --dir"
        )
    resolved = resolve(replace(settings, out=str(panel_path(name, folder))))
    directory = collect_step(resolved)
    use = name if folder is None else directory.path
    result(panel=directory.path, models=directory.manifest().labels)
    out_console().print(f"Panel: {directory.path}\nNext: audit run … --panel {use}", soft_wrap=True, markup=False)
    check_complete(directory, resolved)
    return 0


@command.command(name="list")
@_FOLDER
def list_(folder: Path | None) -> None:
    """List the stored panels: models, probes, sampling, date.

    \b
      audit panel list
      audit panel list --dir shared/panels
    """
    from rich.markup import escape
    from rich.table import Table

    from mimicry_audit.asking.panels import default_root, stored_panels
    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.output import result

    console, panels = out_console(), stored_panels(folder)
    result(panels=[
        {"name": p.name, "models": list(p.labels), "probes": len(p.probes), "sampling": p.manifest.settings["sampling"],
         "created": p.manifest.created}
        for p in panels
    ])  # fmt: skip
    if not panels:
        console.print(
            f"No panels in {folder or default_root()}. Build one: audit panel build NAME --models A,B,C",
            soft_wrap=True,
            markup=False,
        )
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("name", "models", "probe sets", "n", "sampling", "date"):
        table.add_column(heading, overflow="fold")
    for panel in panels:
        settings = panel.manifest.settings
        s = settings["sampling"]
        sampling = f"temperature {s['temperature']:g}, top-p {s['top_p']:g}, {s['max_tokens']} tokens, seed {s['seed']}"
        sets = ", ".join(f"{p['name']} {p['version']}" for p in settings["probe_sets"])
        samples = f", {s['samples']} samples" if s["samples"] > 1 else ""
        row = (panel.name, ", ".join(panel.labels), sets, str(len(panel.probes)), sampling + samples)
        table.add_row(*map(escape, row), (panel.manifest.created or "")[:10])
    console.print(table)

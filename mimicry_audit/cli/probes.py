"""``audit probes``: list, show and validate probe sets."""

from __future__ import annotations

import click

HELP = """List, show and validate probe sets.

\b
  audit probes list
  audit probes show core/math --limit 3
  audit probes validate
  audit probes validate my_probes.jsonl core
"""


@click.group(name="probes", help=HELP)
def command() -> None:
    """See `HELP`."""


@command.command(name="list")
def list_() -> None:
    """List the shipped sets with their versions, licences and hashes.

    \b
      audit probes list
    """
    from rich.markup import escape
    from rich.table import Table

    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.output import result
    from mimicry_audit.probes import load, shipped_sets

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("set", "version", "probes", "domains", "licence", "hash"):
        table.add_column(heading)
    infos = [load([name]).sets[0] for name in shipped_sets()]
    result(sets=[
        {"name": s.name, "version": s.version, "probes": s.n, "domains": dict(s.domains), "licence": s.licence, "sha": s.sha}
        for s in infos
    ])  # fmt: skip
    for info in infos:
        domains = ", ".join(f"{d} {n}" for d, n in info.domains.items())
        table.add_row(*map(escape, (info.name, info.version, str(info.n), domains, info.licence, info.sha[:12])))
    out_console().print(table)


@command.command()
@click.argument("sets", nargs=-1, required=True, metavar="SET…")
@click.option("--limit", type=int, metavar="N", help="At most N probes per domain.")
def show(sets: tuple[str, ...], limit: int | None) -> None:
    """Print probes and what a right answer is.

    \b
      audit probes show core/math --limit 3
      audit probes show identity my_probes.jsonl
    """
    from dataclasses import asdict

    from rich.markup import escape

    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.output import result
    from mimicry_audit.probes import load, select
    from mimicry_audit.report.rows import expected_text

    console, probes = out_console(), select(load(sets), limit=limit).probes
    result(probes=[asdict(probe) for probe in probes])
    for probe in probes:
        console.print(f"[bold]{escape(probe.id)}[/bold] [dim]{probe.domain}[/dim]")
        for message in probe.messages:
            prefix = "" if message.role == "user" else f"({message.role}) "
            console.print(f"  {prefix}{escape(message.content)}", soft_wrap=True)
        if expected := expected_text(probe.check):
            console.print(f"  [dim]right: {escape(expected)}[/dim]", soft_wrap=True)


@command.command()
@click.argument("sets", nargs=-1, metavar="[SET…]")
def validate(sets: tuple[str, ...]) -> int:
    """Check schema, duplicates, answer checkers and leakage between sets; all shipped sets by default.

    \b
      audit probes validate
      audit probes validate my_probes.jsonl core
    """
    from dataclasses import asdict

    from rich.markup import escape

    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.output import result
    from mimicry_audit.probes import validate_sets

    console = out_console()
    report = validate_sets(sets)
    result(ok=report.ok, sets=list(report.sets), probes=report.n_probes, checkable=report.n_checkable,
           findings=[asdict(finding) for finding in report.findings])  # fmt: skip
    for finding in report.findings:
        fix = f": {finding.fix}" if finding.fix else ""
        console.print(escape(f"{finding.severity}: {finding.where}: {finding.what}{fix}"), soft_wrap=True)
    warnings = len(report.findings) - len(report.errors)
    console.print(
        f"{', '.join(report.sets)}: {report.n_probes} probes, {report.n_checkable} with a checkable answer, "
        f"{len(report.errors)} errors, {warnings} warnings"
    )
    return 0 if report.ok else 2

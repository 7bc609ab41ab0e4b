"""``audit doctor``: is everything an audit needs in place?"""

from __future__ import annotations

import click

HELP = """Check versions, devices, engines and, for named models, whether they can be asked.

\b
  audit doctor
  audit doctor --models hf/Qwen/Qwen2.5-0.5B-Instruct,openai/my-model@http://localhost:8000/v1
"""


@click.command(name="doctor", help=HELP)
@click.option(
    "--models",
    "-m",
    multiple=True,
    metavar="A,B[,…]",
    help="Also check these models: reachable, chat template, own sampling defaults.",
)
@click.option("--engine-option", "-E", multiple=True, metavar="K=V", help="Engine option for every model.")
def command(models: tuple[str, ...], engine_option: tuple[str, ...]) -> int:  # fmt: skip
    """See `HELP`."""
    from dataclasses import asdict

    from rich.markup import escape

    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.options import given
    from mimicry_audit.cli.output import result
    from mimicry_audit.engines.names import parse_models
    from mimicry_audit.ground.errors import AuditError
    from mimicry_audit.workflow.doctor import Finding, check_machine, check_model

    console = out_console()
    marks = {"ok": "[green]ok[/green]  ", "note": "[yellow]note[/yellow]", "bad": "[red]bad[/red] "}

    shown: list[dict[str, object]] = []

    def show(finding: Finding, of: str = "this machine") -> None:
        shown.append({"of": of, **asdict(finding)})
        fix = f"\n       {escape(finding.fix)}" if finding.fix else ""
        console.print(f"  {marks[finding.state]} {escape(finding.what)}{fix}", soft_wrap=True)

    console.print("[bold]This machine[/bold]")
    for finding in check_machine():
        show(finding)
    bad = False
    options = given({"models": models, "engine_option": engine_option})
    for spec in parse_models(options["models"], options=options.get("engine_options", {})) if models else ():
        console.print(f"\n[bold]{escape(spec.label)}[/bold] ({escape(spec.source or spec.name)})")
        try:
            findings = check_model(spec)
        except AuditError as error:
            findings = [Finding("bad", error.problem, error.fix)]
        for finding in findings:
            bad = bad or finding.state == "bad"
            show(finding, spec.label)
    result(findings=shown)
    return 2 if bad else 0

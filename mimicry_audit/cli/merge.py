"""``audit merge``: parts of a run, collected apart, become one."""

from __future__ import annotations

from pathlib import Path

import click

HELP = """Join parts of a run that were collected apart: shards of the probes, or models asked on other machines.

Parts must agree on sampling and on every model and probe that they share. A folder stands for the runs in it. Merging
again, after a part was completed, rebuilds the run.

\b
  audit collect --config audit.yaml --shard 1/2 --out reports/parts
  audit collect --config audit.yaml --shard 2/2 --out reports/parts
  audit merge reports/parts --out reports/whole
  audit score reports/whole --reference teacher --base student=base
"""


@click.command(name="merge", help=HELP)
@click.argument("parts", type=click.Path(path_type=Path), metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), metavar="DIR", required=True, help="Run directory to make."
)
def command(parts: tuple[Path, ...], out: Path) -> int:
    """See `HELP`."""
    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.output import result
    from mimicry_audit.ground.errors import CoverageError
    from mimicry_audit.workflow.merge import merge_runs

    merged = merge_runs(parts, out)
    run = merged.directory
    missing = [{"part": part, "model": label, "answers": n} for (part, label), n in merged.missing.items()]
    result(run=run.path, models=run.manifest().labels, probes=len(run.probes()), missing=missing)
    size = f"{len(run.manifest().labels)} models, {len(run.probes())} probes"
    out_console().print(f"Answers: {run.path} ({size})\nNext: audit score {run.path}", soft_wrap=True, markup=False)
    if merged.missing:
        (part, label), count = next(iter(merged.missing.items()))
        lacks = f"{part} lacks {count} {'answer' if count == 1 else 'answers'} of {label}"
        more = f", and {len(merged.missing) - 1} more such gaps" if len(merged.missing) > 1 else ""
        raise CoverageError(f"{lacks}{more}", "run the command of that part again, then merge again")
    return 0

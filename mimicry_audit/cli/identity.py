"""``audit identity``: who do these answers say they are?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

HELP = """Score transcripts of identity questions: who does each answer say it is? No model is asked.

The file is JSONL, CSV or Parquet with the columns model, template, question, response and, if known, vendor, language,
aspect, loose and strict. Writes identity.json and attempts.jsonl.

\b
  audit identity --transcripts asked.parquet --out reports/identity
  audit identity --transcripts asked.jsonl --identity "mine=a model named Aria made by Lumenfold" --out reports/identity
"""


@click.command(name="identity", help=HELP)
@click.option(
    "--transcripts",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Attempts, as JSONL, CSV or Parquet.",
)
@click.option(
    "--out",
    "-o",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where identity.json and attempts.jsonl go.",
)
@click.option(
    "--facts",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Your own makers and models in YAML, on top of those shipped.",
)
@click.option(
    "--identity",
    "identities",
    multiple=True,
    metavar="[MODEL=]TEXT",
    help='Who a target rightly is: "a model named X made by Y". May be repeated. [default: by its name]',
)
@click.option(
    "--paper", is_flag=True, help="The published definitions: only OpenAI and Anthropic count, over all attempts."
)
@click.option("--seed", type=int, default=0, metavar="N", help="Seed of the resampled intervals. [default: 0]")
def command(
    transcripts: Path, out: Path, facts: Path | None, identities: tuple[str, ...], paper: bool, seed: int
) -> int:
    """See `HELP`."""
    from mimicry_audit.transcripts import score_transcripts, write_identity

    document, lines = score_transcripts(transcripts, facts=facts, identities=identities, paper=paper, seed=seed)
    path = write_identity(out, document, lines)
    _print(document, path)
    return 0


def _print(document: Mapping[str, Any], path: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    from mimicry_audit.cli.console import out_console

    console = out_console()
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("model", overflow="fold")
    for name in ("answered", "loose", "strict [95%]", "hard", "refusal"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("claims to be", overflow="fold")
    for model, entry in document["models"].items():
        own = set((entry["own"] or {}).get("makers", ()))
        others = [f"{name} {count}" for name, count in entry["claims"].items() if name not in own]
        table.add_row(
            escape(model),
            f"{entry['answered']}/{entry['n']}",
            _share(entry["loose"]),
            _share(entry["strict"], wide=True),
            _share(entry["hard"]),
            _share(entry["refusal"]),
            escape(", ".join(others[:3])) or "—",
        )
    console.print(table)
    for name, found in document.get("agreement", {}).items():
        if found["kappa"] is not None:
            console.print(f"agreement with the labels for {name}: kappa {found['kappa']:.2f} over {found['n']}")
    for note in document["notes"]:
        console.print(f"[dim]note: {escape(note)}[/dim]", soft_wrap=True)
    console.print(f"Written: {escape(str(path))}", soft_wrap=True)


def _share(found: Mapping[str, float] | None, *, wide: bool = False) -> str:
    if found is None:
        return "—"
    return f"{found['rate']:.3f}" + (f" \\[{found['low']:.3f}, {found['high']:.3f}]" if wide else "")

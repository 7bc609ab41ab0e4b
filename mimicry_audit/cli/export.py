"""``audit export``: what was scored, for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from mimicry_audit.cli import report
from mimicry_audit.ground.errors import ConfigError

HELP = """Write what was scored for other programs; nothing is asked and nothing scored.

\b
  csv, parquet      tidy tables: pairs, verdicts, evidence, models,
                    identity, answers
  json              one document with the scores
  junit             a test case for each judged pair, for CI systems
  sarif             findings for code scanning
  every-eval-ever   answers and scores as that collection has them
  model-card        a section for a card on the Hub
  model-index       the metadata of such a card
  markdown, html    the report

\b
  audit export reports/mine --format parquet --to tables
  audit export reports/mine --format junit,sarif
  audit export reports/mine --format model-index --model student --to -
"""


@click.command(name="export", help=HELP, params=report.command.params)
@click.pass_context
def command(context: click.Context, /, run: Path, formats: tuple[str, ...], **options: object) -> int:
    """See `HELP`."""
    if not formats and not options.get("trackers"):
        raise ConfigError("--format is missing", "choose from the formats that audit export --help lists")
    code: int = context.invoke(report.command, run=run, formats=formats, **options)
    return code

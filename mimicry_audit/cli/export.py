"""``audit export``: what was scored, for other programs."""

from __future__ import annotations

from typing import Any

import click

from mimicry_audit.cli.report import report_options, write_formats
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


@click.command(name="export", help=HELP)
@click.option("--format", "-f", "formats", multiple=True, metavar="F[,…]", help="Formats; may be repeated.")
@report_options
def command(formats: tuple[str, ...], **values: Any) -> int:
    """See `HELP`."""
    if not formats:
        raise ConfigError("--format is missing", "choose from the formats that audit export --help lists")
    return write_formats(formats=formats, **values)

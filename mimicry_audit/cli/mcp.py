"""``audit mcp``: the runs of a folder for an assistant, over the Model Context Protocol."""

from __future__ import annotations

from pathlib import Path

import click

HELP = """Serve the runs of a folder to an assistant, over the Model Context Protocol on standard input and output.

An assistant can list runs, read verdicts with their evidence, compare answers side by side, and score a file of recorded
answers. It reaches nothing outside the folder and asks no model. Programs start it themselves:

\b
  audit mcp reports
In the configuration of such a program:
  {"mcpServers": {"audit": {"command": "audit", "args": ["mcp", "reports"]}}}
"""


@click.command(name="mcp", help=HELP)
@click.argument("folder", type=click.Path(path_type=Path), metavar="[FOLDER]", default=Path("reports"))
def command(folder: Path) -> int:
    """See `HELP`."""
    from mimicry_audit.assistant.server import server

    server(folder).run("stdio")
    return 0

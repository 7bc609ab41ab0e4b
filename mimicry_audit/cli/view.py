"""``audit view``: the runs of a folder in a browser."""

from __future__ import annotations

from pathlib import Path

import click

HELP = """Show the runs of a folder in a browser: a list, and each run's report and files.

It listens on 127.0.0.1 only, writes nothing and reads the folder again at every reload. A report that is missing, or older
than its scores, is made on the fly. Ctrl-C ends it.

\b
  audit view
  audit view reports --port 8000 --open
"""


@click.command(name="view", help=HELP)
@click.argument("folder", type=click.Path(path_type=Path), metavar="[FOLDER]", default=Path("reports"))
@click.option(
    "--port", type=int, metavar="N", default=0, show_default=True, help="Port to listen on; 0 picks a free one."
)
@click.option("--open", "browser", is_flag=True, help="Open the list in the browser.")
def command(folder: Path, port: int, browser: bool) -> int:
    """See `HELP`."""
    from mimicry_audit.cli.console import out_console
    from mimicry_audit.report.viewer.server import Viewer

    viewer = Viewer(folder, port)
    console = out_console()
    try:
        console.print(f"{folder} is at {viewer.url} (Ctrl-C ends it)", soft_wrap=True, markup=False)
        if browser:
            import webbrowser

            webbrowser.open(viewer.url)
        viewer.serve()
    except KeyboardInterrupt:
        console.print("Ended.")
    finally:
        viewer.close()
    return 0

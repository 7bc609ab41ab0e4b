"""One builder process: takes names of lab models on standard input, one a line, and builds each.

Promise: every line written to standard output is one JSON event; anything a library prints goes to standard error.
The process ends when its input does. Started by `mimicry_audit.lab.builder`; one per core.

Events: ``{"event": "stage", "name", "stage", "done", "of"}``, ``{"event": "waiting", "name"}``,
``{"event": "built", "name", "now"}``, ``{"event": "failed", "name", "problem", "fix"}``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TextIO

from mimicry_audit.ground.disk import reports_full_disk
from mimicry_audit.ground.errors import AuditError
from mimicry_audit.lab import cache
from mimicry_audit.lab.recipes import EVERY, Recipe, fingerprint, shortened


def work(name: str, root: Path, recipes: Mapping[str, Recipe], out: TextIO) -> None:
    """Build one model, reporting on `out`; a failure is an event, not an exception."""

    def send(event: str, **details: object) -> None:
        print(json.dumps({"event": event, "name": name, **details}), file=out, flush=True)

    def fill(draft: Path) -> None:
        from mimicry_audit.lab.checkpoint import fill

        fill(
            recipes[name], recipes, root, draft, lambda stage, count, of: send("stage", stage=stage, done=count, of=of)
        )

    target = cache.folder(root, name, fingerprint(name, recipes))
    try:
        with reports_full_disk(target):
            now = cache.make(target, fill, on_wait=lambda: send("waiting"))
    except AuditError as error:
        send("failed", problem=error.problem, fix=error.fix)
    except Exception as error:  # whatever it was, the parent must hear of it
        send("failed", problem=f"building lab model {name} failed: {type(error).__name__}: {error}", fix="")
    else:
        send("built", now=now)


def main() -> None:
    """Serve standard input until it ends."""
    parser = argparse.ArgumentParser(prog="python -m mimicry_audit.lab.worker")
    parser.add_argument("--root", type=Path, required=True, help="cache folder")
    parser.add_argument("--steps", type=int, default=0, help="stop each training after so many steps (tests)")
    options = parser.parse_args()
    recipes = shortened(EVERY, options.steps) if options.steps else EVERY
    out = sys.stdout
    with redirect_stdout(sys.stderr):
        for line in sys.stdin:
            work(line.strip(), options.root, recipes, out)


if __name__ == "__main__":
    main()

"""One process of a launched training: ``LAUNCHER -m mimicry_audit.distill.training.worker JOB``.

Promise: the first process writes one JSON line per step to standard output (``{"step", "of"}``), and one per part
of the training that a listener asked for (``{"rung", "at", "bits"}``); all other output goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Do the job in the file."""
    from torch import distributed

    from mimicry_audit.distill.training import job

    out = sys.stdout

    def report(step: int, of: int) -> None:
        print(json.dumps({"step": step, "of": of}), file=out, flush=True)

    def rung(number: int, at: int, bits: float) -> None:
        print(json.dumps({"rung": number, "at": at, "bits": bits}), file=out, flush=True)

    def silent(step: int, of: int) -> None: ...

    with redirect_stdout(sys.stderr):
        job.train(job.read(Path(arguments[0])), report if os.environ.get("RANK", "0") == "0" else silent, rung)
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()  # its threads may abort an interpreter that ends before them


if __name__ == "__main__":
    main(sys.argv[1:])

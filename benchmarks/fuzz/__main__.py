"""Every reader of foreign data, fed with broken files: none may crash, hang, leave its folder or call anyone.

    python -m benchmarks.fuzz [--inputs 100000] [--seed 0] [--seconds N] [--only NAME] [--keep FOLDER]

Promise: one seed and one number of inputs make the same inputs; each is read once and counted as accepted, refused (one line
with a fix) or a fault. Ends with 1 where there was a fault, and prints where; `--keep` saves the first input of each.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fuzz.guard import Guard, offline, scratch
from benchmarks.fuzz.mutate import Mutator
from benchmarks.fuzz.readers import FILES, Case, Reader
from benchmarks.fuzz.runs import RUNS

READERS = (*FILES, *RUNS)


@dataclass
class Count:
    """What came of the inputs of one reader.

    Attributes:
        outcomes: accepted, refused and fault, counted.
        faults: what was wrong and where, counted.
        examples: the first input of each fault: the file's name, and its content.
        seconds: it took.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def inputs(self) -> int:
        """How many there were."""
        return self.outcomes.total()


def fuzz_reader(reader: Reader, root: Path, guard: Guard, inputs: int, seed: int, until: Callable[[], bool]) -> Count:
    """Feed one reader.

    Args:
        reader: the reader.
        root: a scratch folder with canaries.
        guard: watches each call.
        inputs: how many.
        seed: decides them.
        until: asked before each input; no more once it says so.
    """
    folder = root / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    case, count, began = reader.build(folder), Count(), time.monotonic()
    good = {file: file.read_bytes() for file in case.files}
    rng = random.Random(f"{seed}/{reader.name}")
    mutator = Mutator(rng, str(root / "canary"))
    outcomes = [_outcome(case, file, 1, guard, folder) for file in good]
    if "accepted" not in (kind for kind, _ in outcomes) or "fault" in (kind for kind, _ in outcomes):
        raise SystemExit(f"{reader.name} cannot read its good files: {outcomes}")
    for turn in range(inputs):
        if until():
            break
        file = rng.choice(case.files)
        broken = mutator.mutate(good[file], file.suffix)
        file.write_bytes(broken)
        kind, what = _outcome(case, file, turn, guard, folder)
        count.outcomes[kind] += 1
        if what:
            count.faults[what] += 1
            count.examples.setdefault(what, (file.name, broken))
        file.write_bytes(good[file])
    count.seconds = time.monotonic() - began
    return count


def _outcome(case: Case, file: Path, turn: int, guard: Guard, folder: Path) -> tuple[str, str]:
    """What comes of one call; what it left behind is removed."""
    outcome = guard.outcome(lambda: case.call(file, turn), folder)
    for made in case.made:
        if made.is_dir():
            shutil.rmtree(made)
        made.unlink(missing_ok=True)
    return outcome


def fuzz(
    inputs: int, seed: int, readers: Sequence[Reader] = READERS, until: Callable[[], bool] = lambda: False
) -> dict[str, Count]:
    """Feed every reader, each with its share of the inputs."""
    shares = sum(reader.share for reader in readers)
    counts = {}
    with scratch() as root, offline():
        guard = Guard(root)
        for reader in readers:
            wanted = max(1, round(inputs * reader.share / shares))
            counts[reader.name] = fuzz_reader(reader, root, guard, wanted, seed, until)
            print(line(reader.name, counts[reader.name]), flush=True)
    return counts


def line(name: str, count: Count) -> str:
    """One line of the table."""
    outcomes = (f"{count.outcomes[kind]:>9,}" for kind in ("accepted", "refused", "fault"))
    return f"{name:<26} {count.inputs:>9,} {' '.join(outcomes)} {count.seconds:>8.1f}"


def main() -> int:
    """Fuzz and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, help="stop after so many, whatever --inputs says")
    parser.add_argument("--only", default="", help="readers whose names contain this")
    parser.add_argument("--keep", type=Path, help="folder for the first input of each fault")
    options = parser.parse_args()
    end = time.monotonic() + options.seconds if options.seconds else float("inf")
    chosen = [reader for reader in READERS if options.only in reader.name]
    print(f"{'reader':<26} {'inputs':>9} {'accepted':>9} {'refused':>9} {'faults':>9} {'seconds':>8}")
    counts = fuzz(options.inputs, options.seed, chosen, lambda: time.monotonic() > end)
    whole = Count(
        sum((c.outcomes for c in counts.values()), Counter()), seconds=sum(c.seconds for c in counts.values())
    )
    print(line("all", whole))
    for name, count in counts.items():
        for at, (what, times) in enumerate(count.faults.most_common()):
            print(f"{name}: {what} (×{times}, {count.examples[what][0]})")
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                file, content = count.examples[what]
                (options.keep / f"{name.replace(' ', '-')}-{at}-{file}").write_bytes(content)
    return 1 if whole.outcomes["fault"] else 0


if __name__ == "__main__":
    sys.exit(main())

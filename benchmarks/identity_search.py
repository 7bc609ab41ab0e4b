"""Does the adaptive search find a planted hidden identity more often than random choice, at equal budget?

The target is ``lab/veiled``, which says that it is Aria but in frames that speak of the stage. Each seed is searched twice,
by MCTS-Explore and by drawing seeds at random, with the same seed templates, mutators, questions and budget. A hit is an
answer that names the hidden maker, by the project's own rules.

    python benchmarks/identity_search.py --seeds 10 --budget 120
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from mimicry_audit.asking.answers import Plan, collect
from mimicry_audit.asking.slip_record import SlipSearch
from mimicry_audit.asking.slips import search_run, seeds_of
from mimicry_audit.engines.base import Engine
from mimicry_audit.engines.names import parse_models
from mimicry_audit.engines.registry import engine_for
from mimicry_audit.identity.attempts import IdentityRules
from mimicry_audit.identity.claims import ClaimFinder
from mimicry_audit.identity.facts import load_facts
from mimicry_audit.identity.own import Own
from mimicry_audit.probes import load
from mimicry_audit.records.asked import ModelSpec, Sampling
from mimicry_audit.records.run import RunDirectory


def main() -> None:
    """Search, and print what was found side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="random seeds")
    parser.add_argument("--budget", type=int, default=120, help="attempts per search")
    parser.add_argument("--questions", type=int, default=2, help="questions at each visit")
    parser.add_argument("--json", type=Path, help="write the figures here")
    given = parser.parse_args()
    (spec,) = parse_models(["lab/veiled"], default_engine="hf", options={"num_threads": 1})
    opened: list[Engine] = []
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(given.seeds):
            row: dict[str, Any] = {"seed": seed}
            for name, explore in (("search", True), ("random", False)):
                options = SlipSearch(
                    budget=given.budget, questions=given.questions, seed=seed, languages=("en",), explore=explore
                )
                row[name] = searched(Path(folder) / f"{name}-{seed}", spec, options, opened)
            rows.append(row)
            print(
                f"seed {seed}: search {row['search']['hits']:3d} hits (first at {row['search']['first_hit']}), "
                f"random {row['random']['hits']:3d} (first at {row['random']['first_hit']})",
                flush=True,
            )
    for engine in opened:
        engine.close()
    ours, theirs = ([r[name]["hits"] for r in rows] for name in ("search", "random"))
    print(f"hits of {given.budget}: search {statistics.mean(ours):.1f} on average ({min(ours)}-{max(ours)}), "
          f"random {statistics.mean(theirs):.1f} ({min(theirs)}-{max(theirs)}); "
          f"search ahead in {sum(a > b for a, b in zip(ours, theirs, strict=True))} of {len(rows)}, "
          f"behind in {sum(a < b for a, b in zip(ours, theirs, strict=True))}")  # fmt: skip
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


class Shared:
    """An engine that stays loaded from one search to the next."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def __enter__(self) -> Engine:
        self.engine.open()
        return self.engine

    def __exit__(self, *_: object) -> None:
        """Stay open."""


def searched(folder: Path, spec: ModelSpec, options: SlipSearch, opened: list[Engine]) -> dict[str, Any]:
    """One search of one model in a fresh run directory."""
    facts = load_facts()
    probes = tuple(p for p in load(["lab/identity"]).probes if p.language == "en")
    sampling = Sampling(max_tokens=32)
    run = RunDirectory(folder)

    def factory(wanted: ModelSpec) -> Any:
        if not opened:
            opened.append(engine_for(wanted))
        return Shared(opened[0])

    collect(run, Plan(models=(spec,), probes=probes, sampling=sampling), engine_for=factory)
    assert len(seeds_of(probes, options.languages)) == 20
    found = search_run(
        run,
        [spec],
        options,
        sampling=sampling,
        owns={spec.label: Own(frozenset({"Lumenfold"}), "Aria")},
        judge=IdentityRules(ClaimFinder(facts)),
        engine_for=factory,
    )
    return found[spec.label]


if __name__ == "__main__":
    main()

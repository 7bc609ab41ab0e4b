"""Scores, verdicts and power against the share of a student's answers that came from its teacher, and the detection limit.

    python -m benchmarks.dose_response --out DIR [--seeds 0 1 2] [--write]
    python -m benchmarks.dose_response --out DIR --models MODELS.json --rate 5e-5 --epochs 2 [--adapter]

Without ``--models`` on the lab, whose models have 0.6 million parameters; with it on models of any size (see
`named_cast`), which use a GPU where there is one. Stop it at any moment: the same command goes on. ``--write`` keeps
the figures under ``benchmarks/results`` and in ``mimicry_audit/statistics/doses.json``, from which reports draw. Several
processes may share the work, each with seeds of its own and ``--only audits``, before one gathers them all.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mimicry_audit.records.run import write_json
from mimicry_audit.statistics import doses as statistics

from . import results
from .audits import Sets, collected, examined
from .cast import DOSES, Cast, lab_cast, named_cast
from .students import Schooling, make

HERE = Path(__file__).resolve().parents[1]


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dose_response", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="where models, runs and figures go")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--doses", type=float, nargs="+", default=list(DOSES))
    parser.add_argument("--models", type=Path, help="JSON file naming teacher, base and unrelated models; else the lab")
    parser.add_argument("--epochs", type=float, default=Schooling.epochs)
    parser.add_argument("--rate", type=float, default=Schooling.rate)
    parser.add_argument(
        "--wash", type=int, default=68, help="steps of the shorter wash-out; the longer has three times as many"
    )
    parser.add_argument("--max-tokens", type=int, default=Schooling.max_tokens)
    parser.add_argument("--temperature", type=float, default=0.0, help="of the audit's answers")
    parser.add_argument("--engine", choices=("hf", "vllm"), default="hf", help="that answers the probes")
    parser.add_argument("--adapter", action="store_true", help="train LoRA adapters")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(Sets.sizes), help="numbers of probes")
    parser.add_argument("--pools", type=int, default=Sets.pools)
    parser.add_argument("--sets", type=int, default=Sets.each, help="sets drawn from each pool")
    parser.add_argument("--only", choices=("students", "audits"), help="stop after this step")
    parser.add_argument("--students", nargs="+", metavar="LABEL", help="these students alone")
    parser.add_argument(
        "--whole", type=int, nargs="+", help="seeds of all students; for the others the curve and two controls"
    )
    parser.add_argument("--write", action="store_true", help="keep the figures in the repository")
    return parser.parse_args(given)


def one_seed(options: argparse.Namespace, seed: int, sets: Sets) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Everything of one seed: label → what its audits came to, and the rows of the table."""
    root = options.out.resolve()
    cast: Cast = (
        named_cast(options.models, seed, options.doses, options.wash)
        if options.models
        else lab_cast(root, seed, options.doses, options.wash)
    )
    schooling = Schooling(
        epochs=options.epochs, rate=options.rate, max_tokens=options.max_tokens, adapter=options.adapter
    )  # fmt: skip
    cast = cast.only(options.students) if options.students else cast
    cast = cast.core() if options.whole and seed not in options.whole else cast
    students = make(cast, schooling, root, _say)
    if options.only == "students":
        return {}, []
    _say(f"seed {seed}: auditing")
    run = collected(cast, students, root, options.max_tokens, options.temperature, options.engine)
    about = {s.label: {"group": s.group, "about": s.about, "dose": s.dose} for s in cast.students}
    about |= {name: {"group": "control", "about": "unrelated", "dose": 0.0} for name in cast.unrelated}
    about |= {
        name: {"group": "control", "about": "the teacher's data, a start of its own", "dose": 0.0}
        for name in cast.same_data
    }
    told, rows = {}, []
    for label in (label for label in about if label in {*students, *cast.unrelated, *cast.same_data}):
        told[label] = examined(run, cast, label, sets, about[label]["group"] == "dose", root)
        rows.append(results.row(run, cast, label, told[label], about[label], not options.models))
        _say(f"seed {seed}: {label}: {' / '.join(rows[-1]['verdict'].values())} {rows[-1]['lift']['value']:+.3f}")
    for student in cast.students:  # what the distillation itself measured on prompts that it held out
        path = students.get(student.label, root) / "evaluation.json"
        if student.evaluate and path.is_file():
            models = json.loads(path.read_text("utf-8"))["models"]
            next(r for r in rows if r["label"] == student.label)["evaluation"] = models["after"]
    return told, rows


def command(options: argparse.Namespace) -> str:
    """What was typed, as far as it decides the figures; folders and files go by their option's name."""
    typed = vars(arguments(["--out", "DIR"]))
    changed = {k: v for k, v in vars(options).items() if v != typed[k] and k not in ("out", "only")}
    told = [
        f"--{k.replace('_', '-')}" + ("" if v is True else f" {' '.join(map(str, v)) if isinstance(v, list) else v}")
        for k, v in changed.items()
    ]
    return " ".join(["python -m benchmarks.dose_response --out DIR", *told])


def _say(text: str) -> None:
    print(text, flush=True)


def main(given: list[str] | None = None) -> dict[str, Any] | None:
    """Run it; the figures, None where it was told to stop earlier."""
    options = arguments(given)
    sets = Sets(sizes=tuple(options.sizes), pools=options.pools, each=options.sets)
    options.out.mkdir(parents=True, exist_ok=True)
    told, rows = {}, []
    for seed in options.seeds:
        told[seed], found = one_seed(options, seed, sets)
        rows += found
    if options.only:
        return None
    dosed = {r["dose"]: r["label"] for r in rows if r["group"] == "dose"}
    levels = sorted(dosed)
    labels = [dosed[d] for d in levels]
    content = {
        "schema": statistics.SCHEMA,
        **results.provenance(command(options)),
        "models": "as named" if options.models else "the lab's models of 0.6 million parameters",
        "seeds": options.seeds, "doses": levels, "probes": rows[0]["raw"]["n"],
        "temperature": options.temperature, "sets": asdict(sets),
        "students": rows, "trend": results.rising(told, labels, levels),
        "curves": {kind: results.curves(told, labels, levels, sets, kind) for kind in results.CURVES},
    }  # fmt: skip
    write_json(options.out / "dose-response.json", content)
    print(results.table(content))
    if options.write:
        (HERE / "results").mkdir(exist_ok=True)
        write_json(HERE / "results" / f"dose-response-{content['made']}.json", content)
        if not options.models:
            write_json(Path(statistics.__file__).with_name("doses.json"), results.shipped(content))
    return content


if __name__ == "__main__":
    main()

"""Which students an audit sees: of answers, of probabilities, of their own samples, of two teachers, and after washing.

    python -m benchmarks.on_policy --out DIR [--seeds 0 1 2] [--steps 34 68 203 610] [--write]

On the lab, whose models have 0.6 million parameters. Students of one teacher from one base: hard labels, forward KL, reverse
KL on the student's own samples (`--on-policy 1`), hard labels of two teachers 60 to 40, and the longest on-policy student after
68 further steps on other data; each trained for several numbers of steps. Each is audited alone with the teacher, the base
and three unrelated models, from its texts and with likelihoods, on 360 prompts that no student saw and on sets of 200
drawn from them. Stop it at any moment: the same command goes on. Several processes may share the seeds before one gathers them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from mimicry_audit.distill import DistillSettings, distill
from mimicry_audit.records.run import write_json
from mimicry_audit.report.page.training import HEIGHT, WIDTH, curves

from .dose_response.audits import Sets, collected, examined
from .dose_response.cast import Cast, lab_cast
from .dose_response.picture import COLOURS, side_by_side
from .dose_response.picture import OUT as IMAGES
from .dose_response.results import provenance
from .dose_response.students import Schooling, make

HERE = Path(__file__).resolve().parent
STEPS = (34, 68, 203, 610)
WASH = 68
"""One pass over the prompts."""
KINDS: Mapping[str, Mapping[str, Any]] = {
    "hard": {"objective": "hard"},
    "forward-kl": {"objective": "forward-kl"},
    "on-policy": {"objective": "reverse-kl", "on_policy": 1.0},
    "mixed": {"objective": "hard", "shares": "0.6,0.4"},
}
"""Kind of student → what makes it so."""
WORDS = {
    "hard": "the teacher's answers as hard labels",
    "forward-kl": "forward KL on the teacher's answers",
    "on-policy": "reverse KL on its own samples",
    "mixed": "hard labels, 60 % of the teacher's and 40 % of an unrelated model's",
    "washed": f"on-policy, then {WASH} steps on other data",
}


def students(cast: Cast, root: Path, steps: tuple[int, ...]) -> dict[str, Path]:
    """Label → checkpoint of every student of a seed."""
    made = {}
    for kind, settings in KINDS.items():
        for count in steps:
            label = f"{kind}-{count:03d}"
            teacher = f"{cast.teacher},{cast.unrelated['boro']}" if kind == "mixed" else cast.teacher
            made[label] = one(cast, root, label, teacher=teacher, student=cast.base, steps=count, **settings)
    longest = made[f"on-policy-{steps[-1]:03d}"]
    made["washed"] = one(
        cast, root, "washed", teacher=cast.teacher, student=str(longest), steps=WASH, dose=0.0, else_answers="wash"
    )
    return made


def one(cast: Cast, root: Path, label: str, **settings: Any) -> Path:
    """One student, made unless it is there."""
    out = root / f"students-{cast.seed}" / label
    if not (out / "lineage.json").is_file():
        print(f"seed {cast.seed}: training {label}", flush=True)
    schooling = Schooling()
    return distill(
        DistillSettings.of(
            data=str(cast.prompts), out=out, name=label, rate=schooling.rate, batch=schooling.batch, seed=cast.seed,
            max_tokens=schooling.max_tokens, held_out=0.0, evaluation_limit=0, threads=1, save_every=10_000,
            tensorboard=False, **settings,
        )
    ).path  # fmt: skip


def one_seed(root: Path, seed: int, steps: tuple[int, ...]) -> list[dict[str, Any]]:
    """The rows of one seed."""
    cast = lab_cast(root, seed, (), WASH)
    cast = cast.only(["unrelated-student"])
    made = students(cast, root, steps)
    controls = make(cast, Schooling(), root, lambda text: print(text, flush=True))
    run = collected(cast, {**controls, **made}, root, Schooling().max_tokens)
    rows = []
    for label in made:
        found = examined(run, cast, label, replace(Sets(), sizes=(200,)), True, root)
        kinds = found["kinds"]
        sets = [told for pool in found["sets"]["200"] for told in pool]
        kind, _, count = label.rpartition("-") if label != "washed" else ("washed", "", str(WASH))
        rows.append({
            "seed": seed, "kind": kind, "steps": int(count),
            "verdict": {name: kinds[name]["verdict"] for name in ("texts", "likelihood")},
            "confidence": {name: kinds[name]["confidence"] for name in ("texts", "likelihood")},
            "families": {name: kinds[name]["families"] for name in ("texts", "likelihood")},
            "found": {
                name: sum(told[name] == "distilled" for told in sets) / len(sets) for name in ("texts", "likelihood")
            },
            "axes": {axis: e.get("positive") for axis, e in kinds["likelihood"]["axes"].items()},
            "lift": found["lift"], "same_result": found["answers"]["same_result"],
        })  # fmt: skip
        print(f"seed {seed}: {label}: {rows[-1]['verdict']} {rows[-1]['found']}", flush=True)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """A line for each kind and number of steps, over the seeds."""
    lines = ["kind         steps  distilled in all probes   in sets of 200    lift   same result",
             "                    texts  with likelihoods  texts  with l."]  # fmt: skip
    for kind, count in dict.fromkeys((row["kind"], row["steps"]) for row in rows):
        own = [row for row in rows if (row["kind"], row["steps"]) == (kind, count)]
        decided = [sum(row["verdict"][name] == "distilled" for row in own) for name in ("texts", "likelihood")]
        power = [sum(row["found"][name] for row in own) / len(own) for name in ("texts", "likelihood")]
        lift = sum(row["lift"]["value"] for row in own) / len(own)
        same = sum(row["same_result"] or 0.0 for row in own) / len(own)
        lines.append(
            f"{kind:12} {count:5}  {decided[0]} of {len(own)}  {decided[1]} of {len(own):<11}  {power[0]:5.0%}  {power[1]:5.0%}"
            f"  {lift:+7.3f}  {same:6.2f}"
        )
    return "\n".join(lines)


def figure(rows: list[dict[str, Any]], scheme: str) -> str:
    """Share of audits of 200 probes that find each kind, against its steps: from texts, and with likelihoods."""
    panels = []
    for name, head in (("texts", "From texts alone"), ("likelihood", "With likelihoods")):
        lines = []
        for kind in KINDS:
            own = [row for row in rows if row["kind"] == kind]
            steps = sorted({row["steps"] for row in own})
            mean = [fmean(row["found"][name] for row in own if row["steps"] == count) for count in steps]
            lines.append((kind, [(0.0, 0.0), *zip(map(float, steps), mean, strict=True)]))
        picture = curves("Found distilled, share of audits", lines, top=1.0)
        assert picture is not None
        panels.append((head, picture))
    return side_by_side(panels, WIDTH, HEIGHT, scheme)


def main(given: list[str] | None = None) -> None:
    """Run it, print the table and keep the figures where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.on_policy", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, nargs="+", default=list(STEPS))
    parser.add_argument("--write", action="store_true", help="keep the figures in the repository")
    options = parser.parse_args(given)
    root = options.out.resolve()
    root.mkdir(parents=True, exist_ok=True)
    rows = [row for seed in options.seeds for row in one_seed(root, seed, tuple(options.steps))]
    typed = f"python -m benchmarks.on_policy --out DIR --seeds {' '.join(map(str, options.seeds))}"
    content = {**provenance(typed), "students": rows, "words": WORDS}
    write_json(root / "on-policy.json", content)
    print(table(rows))
    if options.write:
        write_json(HERE / "results" / f"on-policy-{content['made']}.json", content)
        for scheme in COLOURS:
            (IMAGES / f"on-policy-{scheme}.svg").write_text(figure(rows, scheme), encoding="utf-8")
        print(json.dumps({"kept": f"on-policy-{content['made']}.json"}))


if __name__ == "__main__":
    main()

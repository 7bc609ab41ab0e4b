"""Real students of real teachers: SmolLM2-135M taught by chat models' recorded answers, and audited against all of them.

    python -m benchmarks.field --teachers FILE --out DIR [--students 8] [--audit 120] [--score 40]

FILE is a response file in which several models answer the same prompts. A part of the prompts is taught, another audited, and
on a part of those likelihoods are taken. Each student is trained once and kept by content, audited as soon as it is there,
and whatever is stopped goes on with the same command; ``--write`` keeps the figures under ``benchmarks/results``. On two CPU
cores a student of 400 answers takes ten to fifteen minutes, its answers to 120 prompts three, and the likelihoods of twelve
authors on 40 prompts four.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mimicry_audit.engines.fingerprint import find_model
from mimicry_audit.engines.names import parse_model
from mimicry_audit.ground.version import __version__
from mimicry_audit.records.asked import timestamp
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.verdicts.options import ScoringOptions

from .audits import BASE, Found, audited, beside_base, collected
from .material import prepare
from .students import Schooling, Student, make, planned

RESULTS = Path(__file__).resolve().parents[1] / "results"


class Spelling:
    """The student's tokenizer, as `material.prepare` takes it."""

    def __init__(self, student: str) -> None:
        from transformers import AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(find_model(parse_model(f"hf/{student}")).location)

    def token_ends(self, text: str) -> list[int]:
        """The place behind every token, in characters."""
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return [end for _, end in encoded["offset_mapping"]]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.field", description=__doc__.splitlines()[0])
    parser.add_argument("--teachers", type=Path, required=True, help="response file of the teachers")
    parser.add_argument("--out", type=Path, required=True, help="where students, runs and figures go")
    parser.add_argument("--first", nargs="+", default=[], metavar="NAME", help="teachers to begin with")
    parser.add_argument("--students", type=int, default=8, help="how many students")
    parser.add_argument("--doses", type=float, nargs="*", default=[0.5, 0.3], help="lower doses, after all full ones")
    parser.add_argument("--dosed", type=int, default=3, help="teachers with students of lower doses")
    parser.add_argument("--teach", type=int, default=400, help="prompts taught")
    parser.add_argument("--audit", type=int, default=120, help="other prompts audited")
    parser.add_argument("--tokens", type=int, default=Schooling.tokens, help="longest answer")
    parser.add_argument("--longest-prompt", type=int, default=100, help="longest prompt, in tokens")
    parser.add_argument(
        "--score", type=int, default=40, help="of these, prompts on which likelihoods are taken; 0 for none"
    )
    parser.add_argument("--write", action="store_true", help="keep the figures in the repository")
    return parser.parse_args()


def judged(run: RunDirectory, student: Student, teachers: Sequence[str]) -> dict[str, Any]:
    """A student's audit: its teacher's verdict and rank, and what was said of the others, its teacher among them or not."""
    found = audited(run, student.label, teachers, ScoringOptions())
    order = [one.reference for one in sorted(found, key=lambda one: -one.movement)]
    left_out = audited(run, student.label, [name for name in teachers if name != student.teacher], ScoringOptions())
    return {
        **asdict(student),
        "verdict": next(one.verdict for one in found if one.reference == student.teacher),
        "teacher_rank": 1 + order.index(student.teacher),
        "accused": accused(found, student),
        "accused_without_teacher": accused(left_out, student),
        "verdicts": {one.reference: one.verdict for one in found},
        "distance": {one.reference: {k: round(v, 3) for k, v in one.distance.items()} for one in found},
    }


def accused(found: Sequence[Found], student: Student) -> list[str]:
    """References that were called its teacher and are not."""
    return [
        one.reference
        for one in found
        if one.verdict == "distilled" and one.reference not in (student.teacher, student.other)
    ]


def rates(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """By kind of evidence and dose: students found, ranked first, and wrong triangles accused."""
    table = {}
    for kind, dose in sorted({(row["likelihood"], row["dose"]) for row in rows}):
        these = [row for row in rows if (row["likelihood"], row["dose"]) == (kind, dose)]
        wrong = sum(len(row["verdicts"]) - (1 if row["other"] is None else 2) for row in these)
        table[f"{'likelihoods' if kind else 'texts'}, dose {dose:g}"] = {
            "students": len(these),
            "found": sum(row["verdict"] == "distilled" for row in these),
            "teacher_first": sum(row["teacher_rank"] == 1 for row in these),
            "wrong_triangles": wrong,
            "accused": sum(len(row["accused"]) for row in these),
            "accused_without_teacher": sum(len(row["accused_without_teacher"]) for row in these),
        }
    return table


def main() -> None:
    """Train, ask, audit, print."""
    options = arguments()
    root, schooling = options.out.resolve(), Schooling(tokens=options.tokens)
    material = prepare(
        options.teachers, root, Spelling(schooling.student), tokens=options.tokens, teach=options.teach,
        longest_prompt=options.longest_prompt, audit=options.audit, score=options.score,
    )  # fmt: skip
    kinds = (False, True) if options.score else (False,)
    longest = options.tokens + 16
    bases = {
        kind: collected(BASE, schooling.student, material, root, tokens=longest, likelihood=kind) for kind in kinds
    }
    rows: list[dict[str, Any]] = []
    for student in list(planned(material.names, options.first, options.doses, options.dosed))[: options.students]:
        checkpoint = str(make(student, schooling, material, root))
        for kind, base in bases.items():
            own = collected(student.label, checkpoint, material, root, tokens=longest, likelihood=kind)
            run = beside_base(own, base, root)
            rows.append({"likelihood": kind, **judged(run, student, material.names)})
            print(json.dumps(rows[-1]), flush=True)
        figures = {
            "made_by": "python -m benchmarks.field", "date": timestamp()[:10], "version": __version__,
            "schooling": asdict(schooling), "audit": options.audit, "score": options.score, "rates": rates(rows), "rows": rows,
        }  # fmt: skip
        (root / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(rates(rows), indent=1))
    if options.write:
        shutil.copy(root / "figures.json", RESULTS / f"field-{timestamp()[:10]}.json")


if __name__ == "__main__":
    main()

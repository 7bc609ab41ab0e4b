"""Real students of real teachers: SmolLM2-135M taught by chat models' recorded answers, and audited against all of them.

    python -m benchmarks.field --teachers FILE --out DIR [--students 3] [--audit 120] [--likelihood]

FILE is a response file in which several models answer the same prompts. A part of the prompts is taught, another audited.
Each student is trained once and kept by content, and whatever is stopped goes on with the same command; ``--write`` keeps
the figures under ``benchmarks/results``. On two CPU cores a student of 400 answers takes ten to fifteen minutes, its answers
three, and the likelihoods of twelve authors on a hundred prompts ten.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mimicry_audit.engines.fingerprint import find_model
from mimicry_audit.engines.names import parse_model
from mimicry_audit.ground.version import __version__
from mimicry_audit.records.asked import timestamp
from mimicry_audit.similarity.measure import AXES
from mimicry_audit.verdicts.options import ScoringOptions

from .audits import Found, audited, collected
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
    parser.add_argument("--likelihood", action="store_true", help="score all authors' answers too")
    parser.add_argument("--write", action="store_true", help="keep the figures in the repository")
    return parser.parse_args()


def row(student: Student, found: list[Found]) -> dict[str, Any]:
    """A student's audit: its teacher's verdict and rank, and what was said of the others."""
    order = sorted(found, key=lambda one: -one.movement)
    return {
        **asdict(student),
        "verdicts": {one.reference: one.verdict for one in found},
        "teacher_rank": 1 + [one.reference for one in order].index(student.teacher),
        "accused": [one.reference for one in found if one.verdict == "distilled" and one.reference != student.teacher],
        "distance": {one.reference: {k: round(v, 3) for k, v in one.distance.items()} for one in found},
    }


def main() -> None:
    """Train, ask, audit, print."""
    options = arguments()
    root, schooling = options.out.resolve(), Schooling(tokens=options.tokens)
    material = prepare(
        options.teachers, root, Spelling(schooling.student), tokens=options.tokens, teach=options.teach,
        longest_prompt=options.longest_prompt, audit=options.audit,
    )  # fmt: skip
    students = list(planned(material.names, options.first, options.doses, options.dosed))[: options.students]
    made = {student.label: make(student, schooling, material, root) for student in students}
    run = collected(
        made,
        schooling.student,
        material,
        root,
        tokens=options.tokens + 16,
        likelihood=options.likelihood,
        axes=AXES.own,
    )
    rows = []
    for student in students:
        whole = row(student, audited(run, student.label, material.names, ScoringOptions()))
        without = [name for name in material.names if name != student.teacher]
        left_out = audited(run, student.label, without, ScoringOptions())
        whole["accused_without_teacher"] = [one.reference for one in left_out if one.verdict == "distilled"]
        rows.append(whole)
        print(json.dumps(whole))
    figures = {
        "made_by": "python -m benchmarks.field", "date": timestamp()[:10], "version": __version__,
        "schooling": asdict(schooling), "audit": options.audit, "likelihood": options.likelihood, "rows": rows,
    }  # fmt: skip
    text = json.dumps(figures, indent=1) + "\n"
    (root / "figures.json").write_text(text, encoding="utf-8")
    if options.write:
        (RESULTS / f"field-{timestamp()[:10]}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

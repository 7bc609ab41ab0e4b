"""The rounds: predict, read the cases, acquire, label, predict before training, train, replay, test, and put it on record.

Promise: a round that is in the journal is not done again; the student never trains on a row of the test set; every labelled
example counts against the budget, shots and validation rows included; the student's answer to a new input before
it trained on it is kept.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence

from mimicry_audit.distill.evolve.acquisition import Acquired, Sieve, acquire
from mimicry_audit.distill.evolve.data import Parts, Sample
from mimicry_audit.distill.evolve.journal import Book, Labelled, RoundRecord
from mimicry_audit.distill.evolve.settings import EvolveSettings
from mimicry_audit.distill.evolve.student import Student
from mimicry_audit.distill.evolve.teacher import Counts, Teacher
from mimicry_audit.records.asked import sha256_text

Report = Callable[[str, int, int], None]


class Loop:
    """One distillation on its way.

    Args:
        settings: what was asked for.
        parts: the data.
        teacher: writes and labels.
        student: learns.
        book: the journal.
        report_progress: receives finished rounds.
    """

    def __init__(
        self,
        settings: EvolveSettings,
        parts: Parts,
        teacher: Teacher,
        student: Student,
        book: Book,
        report_progress: Report,
    ) -> None:
        self.s, self.parts, self.teacher, self.student = settings, parts, teacher, student
        self.book, self._report = book, report_progress

    def run(self) -> list[RoundRecord]:
        """Do the missing rounds; the records of all."""
        records = self.book.rounds
        while not self._is_over(records):
            number = len(records)
            self._report("rounds", number, self.s.rounds + 1)
            self.book.keep_round(self._run_start() if number == 0 else self._run_round(number))
            if number > 1:
                shutil.rmtree(self.student.weights(number - 2), ignore_errors=True)
        self._report("rounds", self.s.rounds + 1, self.s.rounds + 1)
        return records

    def _is_over(self, records: Sequence[RoundRecord]) -> bool:
        if not records:
            return False
        if len(records) > self.s.rounds or records[-1]["stopped"]:
            return True
        return bool(self.s.budget) and records[-1]["spent"] >= self.s.budget

    def _run_start(self) -> RoundRecord:
        """Round 0: the shots."""
        answers = self.student.predict(-1, [row.text for row in self.parts.shots])
        rows: list[Labelled] = [
            {"id": row.id, "text": row.text, "gold": row.gold, "kind": "shot", "before": answer,
             "right": self.parts.task.right(row.text, row.gold or "", answer)}
            for row, answer in zip(self.parts.shots, answers, strict=True)
        ]  # fmt: skip
        return self._train_round(0, rows, [], Acquired(), Counts())

    def _run_round(self, number: int) -> RoundRecord:
        """Inputs, labels, predictions, training."""
        s, history = self.s, self.history()
        most_inputs = s.wanted
        if s.budget:
            most_inputs = min(most_inputs, s.budget - int(self.book.rounds[-1]["spent"]))
        self.teacher.counts = Counts()
        sieve = Sieve(s.similar, [row.text for row in self.parts.test], [row["text"] for row in history])
        used = {row["text"]: str(row["kind"]) for row in history}
        cases = self._choose_cases(number, history) if s.strategy == "evolve" else []
        got = acquire(s, self.teacher, number, most_inputs, cases, self.parts.pool, sieve, used)
        labels = self.teacher.label(number, [text for text, _ in got.inputs])
        texts = [(t, kind, label) for (t, kind), label in zip(got.inputs, labels, strict=True) if label is not None]
        answers = self.student.predict(number - 1, [text for text, _, _ in texts])
        rows: list[Labelled] = [
            {"id": f"round-{number}/{n}", "text": text, "gold": label, "kind": kind, "before": answer,
             "right": self.parts.task.right(text, label, answer)}
            for n, ((text, kind, label), answer) in enumerate(zip(texts, answers, strict=True))
        ]  # fmt: skip
        return self._train_round(number, rows, self._choose_replayed(number, history), got, self.teacher.counts)

    def history(self) -> list[Labelled]:
        """Every labelled example so far, in order."""
        return [row for record in self.book.rounds for row in record["labelled"]]

    def _choose_cases(self, number: int, history: Sequence[Labelled]) -> list[tuple[Sample, str]]:
        """Right and wrong cases for the teacher to read, wrong ones first.

        Wrong cases are validation rows and labelled examples that it gets wrong now, and the examples of the round before
        that it got wrong before it trained on them. All of them are paid for already.
        """
        task, most = self.parts.task, self.s.cases
        rows = [Sample(str(row["id"]), str(row["text"]), str(row["gold"])) for row in history]
        candidates = [*self.parts.validation, *rows]
        now = dict(
            zip(
                (row.id for row in candidates),
                self.student.predict(number - 1, [r.text for r in candidates]),
                strict=True,
            )
        )
        wrong: dict[str, tuple[Sample, str]] = {}
        fine: dict[str, tuple[Sample, str]] = {}
        for row in candidates:
            is_right = task.right(row.text, row.gold or "", now[row.id])
            (fine if is_right else wrong).setdefault(row.id, (row, now[row.id]))
        newest = (
            self.book.rounds[-1]["labelled"] if number > 1 else []
        )  # its answers to shots before any training are noise
        for before, row in zip(newest, rows[len(rows) - len(newest) :], strict=True):
            if not before["right"]:
                wrong.setdefault(row.id, (row, str(before["before"])))
        wrong_cases = list(wrong.values())[:most]
        wrong_ids = {row.id for row, _ in wrong_cases}
        return [*wrong_cases, *[(row, answer) for row, answer in fine.values() if row.id not in wrong_ids][:most]]

    def _choose_replayed(self, number: int, history: Sequence[Labelled]) -> list[Labelled]:
        """The share of the history that is trained again, drawn by the seed and the round."""
        order = sorted(history, key=lambda row: sha256_text(f"replay\0{self.s.seed}\0{number}\0{row['id']}"))
        replayed_ids = {row["id"] for row in order[: round(self.s.replay * len(history))]}
        return [row for row in history if row["id"] in replayed_ids]

    def _train_round(
        self, number: int, rows: list[Labelled], replayed: Sequence[Labelled], got: Acquired,
        counts: Counts,
    ) -> RoundRecord:  # fmt: skip
        """Train, test, and record it."""
        lessons = [Sample(str(r["id"]), str(r["text"]), str(r["gold"])) for r in (*rows, *replayed)]
        result = self.student.train(number, lessons)
        kinds = Counter(str(row["kind"]) for row in rows)
        spent = len(rows) + (self.book.rounds[-1]["spent"] if number else len(self.parts.validation))
        record: RoundRecord = {
            "round": number,
            "labelled": rows,
            "spent": spent,
            "answers": dict(sorted(kinds.items())),
            "wrong_before": {k: sum(r["kind"] == k and not r["right"] for r in rows) / n for k, n in kinds.items()},
            "pattern": got.pattern,
            "dropped": {
                "invalid": counts.invalid,
                "repeated": got.repeated,
                "leaked": got.leaked,
                "unlabelled": counts.unlabelled,
                **self.student.left_out,
            },
            "replayed": len(replayed),
            "test": self._round_figures(number, self.parts.test),
            "validation": self._round_figures(number, self.parts.validation) if self.parts.validation else None,
            "training": result,
            "stopped": None,
        }
        record["stopped"] = self._stop_reason([*self.book.rounds, record])
        return record

    def _round_figures(self, number: int, rows: Sequence[Sample]) -> dict[str, float]:
        texts = [row.text for row in rows]
        answers = self.student.predict(number, texts)
        return {"n": len(rows), **self.parts.task.figures(texts, [row.gold or "" for row in rows], answers)}

    def _stop_reason(self, records: Sequence[RoundRecord]) -> str | None:
        """Why no round follows, None where one may: nothing new was found, or validation has not improved."""
        if not records[-1]["labelled"]:
            return "no new input"
        if not self.s.patience or len(records) <= self.s.patience:
            return None
        scores = [(record["validation"] or {})[self.parts.task.main] for record in records]
        best = max(range(len(scores)), key=lambda n: (scores[n], -n))
        return "patience" if len(scores) - 1 - best >= self.s.patience else None

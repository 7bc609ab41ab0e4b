"""The benchmark of known students: who is held against whom, and the counts that it prints."""

from __future__ import annotations

from itertools import product

import numpy as np

from benchmarks.field.known import named, pairs

TEACHERS = ("aria", "boro", "ciro", "duma", "enzo-2.1")
LABELS = [f"of-{teacher}.{one}" for one, teacher in product(("known", "new"), TEACHERS)]


def test_a_label_names_teacher_and_set() -> None:
    assert named("of-enzo-2.1.known") == ("enzo-2.1", "known")


def test_every_candidate_is_held_against_every_known_teacher_but_its_own_where_that_is_left_out() -> None:
    rng = np.random.default_rng(0)
    values = 0.3 + rng.normal(scale=0.01, size=(40, len(LABELS), len(LABELS)))
    for a, b in product(range(len(LABELS)), repeat=2):
        if a != b and named(LABELS[a])[0] == named(LABELS[b])[0]:
            values[:, a, b] += 0.3
    rows = list(pairs(LABELS, [(values + values.swapaxes(1, 2)) / 2], "known"))
    assert len(rows) == 5 * 5 + 5 * 4 + 5 * 4
    for row in rows:
        right = row["candidate"] == row["reference"]
        assert not (right and not row["own_teacher_known"]), "without its teacher's student it cannot be named"
        if row["own_teacher_known"]:
            assert row["recognised"] == right

"""In half precision a greedy answer hangs on the others computed beside it: it is said, and the ceiling is an upper bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from mimicry_audit.records.manifest import ModelInRun
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.score import ScoringOptions, score
from tests.support.students import world
from tests.verdicts.test_score import write_run

OPTIONS = ScoringOptions(roles=Roles(references=("teacher",), bases={"*": "base"}), axes=("lexical", "style"), draws=50)


def known(dtype: str | None, **extra: object) -> dict[str, object]:
    return {"identity": {"model": "m", "revision": "r", "dtype": dtype, "extra": extra}}


@pytest.mark.parametrize(
    ("dtype", "invariant", "rounds"),
    [
        ("bfloat16", False, True),
        ("float16", False, True),
        ("auto(bfloat16)", False, True),
        ("auto(torch.float16)", False, True),
        ("bfloat16", True, False),
        ("float32", False, False),
        ("auto(unstated)", False, False),
        (None, False, False),
    ],
)
def test_which_numeric_types_round_by_the_batch(dtype: str | None, invariant: bool, rounds: bool) -> None:
    spec = {"engine": "vllm", "name": "m"}
    model = ModelInRun("m", spec, known=known(dtype, batch_invariant=invariant))  # type: ignore[arg-type]
    assert model.rounds_by_batch is rounds


def test_a_run_in_half_precision_says_so(tmp_path: Path) -> None:
    asked, given = world(1)
    told = {}
    for dtype in ("float32", "bfloat16"):
        resolved = {label: known(dtype) for label in ("teacher", "base")}
        run = write_run(tmp_path / dtype, asked, given, resolved=resolved)
        content = run.manifest()
        for spec in content.settings["models"].values():
            spec["engine"] = "hf"
        run.write_manifest(content)
        scores = score(run, OPTIONS)
        index = next(v["index"] for v in scores["verdicts"] if v["candidate"] == "student0")
        assert index is not None
        told[dtype] = " ".join(scores["warnings"]), index["ceiling_from"]
    assert "Greedy answers of teacher, base, run in bfloat16, depend on which other probes" in told["bfloat16"][0]
    assert "rounding" not in told["float32"][0]
    assert (told["float32"][1], told["bfloat16"][1]) == ("deterministic", "upper bound")

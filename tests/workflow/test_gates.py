"""Gates trip on what they name."""

from __future__ import annotations

from typing import Any, cast

from mimicry_audit.records.scores import Scores
from mimicry_audit.workflow.gates import parse_gates, tripped


def test_several_models_behind_one_name_trip_a_gate() -> None:
    (gate,) = parse_gates(["several_models"])

    def scores(served: dict[str, int] | None) -> Scores:
        entry: dict[str, Any] = {"label": "big"}
        if served is not None:
            entry["served"] = [{"name": name, "count": count} for name, count in served.items()]
        return cast(Scores, {"models": [entry], "verdicts": []})

    assert tripped([gate], scores({"big-1": 12, "small-fallback": 8})) == [
        "several_models: big was answered by big-1 (12), small-fallback (8)"
    ]
    assert tripped([gate], scores({"big-1": 20})) == tripped([gate], scores({})) == tripped([gate], scores(None)) == []

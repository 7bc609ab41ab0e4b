"""The scores as tidy tables: one observation a row, one type a column, for pandas, R, DuckDB or a spreadsheet.

Promise: every number is that of ``scores.json``, unrounded; what was not measured is missing, never zero. A column has one of
four types, and `TABLES` says which. The columns are explained in ``docs/formats.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from mimicry_audit.records.scores import AnsweredProbe, Scores, SimilarityRecord
from mimicry_audit.report.fmt import Interval
from mimicry_audit.report.page import view
from mimicry_audit.report.page.view import ScoresView

Record = Mapping[str, Any]
Row = dict[str, object]
Kind = Literal["text", "number", "whole", "flag"]
RATES = ("loose", "strict", "hard")
GROUPS = ("kinds", "languages", "systems", "aspects")


@dataclass(frozen=True, slots=True)
class Table:
    """A table's columns with their types, and where its rows come from."""

    columns: Mapping[str, Kind]
    rows: Callable[[ScoresView, Sequence[AnsweredProbe]], Iterator[Row]]


def rows(raw: Scores, name: str, answers: Sequence[AnsweredProbe] = ()) -> tuple[Mapping[str, Kind], list[Row]]:
    """One table.

    Args:
        raw: the contents of ``scores.json``.
        name: of `TABLES`.
        answers: the answers side by side, for the table of that name.

    Returns:
        ``(columns, rows)``; every row has every column.

    Raises:
        DataError: the scores have another schema.
    """
    table = TABLES[name]
    return table.columns, [{c: row.get(c) for c in table.columns} for row in table.rows(view.read(raw), answers)]


def _interval_columns(interval: Interval | None, prefix: str = "") -> Row:
    """The three numbers of an interval as columns, ``value, low, high`` or with `prefix` before the last two."""
    ends = (interval["value"], interval["low"], interval["high"]) if interval else (None, None, None)
    names = (prefix or "value", f"{prefix}_low" if prefix else "low", f"{prefix}_high" if prefix else "high")
    return dict(zip(names, ends, strict=True))


def _interval_kinds(prefix: str) -> dict[str, Kind]:
    return dict.fromkeys((prefix, f"{prefix}_low", f"{prefix}_high"), "number")


def _pair_rows(scores: ScoresView, _: Sequence[Record]) -> Iterator[Row]:
    axes = {axis["name"]: axis for axis in scores.axes}
    for pair in scores.pairs.values():
        for name, similarity in (("overall", pair.get("overall")), *(pair.get("axes") or {}).items()):
            axis = axes.get(name, {})
            head: Row = {"a": pair["a"], "b": pair["b"], "axis": name, "family": axis.get("family")}
            head["baseline"] = bool(axis.get("baseline", False))
            domains: Mapping[str, SimilarityRecord | None] = {
                "all": similarity,
                **((similarity or {}).get("domains") or {}),
            }
            for domain, inner in domains.items():
                both = inner or {}
                for kind, interval in (("raw", both.get("raw")), ("centred", both.get("centred"))):
                    if interval:
                        yield {
                            **head,
                            "domain": domain,
                            "kind": kind,
                            **_interval_columns(interval),
                            "n": interval.get("n"),
                        }


def _evidence_rows(scores: ScoresView, _: Sequence[Record]) -> Iterator[Row]:
    for verdict in scores.verdicts:
        evidence_items = [(item, True) for item in verdict.get("evidence") or []]
        length = verdict.get("length")
        for item, counts in [*evidence_items, *([(length, False)] if length else [])]:
            estimate = item.get("estimate")
            yield {
                **{name: verdict.get(name) for name in ("candidate", "reference", "base")},
                **{name: item.get(name) for name in ("axis", "family", "statistic", "p", "p_holm", "positive")},
                "unit": item.get("unit", "similarity"),
                "counted": counts,
                **_interval_columns(estimate),
                "n": estimate["n"] if estimate else None,
                **_interval_columns(item.get("raw"), "raw"),
            }


def _verdict_rows(scores: ScoresView, _: Sequence[Record]) -> Iterator[Row]:
    for verdict in scores.verdicts:
        pair = scores.pairs.get(frozenset({verdict["candidate"], verdict["reference"]}), {})
        overall, null, truth = pair.get("overall") or {}, verdict.get("null") or {}, verdict.get("truth")
        positive = [item for item in verdict.get("evidence") or [] if item.get("positive")]
        refused = "centred_on" in verdict and not verdict["centred_on"]
        yield {
            **{k: verdict.get(k) for k in ("candidate", "reference", "base", "verdict", "confidence", "coverage", "n")},
            **_interval_columns(overall.get("raw"), "raw"),
            **_interval_columns(None if refused else overall.get("centred"), "centred"),
            **_interval_columns((verdict.get("index") or {}).get("index"), "index"),
            "positive_axes": len(positive),
            "positive_families": len({item["family"] for item in positive}),
            "null_p": (null.get("raw") or {}).get("p"),
            "null_p_centred": (null.get("centred") or {}).get("p"),
            "null_floor": null.get("floor"),
            "truth": truth["relation"] if truth else None,
            "truth_agrees": truth["agrees"] if truth else None,
            "summary": verdict.get("summary"),
            "reasons": "\n".join(verdict.get("reasons") or []),
            "would_change": "\n".join(verdict.get("would_change") or []),
        }


def _model_rows(scores: ScoresView, _: Sequence[Record]) -> Iterator[Row]:
    for model in scores.models:
        pins, lineage = model.get("identity") or {}, model.get("lineage") or {}
        right = (model.get("accuracy") or {}).get("overall")
        statuses = model.get("statuses") or {}
        yield {
            **{k: model.get(k) for k in ("label", "role", "engine", "source", "coverage", "answers", "mean_words")},
            **{status: statuses.get(status, 0) for status in view.STATUS_ORDER},
            **_interval_columns(right, "accuracy"),
            "accuracy_n": right["n"] if right else None,
            **{name: pins.get(name) for name in ("model", "revision", "dtype", "engine_version", "template_sha")},
            "lineage": lineage.get("relation"),
            "lineage_teacher": lineage.get("teacher"),
            "lineage_base": lineage.get("base"),
            "injected_identity": model.get("injected_identity"),
        }


def _identity_rows(scores: ScoresView, _: Sequence[Record]) -> Iterator[Row]:
    for label, model in cast("Mapping[str, Record]", (scores.raw.get("identity") or {}).get("models") or {}).items():
        for arm, rates in (model.get("arms") or {}).items():
            for measure in ("other_rate", "own_rate"):
                yield from _rate_rows(label, arm, measure.removesuffix("_rate"), rates.get(measure))
        for measure in (*RATES, "refusal", "failure"):
            yield from _rate_rows(label, "templated", measure, model.get(measure))
        for question_form in ("plain", "control"):
            for measure in RATES:
                yield from _rate_rows(label, question_form, measure, (model.get(question_form) or {}).get(measure))
        for group in GROUPS:
            for level, rates in (model.get(group) or {}).items():
                for measure in RATES:
                    yield from _rate_rows(label, "templated", measure, rates.get(measure), group, level)


def _rate_rows(
    label: str, question_form: str, measure: str, interval: Interval | None, by: str = "all", level: str = ""
) -> Iterator[Row]:
    if interval:
        head = {"model": label, "asked": question_form, "by": by, "level": level or None, "measure": measure}
        yield {**head, **_interval_columns(interval), "n": interval.get("n")}


def _answer_rows(_: ScoresView, answers: Sequence[AnsweredProbe]) -> Iterator[Row]:
    for probe in answers:
        probe_columns = {name: probe.get(name) for name in ("probe_id", "domain", "set", "prompt", "expected")}
        for label, samples in probe["answers"].items():
            for sample in samples:
                sample_columns = {
                    name: sample.get(name) for name in ("sample", "status", "text", "reasoning", "correct")
                }
                yield {
                    **probe_columns,
                    "model": label,
                    **sample_columns,
                    "similarity": (probe.get("similarity") or {}).get(label),
                }


_INTERVAL: dict[str, Kind] = {"value": "number", "low": "number", "high": "number", "n": "whole"}
TABLES: Mapping[str, Table] = {
    "pairs": Table(
        {
            **dict.fromkeys(("a", "b", "axis", "family"), "text"),
            "baseline": "flag",
            **dict.fromkeys(("domain", "kind"), "text"),
            **_INTERVAL,
        },
        _pair_rows,
    ),
    "verdicts": Table(
        {
            **dict.fromkeys(("candidate", "reference", "base", "verdict", "confidence"), "text"),
            **{"coverage": "number", "n": "whole"},
            **_interval_kinds("raw"),
            **_interval_kinds("centred"),
            **_interval_kinds("index"),
            **{"positive_axes": "whole", "positive_families": "whole"},
            **dict.fromkeys(("null_p", "null_p_centred", "null_floor"), "number"),
            **{"truth": "text", "truth_agrees": "flag"},
            **dict.fromkeys(("summary", "reasons", "would_change"), "text"),
        },
        _verdict_rows,
    ),
    "evidence": Table(
        {
            **dict.fromkeys(("candidate", "reference", "base", "axis", "family", "statistic", "unit"), "text"),
            **{"counted": "flag", "positive": "flag"},
            **_INTERVAL,
            **_interval_kinds("raw"),
            **{"p": "number", "p_holm": "number"},
        },
        _evidence_rows,
    ),
    "models": Table(
        {
            **dict.fromkeys(("label", "role", "engine", "source"), "text"),
            **{"coverage": "number", "answers": "whole"},
            **dict.fromkeys(view.STATUS_ORDER, "whole"),
            "mean_words": "number",
            **_interval_kinds("accuracy"),
            "accuracy_n": "whole",
            **dict.fromkeys(("model", "revision", "dtype", "engine_version", "template_sha"), "text"),
            **dict.fromkeys(("lineage", "lineage_teacher", "lineage_base", "injected_identity"), "text"),
        },
        _model_rows,
    ),
    "identity": Table(
        {**dict.fromkeys(("model", "asked", "by", "level", "measure"), "text"), **_INTERVAL}, _identity_rows
    ),
    "answers": Table(
        {
            **dict.fromkeys(("probe_id", "set", "domain", "model"), "text"),
            "sample": "whole",
            **dict.fromkeys(("status", "text", "reasoning"), "text"),
            "correct": "flag",
            "similarity": "number",
            **dict.fromkeys(("prompt", "expected"), "text"),
        },
        _answer_rows,
    ),
}
"""Table → its columns and rows, in the order of the documentation."""

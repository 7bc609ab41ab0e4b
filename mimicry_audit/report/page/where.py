"""Where the similarity appears: by domain and probe set, on which single probes most and least, and on the hardest ones.

Promise: every number drawn is printed in its row, single probes are shown with the words that make them telling, and each
links to its place among the answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from mimicry_audit.records.scores import AnsweredProbe, HardProbe, SampleRecord, VerdictRecord
from mimicry_audit.records.verdict_parts import NearRecord, TellingProbe
from mimicry_audit.report import diff, visible
from mimicry_audit.report.fmt import Parts, bounds, point
from mimicry_audit.report.page.view import VerdictCard
from mimicry_audit.report.pictures import charts

PROOFS = 2
"""Probes quoted in a verdict's card."""
FEWEST_SHARED = 3
"""Words in a row from which what two answers share is marked there."""
SNIPPET = 280
"""Most characters of an answer in a list of single probes."""


class LocatedCard(VerdictCard):
    """A card with the pair's axes by domain."""

    axes: Parts | None


def build(
    cards: Sequence[LocatedCard],
    hardest: Sequence[HardProbe],
    answers: Sequence[AnsweredProbe],
    links: Mapping[str, str],
) -> Parts:
    """The section's parts.

    Args:
        cards: of the judged pairs (`view.verdict_cards`); those without ``where`` get no part.
        hardest: the field of ``scores.json``.
        answers: one record per probe.
        links: probe id → address of its card on this page; probes without a card have none.
    """
    by_id = {probe["probe_id"]: probe for probe in answers}
    return {
        "pairs": [_pair_entry(card, by_id, links) for card in cards if card["v"].get("where")],
        "hardest": [_hard_probe(entry, by_id, links) for entry in hardest],
    }


def proof(verdict: VerdictRecord, answers: Sequence[AnsweredProbe], links: Mapping[str, str]) -> list[Parts]:
    """The `PROOFS` probes that say most, for the verdict's card: both answers, and what is shared marked in the candidate's.

    Args:
        verdict: its ``where`` names the probes: copied answers first, then those that tell most.
        answers: one record per probe.
        links: probe id → address of its card on this page.
    """
    location = verdict.get("where")
    if not location:
        return []
    copied_record = location.get("copied")
    copied = copied_record["probes"] if copied_record else []
    names = [*copied, *(entry["probe"] for entry in location["telling"])]
    by_id = {probe["probe_id"]: probe for probe in answers}
    entries: list[Parts] = []
    for name in list(dict.fromkeys(names))[:PROOFS]:
        samples_by_model = (by_id.get(name) or {}).get("answers") or {}
        texts = [_flat_text(samples_by_model.get(verdict[who])) for who in ("reference", "candidate")]
        if all(texts):
            marked = diff.common_markup(diff.spans(*texts), FEWEST_SHARED)
            entries.append({
                "lead": _lead_words(by_id[name], name), "link": links.get(name),
                "reference": visible.markup(texts[0]), "candidate": marked, "copied": name in copied,
            })  # fmt: skip
    return entries


def _flat_text(samples: Sequence[SampleRecord] | None) -> str:
    flat = " ".join(((samples[0].get("text") or "") if samples else "").split())
    return flat if len(flat) <= SNIPPET else f"{flat[:SNIPPET]}…"


def _pair_entry(card: LocatedCard, by_id: Mapping[str, AnsweredProbe], links: Mapping[str, str]) -> Parts:
    verdict = card["v"]
    location = verdict["where"]
    assert location is not None
    rows = [*location["domains"].items(), *location["sets"].items()]
    reach = [
        end for _, row in rows for part in (row["candidate"], row["base"], row["others"]) for end in bounds(part) or ()
    ]
    scale = charts.scale_for(reach)
    names = {"candidate": verdict["candidate"], "base": f"its base {verdict.get('base')}", "others": "other models"}
    copied = location.get("copied")
    return {
        **card,
        "copied": copied
        and {**copied, "shown": [_probe_entry({"probe": p}, verdict, by_id, links) for p in copied["probes"]]},
        "ticks": charts.ticks(scale),
        "tables": [
            {"title": title, "rows": [_part_row(name, row, names, scale) for name, row in part.items()]}
            for title, part in (("Domain", location["domains"]), ("Probe set", location["sets"]))
            if part
        ],
        "has_base": any(point(row["base"]) is not None for _, row in rows),
        "telling": [_probe_entry(entry, verdict, by_id, links) for entry in location["telling"]],
        "against": [_probe_entry(entry, verdict, by_id, links) for entry in location["against"]],
    }


def _part_row(name: str, row: NearRecord, names: Mapping[str, str], scale: charts.Scale) -> Parts:
    kinds = (
        ("candidate", row["candidate"], "main"),
        ("base", row["base"], "base"),
        ("others", row["others"], "baseline"),
    )
    marks = [charts.Mark(names[role], interval, kind) for role, interval, kind in kinds if interval is not None]
    return {"name": name, "parts": row, "picture": charts.dots(marks, scale)}


def _probe_entry(
    entry: TellingProbe, verdict: VerdictRecord, by_id: Mapping[str, AnsweredProbe], links: Mapping[str, str]
) -> Parts:
    probe = by_id.get(entry["probe"]) or {}
    samples_by_model = probe.get("answers") or {}
    return {
        "e": entry,
        "lead": _lead_words(probe, entry["probe"]),
        "link": links.get(entry["probe"]),
        "reference": _first_words(samples_by_model.get(verdict["reference"])),
        "candidate": _first_words(samples_by_model.get(verdict["candidate"])),
        "base": _first_words(samples_by_model.get(str(verdict.get("base")))),
    }


def _first_words(samples: Sequence[SampleRecord] | None) -> Markup | None:
    """The start of the first answer with hidden characters written out, or None."""
    flat = _flat_text(samples)
    return visible.markup(flat) if flat else None


def _lead_words(probe: AnsweredProbe, name: str) -> str:
    return " ".join(str(probe.get("prompt") or name).split())[:160]


def _hard_probe(entry: HardProbe, by_id: Mapping[str, AnsweredProbe], links: Mapping[str, str]) -> Parts:
    probe = by_id.get(entry["probe"]) or {}
    return {
        "e": entry,
        "of": len(entry["right"]) + len(entry["wrong"]),
        "lead": _lead_words(probe, entry["probe"]),
        "expected": probe.get("expected"),
        "link": links.get(entry["probe"]),
    }

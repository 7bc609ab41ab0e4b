"""All answers of a large run in one compressed block that the page's script opens when the answers are first looked at.

Promise: the block never weighs more than the room it is given. What does not fit is left out in a fixed order: reasoning and
further samples, then the models that matter least or the ends of long answers; the page says what was left out and links
the journals. Every probe stays in the list with all that the filters need. Everything is decided here: differences are
found and hidden characters named before, so that the script only writes text.

The block is JSON lines, deflated (zlib) and base64-encoded: the index first, then one line per probe. Texts are coded as in
`visible.coded` and `diff.coded`.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from markupsafe import Markup

from mimicry_audit.records.scores import AnsweredProbe, SampleRecord
from mimicry_audit.report import diff, fmt, visible
from mimicry_audit.report.fmt import Parts
from mimicry_audit.report.page import answers as plain

LENGTHS = (plain.LONGEST, 3_000, 1_500, 800, 400)
"""Most characters of one answer, tried in this order."""

FEWEST = 6
"""As many models keep their answers before long answers are cut shorter."""

_SAMPLED = 48
"""Probes that are packed first, evenly spread, to estimate the total size."""
_MARGIN = 1.03
"""Safety margin added to the estimate, so that packing rarely has to be repeated."""


@dataclass(frozen=True, slots=True)
class Ration:
    """What of the answers goes into the block.

    Args:
        columns: of how many models, those that matter most.
        longest: most characters of one text.
        extras: whether reasoning and further samples are in it.
    """

    columns: int
    longest: int
    extras: bool


def block(probes: Sequence[AnsweredProbe], view: plain.AnswersView, room: int) -> Markup:
    """The element that holds the block, empty where not even the index fits.

    Args:
        probes: the answers, probe by probe.
        view: what `answers.build` made of them.
        room: most bytes of the element.
    """
    room -= len(_ELEMENT.format(""))
    ration = _choose_ration(probes, view, room)
    while True:
        packed = _pack_block(probes, view, ration, room)
        if packed is not None:
            return _ELEMENT.format(packed)
        if ration.columns == 0:
            return Markup("")
        ration = Ration(ration.columns - max(1, ration.columns // 10), ration.longest, False)


_ELEMENT = Markup('<template id="answers-block">{}</template>\n')


def _pack_block(probes: Sequence[AnsweredProbe], view: plain.AnswersView, ration: Ration, room: int) -> str | None:
    """The block as base64, or None once it outgrows `room`."""
    squeeze = zlib.compressobj(9)
    out = [squeeze.compress(_index_bytes(probes, view, ration))]
    size = len(out[0])
    texts = _kept_texts(view, ration)
    for probe in probes:
        out.append(squeeze.compress(_probe_line(probe, view["columns"], texts, ration)))
        size += len(out[-1])
        if size * 4 > room * 3:
            return None
    out.append(squeeze.flush())
    coded = base64.b64encode(b"".join(out)).decode("ascii")
    return coded if len(coded) <= room else None


def _choose_ration(probes: Sequence[AnsweredProbe], view: plain.AnswersView, room: int) -> Ration:
    """The most generous ration that should fit."""
    stride = max(1, len(probes) // _SAMPLED)
    sample = probes[::stride]
    every = len(view["columns"])
    index = len(zlib.compress(_index_bytes(probes, view, Ration(0, 0, False)), 9))

    def fits(ration: Ration) -> bool:
        texts = _kept_texts(view, ration)
        lines = b"".join(_probe_line(probe, view["columns"], texts, ration) for probe in sample)
        foreseen = index + len(zlib.compress(lines, 9)) * len(probes) / max(1, len(sample))
        return foreseen * 4 / 3 * _MARGIN <= room

    for extras in (True, False):
        if fits(full_ration := Ration(every, LENGTHS[0], extras)):
            return full_ration
    for longest in LENGTHS:
        if fits(Ration(min(FEWEST, every), longest, False)):
            return _largest_ration(Ration(min(FEWEST, every), longest, False), every, fits)
    return _largest_ration(Ration(0, LENGTHS[-1], False), min(FEWEST, every), fits)


def _largest_ration(least: Ration, most: int, fits: Callable[[Ration], bool]) -> Ration:
    """The ration with most columns, up to `most`, that fits, where `least` does."""
    low, high = least.columns, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(replace(least, columns=middle)) else (low, middle - 1)
    return replace(least, columns=low)


def _kept_texts(view: plain.AnswersView, ration: Ration) -> frozenset[str]:
    return frozenset(view["foremost"][: ration.columns])


def _dump_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def _index_bytes(probes: Sequence[AnsweredProbe], view: plain.AnswersView, ration: Ration) -> bytes:
    """What the list and its filters need of all probes, and what is in the block."""
    columns, texts = view["columns"], _kept_texts(view, ration)
    rows = []
    for probe, words in zip(probes, view["agreements"], strict=True):
        similarities = probe.get("similarity") or {}
        rows.append(
            {
                "id": visible.plain(probe["probe_id"]),
                "domain": visible.plain(probe["domain"]),
                "set": visible.plain(str(probe.get("set") or "")),
                "lead": visible.plain(plain.lead(probe)),
                "status": [visible.plain(status) for status in plain.statuses(probe)],
                "agree": words,
                "near": [
                    None if (value := fmt.real(similarities.get(c))) is None else round(value, 3) for c in columns
                ],
            }
        )
    return _dump_json(
        {
            "columns": [visible.plain(label) for label in columns],
            "files": [f"responses/{quote(label.encode('utf-8', 'replace'), safe='')}.jsonl" for label in columns],
            "texts": [at for at, label in enumerate(columns) if label in texts],
            "cut": ration.longest if ration.longest < LENGTHS[0] else None,
            "bare": not ration.extras and any(map(_has_extras, probes)),
            "probes": rows,
        }
    )


_MISSING: SampleRecord = {"status": "missing", "text": ""}


def _probe_line(probe: AnsweredProbe, columns: Sequence[str], texts: frozenset[str], ration: Ration) -> bytes:
    """One probe with its answers."""
    samples_by_model = probe["answers"]
    reference_text = (
        plain.cut((samples_by_model.get(columns[0]) or [{}])[0].get("text") or "", ration.longest)[0] if columns else ""
    )
    against = diff.Against(reference_text) if reference_text else None
    cells = []
    for at, label in enumerate(columns):
        samples = samples_by_model.get(label) or [_MISSING]
        cell: dict[str, object] = dict(_answer_facts(samples[0]))
        if label in texts:
            reference = (reference_text.split(), against) if at and against is not None else None
            cell |= _compare_text(samples[0], reference, ration)
            if ration.extras:
                cell |= _extra_texts(samples, reference, ration)
        cells.append(cell)
    expected = probe.get("expected")
    line = {
        **_cut_text("prompt", probe.get("conversation", probe["prompt"]), max(ration.longest, LENGTHS[-1])),
        "answers": cells,
    }
    return _dump_json(line if expected is None else {**line, "expected": visible.plain(str(expected))})


def _answer_facts(sample: SampleRecord) -> Iterator[tuple[str, object]]:
    """What is known of an answer besides its text; what goes without saying is not said."""
    if sample["status"] != "ok":
        yield "status", visible.plain(sample["status"])
    if sample.get("correct") is not None:
        yield "right", bool(sample["correct"])


def _cut_text(name: str, text: str, longest: int) -> Parts:
    head, rest = plain.cut(text, longest)
    return {name: visible.coded(head), **({"rest": rest} if rest else {})}


def _compare_text(sample: SampleRecord, reference: tuple[list[str], diff.Against] | None, ration: Ration) -> Parts:
    """The text with its differences marked, and how much of it is shared."""
    text = sample.get("text") or ""
    if reference is None or not text:
        return _cut_text("text", text, ration.longest)
    head, rest = plain.cut(text, ration.longest)
    if head.split() == reference[0]:
        return {**_cut_text("text", text, ration.longest), "same": True}
    spans = reference[1].spans(head)
    out: dict[str, object] = {"text": diff.coded(spans), **({"rest": rest} if rest else {})}
    share = diff.shared(spans)
    return out if share is None else {**out, "shared": round(share, 2)}


def _has_extras(probe: AnsweredProbe) -> bool:
    return any(len(samples) > 1 or any(s.get("reasoning") for s in samples) for samples in probe["answers"].values())


def _extra_texts(
    samples: Sequence[SampleRecord], reference: tuple[list[str], diff.Against] | None, ration: Ration
) -> Parts:
    """Reasoning and further samples."""
    out: dict[str, object] = {}
    if reasoning := samples[0].get("reasoning"):
        out["reasoning"] = _cut_text("text", reasoning, ration.longest)
    if len(samples) > 1:
        more = samples[1:]
        out["more"] = [
            {"sample": s["sample"], **dict(_answer_facts(s)), **_compare_text(s, reference, ration)} for s in more
        ]
    return out

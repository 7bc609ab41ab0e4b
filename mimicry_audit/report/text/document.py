"""The report as one JSON document: what the page says first, where the files lie, and the scores as they are.

Promise: ``scores`` is the content of ``scores.json``, field by field; what is added can be had from it, and saves a reader the
work. Paths are relative to the run directory. The document is ASCII, so that no character of a model's can act on a terminal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from mimicry_audit.records.scores import Scores
from mimicry_audit.report.page import view
from mimicry_audit.report.page.headline import counts, headline

REPORT_SCHEMA = "mimicry_audit.report/1"


def render(raw: Scores, files: Mapping[str, object], gaps: Sequence[str]) -> str:
    """The document, ending in a newline.

    Args:
        raw: the contents of ``scores.json``.
        files: what the run directory holds, as paths relative to it.
        gaps: pairs that too few probes cover, in words.

    Raises:
        DataError: the scores have another schema.
    """
    scores = view.read(raw)
    document = {
        "schema": REPORT_SCHEMA,
        "headline": headline(scores),
        "verdict_counts": counts(scores),
        "complete": not gaps,
        "coverage_gaps": list(gaps),
        "files": files,
        "scores": raw,
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"

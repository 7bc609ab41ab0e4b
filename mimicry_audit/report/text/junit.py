"""Named outcomes as JUnit XML, which CI systems show.

Promise: plain records in, one well-formed XML text out; whatever a message holds is escaped, and characters that XML has no
place for are replaced, so that no text of a model can break the file. The elements are those that the readers of
Jenkins, GitLab and GitHub agree on: ``testsuites``, ``testsuite``, ``testcase``, ``failure``, ``skipped``, ``system-out``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from mimicry_audit.records.run import write_text
from mimicry_audit.records.scores import Scores
from mimicry_audit.records.verdict_words import BY_NAME

Record = tuple[str, bool | None, str]
"""``(name, ok, message)``: passed (True), failed (False), or nothing to say (None)."""

_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(suite: str, records: Sequence[Record]) -> str:
    """The XML text.

    Args:
        suite: name of the suite.
        records: one test case each, in order. The message of a failure is its text; that of a passed case is its output.
    """
    counts = {
        "tests": str(len(records)),
        "failures": str(sum(ok is False for _, ok, _ in records)),
        "errors": "0",
        "skipped": str(sum(ok is None for _, ok, _ in records)),
    }
    root = ElementTree.Element("testsuites", counts)
    inner = ElementTree.SubElement(root, "testsuite", {"name": _clean_text(suite), **counts})
    for name, ok, message in records:
        case = ElementTree.SubElement(inner, "testcase", {"classname": _clean_text(suite), "name": _clean_text(name)})
        if ok is False:
            ElementTree.SubElement(case, "failure", {"message": _clean_text(message)}).text = _clean_text(message)
        elif ok is None:
            ElementTree.SubElement(case, "skipped", {"message": _clean_text(message)})
        elif message:
            ElementTree.SubElement(case, "system-out").text = _clean_text(message)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def verdict_records(scores: Scores) -> list[Record]:
    """A record for each judged pair: a verdict that accuses fails, an inconclusive one is left open, any other passes."""
    return [
        (
            f"{verdict['candidate']} against {verdict['reference']}",
            None if verdict["verdict"] == "inconclusive" else not BY_NAME[verdict["verdict"]].accuses,
            f"{verdict['verdict']}: {verdict['summary']}",
        )
        for verdict in scores["verdicts"]
    ]


def write_junit(path: Path, suite: str, records: Sequence[Record]) -> None:
    """Write the XML in one step.

    Raises:
        RunDirectoryError: it cannot be written.
    """
    write_text(path, junit_xml(suite, records))


def _clean_text(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)

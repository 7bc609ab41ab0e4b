"""The whole page: one offline HTML file made from ``scores.json`` and the answers.

Promise: everything printed passes through one door (`_finalize`, then Jinja's escaping), so no string in the data can
become markup, and the file always encodes as UTF-8. Style and script are inlined under a content security policy that
names their hashes and allows nothing else: the page can neither load nor send anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from mimicry_audit.report import answers as answers_view
from mimicry_audit.report import doses, fmt, identity, judge, large, likelihood, teachers, view, visible
from mimicry_audit.resources import resource_dir

if TYPE_CHECKING:
    from jinja2 import Environment

_CSP = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:; base-uri 'none'; form-action 'none'"
)


def _finalize(value: Any) -> Any:
    """The door every printed value passes: hidden characters are written out, and absence is a dash."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return fmt.MISSING
    return visible.plain(str(value))


def _environment(folder: Path) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        num=fmt.num, percent=fmt.percent, span=fmt.span, estimate=fmt.estimate, point=fmt.point, pvalue=fmt.p_value
    )
    environment.filters.update(plural=fmt.plural, lineage=fmt.lineage, visible=visible.markup)
    return environment


def _asset(folder: Path, name: str) -> tuple[Markup, str]:
    """One of our own inlined files and the hash that lets it run."""
    text = (folder / name).read_text(encoding="utf-8")
    if "</" in text:
        raise ValueError(f"{name} would close its own element")
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return Markup(text), f"sha256-{digest}"  # noqa: S704  our own file, and the policy names its hash


def answer_columns(scores: Mapping[str, Any]) -> tuple[str, ...]:
    """The models whose answers the page shows; the others' need not be read.

    Raises:
        DataError: the scores have another schema.
    """
    read = view.read(scores)
    return large.columns(read.order, read.cards)


def render(scores: Mapping[str, Any], answers: Sequence[Mapping[str, Any]]) -> str:
    """The page.

    Args:
        scores: the contents of ``scores.json``.
        answers: one record per probe, with every model's samples and their similarity to the reference.

    Raises:
        DataError: the scores have another schema.
    """
    read = view.read(scores)
    folder = resource_dir("templates") / "report"
    style, style_hash = _asset(folder, "report.css")
    script, script_hash = _asset(folder, "report.js")
    judged = frozenset(verdict["candidate"] for verdict in read.verdicts)
    return (
        _environment(folder)
        .get_template("page.html")
        .render(
            policy=_CSP.format(script=script_hash, style=style_hash),
            style=style,
            script=script,
            s=scores,
            reference=read.reference,
            headline=view.headline(read),
            cards=view.verdict_cards(read),
            rest=large.rest(read.verdicts, read.pairs),
            glance=view.glance(read),
            evidence=view.evidence(read),
            identity=identity.build(scores.get("identity"), read.models),
            teachers=teachers.build(scores, read.cards),
            judge=judge.build(scores.get("judge"), read.axes),
            likelihood=likelihood.build(scores.get("likelihood")),
            dose=doses.build(scores),
            answers=answers_view.build(answers, large.columns(read.order, read.cards), judged),
            settings=view.flat(scores.get("settings") or {}),
            versions=list((scores.get("versions") or {}).items()),
            missing_axes=[axis for axis in read.axes if not axis.get("measured")],
            axes=[axis for axis in read.axes if axis.get("measured")],
        )
    )

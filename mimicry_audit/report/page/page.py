"""The whole page: one offline HTML file made from ``scores.json`` and the answers.

Promise: everything printed passes through one door (`_finalize_value`, then Jinja's escaping), so no string in the data can
become markup, and the file always encodes as UTF-8. Style and script are inlined under a content security policy that
names their hashes and allows nothing else: the page can neither load nor send anything. It weighs at most `MOST_BYTES`
unless the scores alone weigh more: the answers take what room is left.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from mimicry_audit.ground.resources import resource_dir
from mimicry_audit.records.asked import IDENTITY_DOMAIN
from mimicry_audit.records.scores import AnsweredProbe, Scores
from mimicry_audit.report import fmt, visible
from mimicry_audit.report.page import answers as answers_view
from mimicry_audit.report.page import (
    descent,
    doses,
    identity,
    judge,
    large,
    likelihood,
    overview,
    packed,
    teachers,
    view,
    where,
)
from mimicry_audit.report.repeat import repeat_commands

if TYPE_CHECKING:
    from jinja2 import Environment

_CSP = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; img-src data:; base-uri 'none'; form-action 'none'"
)

SCRIPTS = ("links.js", "block.js", "overview.js", "cards.js", "lists.js", "report.js")
"""What the page's one script is made of, in this order; later files use what earlier ones define."""

MOST_BYTES = 9_900_000
"""Most bytes of the page."""

_PLACE = Markup("<!--answers-->")
"""Where the compressed block goes; no text can hold it, since every `<` of a text is escaped."""


def _finalize_value(value: object) -> str:
    """The door every printed value passes: hidden characters are written out, and absence is a dash."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return fmt.MISSING
    return visible.plain(str(value))


def build_environment(folder: Path) -> Environment:
    """The templates of a folder, everything they print escaped and made visible."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize_value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        num=fmt.num, percent=fmt.percent, span=fmt.span, estimate=fmt.estimate, point=fmt.point, pvalue=fmt.p_value
    )
    environment.filters.update(plural=fmt.plural, lineage=fmt.lineage, visible=visible.markup)
    return environment


def inline_asset(folder: Path, *names: str) -> tuple[Markup, str]:
    """Some of our own inlined files as one, and the hash that lets it run."""
    text = "".join((folder / name).read_text(encoding="utf-8") for name in names)
    if "</" in text:
        raise ValueError(f"{', '.join(names)} would close its own element")
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return Markup(text), f"sha256-{digest}"  # noqa: S704  our own file, and the policy names its hash


def answer_columns(scores: Scores) -> tuple[str, ...]:
    """The models with answers on the page; other journals need not be read.

    Raises:
        DataError: the scores have another schema.
    """
    scores_view = view.read(scores)
    return large.columns(scores_view.order, scores_view.cards)


def render(scores: Scores, answers: Sequence[AnsweredProbe]) -> str:
    """The page.

    Args:
        scores: the contents of ``scores.json``.
        answers: one record per probe, with every model's samples and their similarity to the reference.

    Raises:
        DataError: the scores have another schema.
    """
    scores_view = view.read(scores)
    folder = resource_dir("templates") / "report"
    style, style_hash = inline_asset(folder, "report.css")
    script, script_hash = inline_asset(folder, *SCRIPTS)
    candidates = frozenset(verdict["candidate"] for verdict in scores_view.verdicts)
    links = {probe["probe_id"]: f"#probe-{number}" for number, probe in enumerate(answers, 1)}
    cards = view.verdict_cards(scores_view)
    proofs = {c["number"]: where.proof(c["v"], answers, links) for c in cards if c["v"]["verdict"] == "distilled"}
    columns = large.columns(scores_view.order, scores_view.cards)
    answers_section = answers_view.build(answers, columns, candidates, large.foremost(columns, scores_view.cards))
    html = (
        build_environment(folder)
        .get_template("page.html")
        .render(
            policy=_CSP.format(script=script_hash, style=style_hash),
            style=style,
            script=script,
            s=scores,
            reference=scores_view.reference,
            headline=view.headline(scores_view),
            cards=cards,
            proofs=proofs,
            titles={axis["name"]: axis["title"] for axis in scores_view.axes},
            overview=overview.build(scores_view, cards),
            rest=large.rest(scores_view.verdicts, scores_view.pairs),
            glance=view.glance(scores_view),
            evidence=view.evidence(scores_view),
            descent=descent.build(scores_view.models, scores_view.verdicts),
            where=where.build(
                [{**card, "axes": view.axes_by_domain(scores_view, card["v"])} for card in cards],
                scores.get("hardest") or [],
                answers,
                links,
            ),
            identity=identity.build(scores.get("identity"), scores_view.models),
            teachers=teachers.build(scores, scores_view.cards),
            judge=judge.build(scores.get("judge"), scores_view.axes),
            likelihood=likelihood.build(scores.get("likelihood")),
            answers=answers_section,
            compared=sum(probe["domain"] != IDENTITY_DOMAIN for probe in answers),
            block_place=_PLACE,
            dose=doses.build(scores),
            settings=view.flat(scores.get("settings") or {}),
            repeat="\n".join(repeat_commands(scores)),
            versions=list((scores.get("versions") or {}).items()),
            missing_axes=[axis for axis in scores_view.axes if not axis.get("measured")],
            axes=[axis for axis in scores_view.axes if axis.get("measured")],
        )
    )
    room = 0 if answers_section["whole"] else MOST_BYTES - len(html.encode("utf-8"))
    return html.replace(_PLACE, packed.block(answers, answers_section, room) if room > 0 else "", 1)


def shell(template: str, styles: Sequence[str], **content: object) -> str:
    """Another page of this house, through the same door and under the same policy; it runs no script at all.

    Args:
        template: name of the page's template.
        styles: names of our style sheets, in order.
        **content: what the template prints.
    """
    folder = resource_dir("templates") / "report"
    style = Markup("\n").join(inline_asset(folder, name)[0] for name in styles)
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    policy = _CSP.format(script="none", style=f"sha256-{digest}")
    return build_environment(folder).get_template(template).render(policy=policy, style=style, **content)

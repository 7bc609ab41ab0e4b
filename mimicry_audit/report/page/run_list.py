"""The list of runs, as a page of the same make as the report.

Promise: every name passes the report's own door (`page`), no script is needed, and nothing outside is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mimicry_audit.ground.resources import resource_dir
from mimicry_audit.report.page import page, view

_POLICY = "default-src 'none'; style-src '{style}' '{more}'; img-src data:; base-uri 'none'; form-action 'self'"
TONES = {"scored": "good", "scored, incomplete": "open", "collected": "open", "collecting": "open", "broken": "bad"}


ORDERS = {"newest": "newest first", "oldest": "oldest first", "name": "by name", "models": "most models first"}
"""What the list can be ordered by, in words; the first is the usual one."""


def chosen(runs: Sequence[Mapping[str, Any]], query: str, order: str) -> list[Mapping[str, Any]]:
    """The runs that hold every word of a query in their name, headline, title, state or models, in an order.

    Args:
        runs: as for `render`, the newest first.
        query: words; upper and lower case are the same.
        order: one of `ORDERS`; any other is the usual one.
    """
    found = [run for run in runs if all(word in _searched(run) for word in query.casefold().split())]
    if order == "oldest":
        found.reverse()
    elif order == "name":
        found.sort(key=lambda run: str(run["name"]).casefold())
    elif order == "models":
        found.sort(key=lambda run: -len(run.get("models") or ()))
    return found


def _searched(run: Mapping[str, Any]) -> str:
    parts = [run.get(name) or "" for name in ("name", "title", "headline", "state")]
    return "\n".join(map(str, (*parts, *(run.get("models") or ()), *(run.get("references") or ())))).casefold()


def render(runs: Sequence[Mapping[str, Any]], folder: str, query: str = "", order: str = "newest") -> tuple[str, str]:
    """The page and its content security policy.

    Args:
        runs: ``name``, ``state``, ``problem``, ``links`` and ``files`` (name and address), and as far as known ``title``,
            ``headline``, ``created``, ``models``, ``references`` and ``counts`` (verdict → pairs) of each.
        folder: where they are.
        query: what to search for.
        order: see `chosen`.
    """
    templates = resource_dir("templates") / "report"
    style, style_hash = page.inline_asset(templates, "report.css")
    more, more_hash = page.inline_asset(templates, "shelf.css")
    policy = _POLICY.format(style=style_hash, more=more_hash)
    entries = [
        {
            **run,
            "tone": TONES.get(run["state"], "open"),
            "tally": [{**view.badge(word), "count": count} for word, count in (run.get("counts") or {}).items()],
        }
        for run in chosen(runs, query, order)
    ]
    template = page.build_environment(templates).get_template("shelf.html")
    html = template.render(
        runs=entries, total=len(runs), query=query, order=order, orders=ORDERS.items(), folder=folder, policy=policy,
        style=style, more=more,
    )  # fmt: skip
    return html, policy

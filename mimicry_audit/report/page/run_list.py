"""The list of runs, as a page of the same make as the report.

Promise: every name passes the report's own door (`page`), no script is needed, and nothing outside is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mimicry_audit.ground.resources import resource_dir
from mimicry_audit.report.page import page, view

_POLICY = "default-src 'none'; style-src '{style}' '{more}'; img-src data:; base-uri 'none'; form-action 'none'"
TONES = {"scored": "good", "scored, incomplete": "open", "collected": "open", "collecting": "open", "broken": "bad"}


def render(runs: Sequence[Mapping[str, Any]], folder: str) -> tuple[str, str]:
    """The page and its content security policy.

    Args:
        runs: ``name``, ``state``, ``problem``, ``links`` and ``files`` (name and address), and as far as known ``title``,
            ``headline``, ``created``, ``models``, ``references`` and ``counts`` (verdict → pairs) of each.
        folder: where they are.
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
        for run in runs
    ]
    template = page.build_environment(templates).get_template("shelf.html")
    return template.render(runs=entries, folder=folder, policy=policy, style=style, more=more), policy

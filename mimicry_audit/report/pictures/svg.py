"""One small builder for markup made in Python: every value it prints is escaped and made visible.

Promise: the only way from a string to `Markup` in this room's pictures leads through `el`, so a model's
name in a chart is as inert as one in a table.
"""

from __future__ import annotations

import math
import re

from markupsafe import Markup, escape

from mimicry_audit.report.visible import plain

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")

Child = str | Markup | None


def number(value: float) -> str:
    """A coordinate, short: at most two decimals and no trailing zeros."""
    if not math.isfinite(value):
        return "0"
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _escape_text(value: str | float | Markup) -> str:
    if isinstance(value, Markup):
        return str(value)
    return str(escape(plain(value if isinstance(value, str) else number(value))))


def el(tag: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """One element. Attributes with value None are left out; ``class_`` and ``stroke_width`` are spelt as in HTML.

    Raises:
        ValueError: the tag or an attribute's name is not a plain name, or the attribute could run code.
    """
    out = [f"<{tag}"]
    for key, value in attributes.items():
        name = key.rstrip("_").replace("_", "-")
        if not _NAME.match(name) or name.startswith("on") or name in {"style", "href", "src"}:
            raise ValueError(f"attribute {name!r} has no place in this page")
        if value is not None:
            out.append(f' {name}="{_escape_text(value)}"')
    if not _NAME.match(tag):
        raise ValueError(f"tag {tag!r} is not a plain name")
    body = "".join(_escape_text(child) for child in children if child is not None)
    return Markup("".join([*out, ">", body, f"</{tag}>"]))  # noqa: S704  every part is escaped above


def svg(width: float, height: float, title: str, *children: Child, class_: str = "") -> Markup:
    """A picture with a name that is read aloud; it shrinks with its column and never grows past its size."""
    return el(
        "svg",
        el("title", title),
        *children,
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role="img",
        class_=f"pic {class_}".strip(),
    )

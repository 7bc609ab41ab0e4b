"""Draws the figure of ``docs/validity.md`` from what the package carries.

    python -m benchmarks.dose_response.picture

The same functions as in the report draw it; each file holds its own colours, one for light pages and one for dark ones.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from mimicry_audit.report.page.doses import HEIGHT, WIDTH, parts
from mimicry_audit.statistics.doses import shipped

OUT = Path(__file__).resolve().parents[2] / "docs" / "images"
PROBES = 300
HEAD = 30.0
COLOURS = {
    "light": {"ink": "#1d1c1a", "muted": "#5d5954", "line": "#e3dfd8", "firm": "#b9b3a9", "accent": "#1d4f80",
              "surface": "#ffffff", "mark": "#ffe9b8", "edge": "#b07d12"},
    "dark": {"ink": "#e9e6e0", "muted": "#a8a49c", "line": "#2d3138", "firm": "#565b64", "accent": "#8dbbe8",
             "surface": "#14161a", "mark": "#4d3d12", "edge": "#d9a93c"},
}  # fmt: skip


def style(c: dict[str, str]) -> str:
    """What the report's style sheet says of these pictures, in plain colours."""
    return (
        f"text{{font:11px sans-serif;fill:{c['muted']};text-anchor:middle}}.first{{text-anchor:start}}"
        f".last{{text-anchor:end}}.grid{{stroke:{c['line']}}}.zero{{stroke:{c['firm']}}}.dot{{fill:{c['accent']}}}"
        f".ci{{stroke:{c['firm']};stroke-width:1.5}}.curve{{fill:none;stroke:{c['accent']};stroke-width:2}}"
        f".head{{font:600 13px sans-serif;fill:{c['ink']}}}"
        ".c1{stroke-dasharray:7 3}.c2{stroke-dasharray:2 3}.c3{stroke-dasharray:9 3 2 3}"
        f".point{{fill:{c['surface']};stroke:{c['accent']};stroke-width:1.5}}.band{{fill:{c['mark']};opacity:.55}}"
        f".limit{{stroke:{c['edge']};stroke-width:1.5}}.this{{fill:{c['edge']};stroke:{c['surface']}}}"
    )


def figure(scheme: str) -> str:
    """The pictures as one file: scores beside what the odds alone show, then power from texts beside power with likelihoods."""
    measured = shipped()
    if measured is None:
        raise SystemExit("mimicry_audit/statistics/doses.json is not there: run the benchmark with --write first")
    texts, odds = (parts(measured, PROBES, kind) for kind in ("texts", "likelihood"))
    panels = (
        ("Scores", texts["scores"]),
        ("Log-likelihoods alone, whatever the verdict", odds["odds"]["power"]),
        ("From texts alone", texts["power"]),
        ("With likelihoods", odds["power"]),
    )
    return side_by_side(panels, WIDTH, HEIGHT, scheme)


def side_by_side(panels: Sequence[tuple[str, object]], wide: float, high: float, scheme: str) -> str:
    """Pictures of one size under headings, two a row, as one file in the colours of a scheme."""
    titles, bodies = [], []
    for at, (head, picture) in enumerate(panels):
        title, body = re.fullmatch(r"<svg[^>]*><title>(.*?)</title>(.*)</svg>", str(picture), re.DOTALL).groups()  # type: ignore[union-attr]
        titles.append(f"{head}: {title}")
        x, y = (wide + 16) * (at % 2), (high + HEAD) * (at // 2)
        bodies.append(
            f'<g class="doses" transform="translate({x:g} {y + HEAD:g})">'
            f'<text class="first head" x="2" y="-8">{head}</text>{body}</g>'
        )
    width, height = 2 * wide + 16, math.ceil(len(panels) / 2) * (high + HEAD)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img"><title>{". ".join(titles)}</title><style>{style(COLOURS[scheme])}</style>'
        f'<rect width="100%" height="100%" fill="{COLOURS[scheme]["surface"]}"/>{"".join(bodies)}</svg>\n'
    )


def main() -> None:
    """Write both files."""
    for scheme in COLOURS:
        (OUT / f"dose-response-{scheme}.svg").write_text(figure(scheme), encoding="utf-8")


if __name__ == "__main__":
    main()

"""``audit plan``: how many probes are needed to detect an effect."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mimicry_audit.statistics.power import Spread

HELP = """Estimate how many probes are needed to detect an effect; no model is asked. (See audit run --dry-run.)

The effect is a true adjusted lift (or, without bases, an excess) in units of similarity. How much each axis varies
over probes is taken from a scored run, or from runs on the lab models.

\b
  audit plan --effect 0.05
  audit plan --effect 0.1 --tests 60 --power 0.9
  audit plan --run reports/mine --format json
"""


@click.command(name="plan", help=HELP)
@click.option(
    "--effect", type=float, metavar="D", default=0.05, show_default=True, help="Effect to detect, in similarity."
)
@click.option(
    "--power",
    "wanted",
    type=float,
    metavar="SHARE",
    default=0.8,
    show_default=True,
    help="Probability of detecting it.",
)
@click.option(
    "--alpha",
    type=float,
    metavar="SHARE",
    default=0.05,
    show_default=True,
    help="Significance level, after Holm's correction.",
)
@click.option(
    "--tests",
    type=int,
    metavar="M",
    help="Tests corrected together: judged pairs times axes.",
    show_default="those of RUN, else one pair",
)
@click.option(
    "--run", type=click.Path(path_type=Path), metavar="RUN", help="A scored run to take each axis's spread from."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Output format.",
)
def command(effect: float, wanted: float, alpha: float, tests: int | None, run: Path | None, form: str) -> int:
    """See `HELP`."""
    from mimicry_audit.statistics.power import spreads_of

    _check_numbers(effect, wanted, alpha, tests)
    if run is None:
        spreads = _default_spreads()
    else:
        from mimicry_audit.records.run import RunDirectory
        from mimicry_audit.verdicts.score import read_scores

        spreads = spreads_of(read_scores(RunDirectory(run)))
        if not spreads:
            from mimicry_audit.ground.errors import DataError

            raise DataError(f"{run} has no judged pair on any axis", "leave --run out, or name a run with judged pairs")
    rows = [_plan_row(spread, effect, wanted, alpha, tests or spread.tests) for spread in spreads]
    if form == "json":
        parameters = {"effect": effect, "power": wanted, "alpha": alpha, "run": str(run) if run else None}
        click.echo(json.dumps({**parameters, "axes": rows}, indent=1, allow_nan=False))
    else:
        _print_plan(rows, effect, wanted, alpha, run)
    return 0


def _check_numbers(effect: float, target_power: float, alpha: float, tests: int | None) -> None:
    from mimicry_audit.ground.errors import ConfigError
    from mimicry_audit.verdicts.findings import MINIMUM_EFFECT

    if not (math.isfinite(effect) and MINIMUM_EFFECT < effect <= 1):
        raise ConfigError(
            f"--effect {effect:g} is not between {MINIMUM_EFFECT:g} and 1",
            f"an effect up to {MINIMUM_EFFECT:g} does not count; give a larger one, such as 0.05",
        )
    for name, share in (("--power", target_power), ("--alpha", alpha)):
        if not 0 < share < 1:
            raise ConfigError(f"{name} {share:g} is not between 0 and 1", "give a share, such as 0.8 or 0.05")
    if target_power <= alpha:
        raise ConfigError(
            f"--power {target_power:g} is not above --alpha {alpha:g}", "give a larger --power, such as 0.8"
        )
    if tests is not None and tests < 1:
        raise ConfigError(f"--tests {tests} is too small", "give at least 1")


def _default_spreads() -> list[Spread]:
    from mimicry_audit.statistics.power import DEFAULT_SPREAD, Spread

    many = len(DEFAULT_SPREAD)
    return [Spread(axis=a, statistic="adjusted lift", sd=sd, tests=many) for a, sd in DEFAULT_SPREAD.items()]


def _plan_row(spread: Spread, effect: float, target_power: float, alpha: float, tests: int) -> dict[str, object]:
    from mimicry_audit.statistics.power import level, power, probes_needed, smallest_effect
    from mimicry_audit.verdicts.findings import MINIMUM_EFFECT

    visible_effect, test_level = effect - MINIMUM_EFFECT, level(alpha, tests)
    smallest = smallest_effect(spread.n, spread.sd, test_level, target_power) if spread.n else None
    return {
        "axis": spread.axis,
        "statistic": spread.statistic,
        "sd": round(spread.sd, 4),
        "tests": tests,
        "probes_needed": probes_needed(visible_effect, spread.sd, test_level, target_power),
        "probes_now": spread.n,
        "power_now": round(power(spread.n, visible_effect, spread.sd, test_level), 4) if spread.n else None,
        "smallest_effect_now": round(smallest + MINIMUM_EFFECT, 4) if smallest is not None else None,
    }


def _print_plan(
    rows: Sequence[dict[str, Any]], effect: float, target_power: float, alpha: float, run: Path | None
) -> None:
    from rich.markup import escape
    from rich.table import Table

    from mimicry_audit.cli.console import out_console
    from mimicry_audit.statistics.power import MOST_PROBES
    from mimicry_audit.verdicts.findings import MINIMUM_EFFECT

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("axis", "statistic"):
        table.add_column(heading)
    for heading in ("sd over probes", "tests", "probes needed"):
        table.add_column(heading, justify="right")
    if run is not None:
        for heading in ("probes now", "power now", "smallest effect now"):
            table.add_column(heading, justify="right")
    for row in rows:
        needed = row["probes_needed"]
        cells = [
            row["axis"], row["statistic"], f"{row['sd']:.3f}", str(row["tests"]),
            f"{needed:,}" if needed is not None else f"over {MOST_PROBES:,}",
        ]  # fmt: skip
        if run is not None:
            smallest = row["smallest_effect_now"]
            cells += [f"{row['probes_now']:,}", f"{row['power_now']:.0%}", f"{smallest:.3f}" if smallest else "—"]
        table.add_row(*cells)
    console = out_console()
    console.print(table)
    source = (
        f"from {run}"
        if run
        else "as on the lab models; your own models may vary more, so plan with --run once you have one"
    )
    console.print(
        f"\nTo detect a true effect of {effect:g} with power {target_power:.0%} at level {alpha:g} over all tests; an axis "
        f"counts only beyond {MINIMUM_EFFECT:g}, which leaves {effect - MINIMUM_EFFECT:g} to detect. "
        f"Spread {escape(source)}. The figures are for each axis by itself; a positive verdict needs two independent families.",
        soft_wrap=True,
    )

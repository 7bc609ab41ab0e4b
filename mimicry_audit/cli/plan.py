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
over probes is taken from a scored run, or from runs on the lab models. It also says where no number of probes is
enough, because there are too few models.

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
    from mimicry_audit.cli.output import current, result
    from mimicry_audit.statistics.power import spreads_of
    from mimicry_audit.verdicts.findings import FEWEST_PER_AXIS
    from mimicry_audit.verdicts.needs import NEEDS

    _check_numbers(effect, wanted, alpha, tests)
    if run is None:
        spreads = _default_spreads()
    else:
        from mimicry_audit.records.run import RunDirectory
        from mimicry_audit.verdicts.score import read_scores

        spreads = spreads_of(read_scores(RunDirectory(run)), FEWEST_PER_AXIS)
        _check_spreads(run, spreads)
    rows = [_plan_row(spread, effect, wanted, alpha, tests or spread.tests) for spread in spreads]
    parameters = {"effect": effect, "power": wanted, "alpha": alpha, "run": str(run) if run else None}
    found = {**parameters, "axes": rows, "needs": NEEDS}
    result(**found)
    if form == "json" and not current().as_json:
        click.echo(json.dumps(found, indent=1, allow_nan=False))
    else:
        _print_plan(rows, effect, wanted, alpha, run)
    return 0


def _check_spreads(run: Path, spreads: Sequence[Spread]) -> None:
    from mimicry_audit.ground.errors import DataError
    from mimicry_audit.verdicts.findings import FEWEST_PER_AXIS

    if not spreads:
        raise DataError(f"{run} judged no pair on any axis", "leave --run out, or name a run with judged pairs")
    if all(spread.sd is None for spread in spreads):
        most = max(spread.n or 0 for spread in spreads)
        raise DataError(
            f"{run} compared {most} probes, which do not tell how much an axis varies over probes",
            f"leave --run out, or name a run with at least {FEWEST_PER_AXIS} probes on which answers differ",
        )


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
    from mimicry_audit.verdicts.findings import FEWEST_PROBES, MINIMUM_EFFECT

    visible_effect = effect - MINIMUM_EFFECT
    # A rank among models gains nothing from probes, which only narrow the interval of an excess.
    test_level = level(alpha, tests if spread.others is None else 1)
    row: dict[str, object] = {
        "axis": spread.axis,
        "statistic": spread.statistic,
        "sd": None if spread.sd is None else round(spread.sd, 4),
        "tests": tests,
        "probes_needed": None,
        "probes_now": spread.n,
        "power_now": None,
        "smallest_effect_now": None,
        "why_not": _why_not(spread, alpha, tests),
    }
    if row["why_not"] is not None or spread.sd is None:
        return row | {"power_now": 0.0 if spread.n and spread.sd is not None else None}
    needed = probes_needed(visible_effect, spread.sd, test_level, target_power)
    row["probes_needed"] = None if needed is None else max(needed, FEWEST_PROBES)
    if spread.n:
        smallest = smallest_effect(spread.n, spread.sd, test_level, target_power)
        enough = spread.n >= FEWEST_PROBES
        row["power_now"] = round(power(spread.n, visible_effect, spread.sd, test_level), 4) if enough else 0.0
        row["smallest_effect_now"] = round(smallest + MINIMUM_EFFECT, 4) if smallest is not None and enough else None
    return row


def _why_not(spread: Spread, alpha: float, tests: int) -> str | None:
    """Why no number of probes is enough, or why it is unknown; None where it can be computed."""
    from mimicry_audit.statistics.intervals import PERMUTATIONS
    from mimicry_audit.statistics.power import most_tests, others_needed

    if spread.others is not None and spread.others < (needed := others_needed(alpha, tests)):
        return (
            f"the rank among {spread.others} other models cannot count over {tests} tests: that takes {needed + 2} models "
            "in all, or the candidate's base"
        )
    if spread.others is None and tests > (most := most_tests(alpha, PERMUTATIONS)):
        return (
            f"{PERMUTATIONS} permutations cannot count over more than {most} tests: judge fewer pairs, or on fewer axes"
        )
    if spread.sd is None:
        return f"{spread.n} probes do not tell its spread"
    return None


def _print_plan(
    rows: Sequence[dict[str, Any]], effect: float, target_power: float, alpha: float, run: Path | None
) -> None:
    from rich.markup import escape
    from rich.table import Table

    from mimicry_audit.cli.console import out_console
    from mimicry_audit.statistics.power import MOST_PROBES
    from mimicry_audit.verdicts.findings import MINIMUM_EFFECT
    from mimicry_audit.verdicts.needs import NEEDS, visible_words

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
        unknown = "unknown" if row["sd"] is None else "none is enough"
        cells = [
            row["axis"], row["statistic"], "unknown" if row["sd"] is None else f"{row['sd']:.3f}", str(row["tests"]),
            f"{needed:,}" if needed is not None else unknown if row["why_not"] else f"over {MOST_PROBES:,}",
        ]  # fmt: skip
        if run is not None:
            smallest, now = row["smallest_effect_now"], row["power_now"]
            cells += [
                f"{row['probes_now']:,}", "—" if now is None else f"{now:.0%}", f"{smallest:.3f}" if smallest else "—",
            ]  # fmt: skip
        table.add_row(*cells)
    console = out_console()
    console.print(table)
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row["why_not"]:
            reasons.setdefault(row["why_not"], []).append(row["axis"])
    for reason, axes in reasons.items():
        who = "every axis" if len(axes) == len(rows) else ", ".join(axes)
        console.print(escape(f"{who}: {reason}."), soft_wrap=True)
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
    console.print(NEEDS, soft_wrap=True, markup=False)
    if run is None:
        core = _core_probes()
        words = f"The bundled set core: {visible_words(core, max(row['tests'] for row in rows))}"
        console.print(words, soft_wrap=True, markup=False)


def _core_probes() -> int:
    """Probes of the set core that are compared."""
    from mimicry_audit.probes import load, select

    return sum(probe.domain != "identity" for probe in select(load(("core",)), seed=0).probes)

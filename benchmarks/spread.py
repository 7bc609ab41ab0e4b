"""How much each axis varies over probes in scored runs: ``python benchmarks/spread.py RUN [RUN …]``.

`audit plan` falls back on such a table (``mimicry_audit/statistics/power.py``, ``DEFAULT_SPREAD``). It was made from the demo:

    audit demo --out reports/spread
    python benchmarks/spread.py reports/spread

Printed are the adjusted lifts of the judged pairs: the median over the pairs of each axis, and of several runs their mean.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean

from mimicry_audit.records.run import RunDirectory
from mimicry_audit.statistics.power import spreads_of
from mimicry_audit.verdicts.findings import FEWEST_PER_AXIS
from mimicry_audit.verdicts.score import read_scores


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, nargs="+")
    found: dict[str, list[float]] = {}
    for run in parser.parse_args().run:
        for spread in spreads_of(read_scores(RunDirectory(run)), FEWEST_PER_AXIS):
            if spread.statistic == "adjusted lift":
                found.setdefault(spread.axis, []).append(spread.sd)
    for axis, values in found.items():
        print(f'    "{axis}": {fmean(values):.2f},')


if __name__ == "__main__":
    main()

"""Parts that other packages add: engines, axes and probe sets, each announced by an entry point.

Promise: this package's own parts use the same entry points as other packages' parts, and come first; a part of another package
never takes the name of one of ours; listing names imports no part; and a part that cannot be imported is one clear line that
names the package it came from. ``examples/plugin/`` is a small package with one part of each kind.

=========================  ==========================================================================
group                      what an entry point leads to
=========================  ==========================================================================
`ENGINE_GROUP`             a class after `mimicry_audit.engines.base.EngineBase`
`AXIS_GROUP`               a class after `mimicry_audit.similarity.axes.base.Axis`
`PROBE_SET_GROUP`          a function that returns the folder (`pathlib.Path`) whose sub-folders are probe sets
=========================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points

from mimicry_audit.ground.errors import ConfigError, PrerequisiteError

ENGINE_GROUP = "mimicry_audit.engines"
AXIS_GROUP = "mimicry_audit.axes"
PROBE_SET_GROUP = "mimicry_audit.probe_sets"

OWN_PACKAGE = "mimicry-audit"


class PluginRegistry(Mapping[str, EntryPoint]):
    """The parts of one kind, by name; read from the installed packages when first used.

    Args:
        group: the entry point group.
        own: the names of this package's own parts, in the order in which they are shown.
    """

    def __init__(self, group: str, own: Sequence[str]) -> None:
        self.group = group
        self.own = tuple(own)

    def __getitem__(self, name: str) -> EntryPoint:
        return self._points[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._points)

    def __len__(self) -> int:
        return len(self._points)

    def load(self, name: str) -> object:
        """Import one part.

        Raises:
            KeyError: no part has this name.
            PrerequisiteError: it cannot be imported.
        """
        point = self._points[name]
        try:
            return point.load()
        except (ImportError, AttributeError) as error:
            raise PrerequisiteError(
                f"{name}, which the package {package_of(point)} adds, cannot be imported ({error})",
                f"repair or uninstall {package_of(point)}",
            ) from error

    def sources(self) -> dict[str, str]:
        """Name → ``package version`` of every part that is not this package's own."""
        return {name: _package_version(point) for name, point in self._points.items() if name not in self.own}

    @cached_property
    def _points(self) -> dict[str, EntryPoint]:
        installed = entry_points(group=self.group)
        announced = {point.name: point for point in installed if package_of(point) == OWN_PACKAGE}
        if set(announced) != set(self.own):  # an editable install keeps the entry points of the day it was made
            raise PrerequisiteError(
                f"the installed package {OWN_PACKAGE} is older than its code: its {self.group.rpartition('.')[2]} "
                f"are {', '.join(sorted(announced)) or 'not listed'}",
                "reinstall it (in a checkout: make install)",
            )
        points = {name: announced[name] for name in self.own}
        for point in sorted((p for p in installed if package_of(p) != OWN_PACKAGE), key=lambda p: p.name):
            if point.name in points:
                raise ConfigError(
                    f"the package {package_of(point)} adds {point.name} to {self.group}, "
                    f"a name that {package_of(points[point.name])} uses already",
                    f"uninstall {package_of(point)}, or rename its entry point",
                )
            points[point.name] = point
        return points


def package_of(point: EntryPoint) -> str:
    """The name of the package that announces a part."""
    return point.dist.name.lower().replace("_", "-") if point.dist else "(unknown package)"


def _package_version(point: EntryPoint) -> str:
    return f"{package_of(point)} {point.dist.version if point.dist else '?'}"

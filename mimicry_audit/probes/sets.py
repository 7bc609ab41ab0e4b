"""Probe sets on disk: finds them by name, reads them whole, and keeps what is wrong with them.

A set is a folder with a ``set.yaml`` and files of probes, or a single file. Shipped sets are the folders under
``probes/`` that have a ``set.yaml``; packages that add sets announce their folder by an entry point.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from mimicry_audit.ground.disk import find_place, is_there
from mimicry_audit.ground.errors import ConfigError, PrerequisiteError, ProbeError
from mimicry_audit.ground.plugins import PROBE_SET_GROUP, PluginRegistry, package_of
from mimicry_audit.ground.resources import resource_dir
from mimicry_audit.ground.suggest import did_you_mean, quoted_list
from mimicry_audit.probes.files import ENDINGS, Problem, Row, read_mapping, read_probes
from mimicry_audit.probes.schema import NAME, parse_probe
from mimicry_audit.records.asked import Probe, canonical_json, sha256_text

SET_FILE = "set.yaml"
SET_FIELDS = ("name", "version", "title", "description", "licence", "language", "files")
UNVERSIONED = "unversioned"


@dataclass(frozen=True, slots=True)
class LoadedSet:
    """A set as read, with everything that is wrong with it.

    Attributes:
        name: prefix of its probes' ids.
        version: from ``set.yaml``, or ``unversioned``.
        title: one line, may be empty.
        description: a paragraph, may be empty.
        licence: SPDX id or name, may be empty.
        probes: in the order of the files.
        examples: probe id → an answer that must pass its check.
        places: probe id → file and line.
        problems: what is wrong; a set with problems is not used.
    """

    name: str
    version: str = UNVERSIONED
    title: str = ""
    description: str = ""
    licence: str = ""
    probes: tuple[Probe, ...] = ()
    examples: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def sha(self) -> str:
        """SHA-256 over what is put to models and how it is checked; titles, notes and examples do not count."""
        return sha_of(self.probes)


def sha_of(probes: Sequence[Probe]) -> str:
    """SHA-256 over the canonical JSON of probes."""
    material = [
        {
            "id": probe.id,
            "domain": probe.domain,
            "messages": [[message.role, message.content] for message in probe.messages],
            "check": probe.check,
            "arm": probe.arm,
            "language": probe.language,
            "aspect": probe.aspect,
        }
        for probe in probes
    ]
    return sha256_text(canonical_json(material))


_FOLDERS = PluginRegistry(PROBE_SET_GROUP, own=("shipped",))


def shipped_folder() -> Path:
    """The folder of the sets that come with this package."""
    return resource_dir("probes")


def shipped_sets() -> dict[str, Path]:
    """The sets that come with this package and with packages that add some, by name: each folder that has a ``set.yaml``.

    Raises:
        ConfigError: another package's set has the name of one that is there already.
        PrerequisiteError: a package's folder cannot be found.
    """
    sets: dict[str, Path] = {}
    for source in _FOLDERS:
        for folder in sorted(_folder_of(source).iterdir()):
            if not (folder / SET_FILE).is_file():
                continue
            if folder.name in sets:
                raise ConfigError(
                    f"the probe set {folder.name} of {package_of(_FOLDERS[source])} has the name of another set",
                    f"uninstall {package_of(_FOLDERS[source])}, or rename the set's folder",
                )
            sets[folder.name] = folder
    return sets


def _folder_of(source: str) -> Path:
    """The folder of sets that one entry point leads to."""
    folder = cast("Callable[[], Path]", _FOLDERS.load(source))()
    if not folder.is_dir():
        raise PrerequisiteError(
            f"the folder of probe sets of {package_of(_FOLDERS[source])} is missing: {folder}",
            f"reinstall {package_of(_FOLDERS[source])}",
        )
    return folder


def find_set(name: str) -> tuple[Path, str | None]:
    """Where a set is, and the one domain of it that is wanted (``core/math``), if any.

    A shipped set wins over a file of the same name; ``./core`` is the folder.

    Raises:
        ConfigError: no such set, with the nearest names.
    """
    shipped = shipped_sets()
    head, slash, domain = name.partition("/")
    if head in shipped and (not slash or (domain and "/" not in domain)):
        return shipped[head], domain or None
    path = find_place(name)
    if is_there(path):
        return path, None
    if path.suffix.lower() in ENDINGS or name.startswith((".", "/", "~")):
        raise ConfigError(f"The probe file '{name}' does not exist", "check the path")
    close = did_you_mean(head, list(shipped))
    raise ConfigError(
        f"Unknown probe set '{name}'{close}",
        f"choose from {quoted_list(shipped)}, or give a file ({', '.join(ENDINGS)}), a folder or hub:ORG/NAME#SPLIT",
    )


def read_set(path: Path) -> LoadedSet:
    """Read a set folder or a probe file; what is wrong with it comes back as problems."""
    if path.is_dir():
        return _read_folder(path)
    if path.suffix.lower() not in ENDINGS:
        what = f"has the unsupported ending '{path.suffix}'"
        return LoadedSet(path.stem, problems=(Problem(shown(path), what, f"use {', '.join(ENDINGS)}"),))
    contents = read_probes(path, shown(path))
    header, problems = _check_header(contents.header, shown(path), path.stem)
    return _build_set(header, contents.rows, (*problems, *contents.problems), shown(path))


def shown(path: Path) -> str:
    """What messages call a file: shipped ones from ``probes/`` on, others as the user gave them."""
    root = resource_dir("probes")
    resolved = path.resolve()
    return str(resolved.relative_to(root.parent)) if resolved.is_relative_to(root) else str(path)


def _read_folder(folder: Path) -> LoadedSet:
    raw_header: Mapping[str, object] = {}
    problems: list[Problem] = []
    set_file = folder / SET_FILE
    if set_file.is_file():
        try:
            raw_header = read_mapping(set_file, shown(set_file))
        except ProbeError as error:
            return LoadedSet(
                folder.name, problems=(Problem(shown(set_file), _strip_place(error, shown(set_file)), error.fix),)
            )
    header, wrong = _check_header(raw_header, shown(set_file), folder.name)
    problems += wrong
    rows: list[Row] = []
    listed = header.get("files")
    paths = [folder / name for name in listed] if listed else _probe_files(folder)
    if not paths:
        problems.append(Problem(shown(folder), "holds no probe files", f"add a file ending in {', '.join(ENDINGS)}"))
    for path in paths:
        contents = read_probes(path, shown(path))
        problems += contents.problems
        if contents.header:
            problems.append(Problem(shown(path), "holds more than its probes", f"move the other fields to {SET_FILE}"))
        rows += contents.rows
    return _build_set(header, rows, problems, shown(folder))


def _probe_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and path.name != SET_FILE)


def _strip_place(error: ProbeError, place: str) -> str:
    return error.problem.removeprefix(place).removeprefix(": ")


def _check_header(
    raw_header: Mapping[str, object], place: str, default_name: str
) -> tuple[dict[str, Any], list[Problem]]:
    """The checked fields of a set, with a name whatever happens."""
    problems = []
    header: dict[str, object] = {"name": re.sub(r"[^A-Za-z0-9._-]+", "-", default_name).strip("-.") or "probes"}
    for name, value in raw_header.items():
        if name not in SET_FIELDS:
            fix = f"use only {quoted_list(SET_FIELDS)}{did_you_mean(str(name), SET_FIELDS)}"
            problems.append(Problem(place, f"unknown field {str(name)!r}", fix))
        elif name == "files":
            if (
                isinstance(value, list)
                and value
                and all(isinstance(item, str) and Path(item).name == item for item in value)
            ):
                header[name] = value
            else:
                problems.append(Problem(place, f"'files' is {value!r}", "list the names of files in this folder"))
        elif not isinstance(value, str):
            problems.append(Problem(place, f"the field '{name}' is {value!r}, not text", "put it in quotes"))
        elif name == "name" and not NAME.fullmatch(value):
            problems.append(
                Problem(place, f"the name {value!r} is not a name", "use letters, digits, '.', '_' and '-'")
            )
        else:
            header[name] = value
    return header, problems


def _build_set(header: Mapping[str, Any], rows: Sequence[Row], problems: Sequence[Problem], place: str) -> LoadedSet:
    """Parse the rows and find what repeats."""
    faults = list(problems)
    name = header["name"]
    probes: list[Probe] = []
    examples: dict[str, str] = {}
    places: dict[str, str] = {}
    prompts: dict[str, str] = {}
    for row in rows:
        try:
            probe = parse_probe(row.value, name, header.get("language", "en"))
        except ProbeError as error:
            faults.append(Problem(row.where, error.problem, error.fix))
            continue
        if probe.id in places:
            what = f"the id '{row.value['id']}' is already used at {places[probe.id]}"
            faults.append(Problem(row.where, what, "give each probe its own id"))
            continue
        question = canonical_json([[message.role, " ".join(message.content.split())] for message in probe.messages])
        if question in prompts:
            faults.append(Problem(row.where, f"repeats the prompt of '{prompts[question]}'", "keep one of the two"))
        prompts.setdefault(question, row.value["id"])
        places[probe.id] = row.where
        probes.append(probe)
        if "example" in row.value:
            examples[probe.id] = row.value["example"]
    if not rows and not faults:
        faults.append(Problem(place, "holds no probes", "add at least one"))
    details = {key: header[key] for key in ("version", "title", "description", "licence") if key in header}
    return LoadedSet(name, probes=tuple(probes), examples=examples, places=places, problems=tuple(faults), **details)

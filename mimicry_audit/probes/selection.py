"""What is asked in a run: the probes of the named sets, some of their domains, some of each domain."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.ground.suggest import did_you_mean, quoted_list
from mimicry_audit.probes.hub import PREFIX, read_hub
from mimicry_audit.probes.sets import LoadedSet, find_set, read_set, sha_of, shown
from mimicry_audit.records.asked import Message, Probe, sha256_text

NEUTRAL_SYSTEM: Mapping[str, str] = {
    "en": "You are a helpful assistant. Answer what you are asked, truthfully and to the point.",
    "zh": "你是一个乐于助人的助手。请如实、切题地回答所提的问题。",
}
"""System prompts that name no maker and no model: they displace the identity that a chat template may inject."""


@dataclass(frozen=True, slots=True)
class ProbeSetInfo:
    """One set in a selection.

    Attributes:
        name: prefix of its probes' ids.
        version: from its ``set.yaml``.
        sha: SHA-256 of the whole set, also when only some of its probes are asked.
        licence: of the set.
        n: how many of its probes are asked, arms counted once.
        domains: how many in each domain.
    """

    name: str
    version: str
    sha: str
    licence: str
    n: int
    domains: Mapping[str, int]

    @property
    def signature(self) -> str:
        """``name@sha``, as printed beside scores."""
        return f"{self.name}@{self.sha[:12]}"


@dataclass(frozen=True, slots=True)
class ProbeSelection:
    """The probes of a run and the sets they come from."""

    probes: tuple[Probe, ...]
    sets: tuple[ProbeSetInfo, ...]

    @property
    def sha(self) -> str:
        """SHA-256 of exactly these probes."""
        return sha_of(self.probes)

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains, in the order in which they first come."""
        return tuple(dict.fromkeys(probe.domain for probe in self.probes))

    @property
    def signature(self) -> str:
        """``core@1a2b…,identity@3c4d…``."""
        return ",".join(info.signature for info in self.sets)


def load(names: Sequence[str]) -> ProbeSelection:
    """The probes of the named sets.

    Args:
        names: each a shipped set (``core``), one domain of one (``core/math``), a file or folder of the user's, or
            ``hub:ORG/NAME#SPLIT``. A set named twice is asked once.

    Raises:
        ConfigError: no such set or domain, or two different sets of one name.
        ProbeError: something is wrong with a set; the message gives file and line.
        PrerequisiteError: a Hub set without the package, or offline.
    """
    if not names:
        raise ConfigError("No probe set is named", "name at least one, such as 'core'")
    sets: dict[str, LoadedSet] = {}
    domains_by_set: dict[str, set[str] | None] = {}  # None: all domains
    for name in names:
        loaded, domain = _read_named_set(name)
        if loaded.name in sets and loaded.sha != sets[loaded.name].sha:
            raise ConfigError(
                f"Two different probe sets are named '{loaded.name}'", "give one another name in its set.yaml"
            )
        sets[loaded.name] = loaded
        earlier = domains_by_set.setdefault(loaded.name, set())
        if domain is None or earlier is None:
            domains_by_set[loaded.name] = None
        else:
            earlier.add(domain)
    probes: list[Probe] = []
    for name, loaded in sets.items():
        domains = domains_by_set[name]
        probes += [probe for probe in loaded.probes if domains is None or probe.domain in domains]
    empty = ProbeSelection((), tuple(_set_info(loaded) for loaded in sets.values()))
    return _narrow_selection(empty, probes)


def select(
    selection: ProbeSelection, *, domains: Sequence[str] | None = None, limit: int | None = None, seed: int = 0
) -> ProbeSelection:
    """Some of the domains, some probes of each.

    The choice is spread over sets, languages and aspects, depends on nothing but the probes' ids and the seed, and a
    larger limit contains the smaller. A probe comes with all its arms.

    Args:
        selection: what to choose from.
        domains: those to keep; all where None.
        limit: most probes per domain; all where None.
        seed: another seed chooses others.
    """
    probes: Sequence[Probe] = selection.probes
    if domains is not None:
        for domain in domains:
            if domain not in selection.domains:
                close = did_you_mean(domain, selection.domains)
                raise ConfigError(
                    f"No probe has the domain '{domain}'{close}", f"choose from {quoted_list(selection.domains)}"
                )
        probes = [probe for probe in probes if probe.domain in domains]
    if limit is not None:
        if limit < 1:
            raise ConfigError(f"The limit {limit} leaves no probes", "give a limit of at least 1, or none")
        kept_ids = _first_per_domain(probes, limit, seed)
        probes = [probe for probe in probes if _base_id(probe) in kept_ids]
    return _narrow_selection(selection, probes)


def expand_identity_arms(probes: Sequence[Probe]) -> tuple[Probe, ...]:
    """Ask each identity probe twice: under the model's own template and a neutral system prompt (``ID#neutral``)."""
    present = {probe.id for probe in probes}
    expanded: list[Probe] = []
    for probe in probes:
        expanded.append(probe)
        neutral_id = f"{probe.id}#neutral"
        if probe.domain != "identity" or probe.arm != "default" or neutral_id in present:
            continue
        system = NEUTRAL_SYSTEM.get(probe.language.split("-")[0], NEUTRAL_SYSTEM["en"])
        turns = tuple(message for message in probe.messages if message.role != "system")
        expanded.append(replace(probe, id=neutral_id, arm="neutral", messages=(Message("system", system), *turns)))
    return tuple(expanded)


def _read_named_set(name: str) -> tuple[LoadedSet, str | None]:
    if name.startswith(PREFIX):
        return read_hub(name), None
    path, domain = find_set(name)
    loaded = read_set(path)
    if loaded.problems:
        raise loaded.problems[0].error()
    domains = list(dict.fromkeys(probe.domain for probe in loaded.probes))
    if domain is not None and domain not in domains:
        close = did_you_mean(domain, domains)
        raise ConfigError(f"The probe set '{loaded.name}' ({shown(path)}) has no domain '{domain}'{close}",
                          f"choose from {quoted_list(domains)}")  # fmt: skip
    return loaded, domain


def _set_info(loaded: LoadedSet) -> ProbeSetInfo:
    return ProbeSetInfo(loaded.name, loaded.version, loaded.sha, loaded.licence, 0, {})


def _narrow_selection(selection: ProbeSelection, probes: Sequence[Probe]) -> ProbeSelection:
    """These probes, and the sets they come from with what is left of each."""
    sets = []
    for info in selection.sets:
        domain_by_id = {_base_id(probe): probe.domain for probe in probes if probe.set == info.name}
        if domain_by_id:
            sets.append(replace(info, n=len(domain_by_id), domains=dict(Counter(domain_by_id.values()))))
    return ProbeSelection(tuple(probes), tuple(sets))


def _base_id(probe: Probe) -> str:
    return probe.id.partition("#")[0]


def _first_per_domain(probes: Sequence[Probe], limit: int, seed: int) -> set[str]:
    """Ids to keep: in each domain the strata take turns, each in an order fixed by hash."""
    strata: dict[str, dict[tuple[str, str, str], dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for probe in probes:
        strata[probe.domain][probe.set, probe.language, probe.aspect or ""][_base_id(probe)] = None
    kept_ids: set[str] = set()
    for domain, groups in strata.items():
        ranked = []
        for stratum, ids in groups.items():
            by_hash = sorted(ids, key=lambda probe_id: sha256_text(f"{seed}\0{probe_id}"))
            tie = sha256_text(f"{seed}\0{domain}\0{stratum}")
            ranked += [(turn, tie, probe_id) for turn, probe_id in enumerate(by_hash)]
        kept_ids.update(probe_id for _, _, probe_id in sorted(ranked)[:limit])
    return kept_ids

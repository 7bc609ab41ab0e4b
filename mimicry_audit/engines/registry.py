"""Which engines there are, and the one that a model's spec asks for.

Promise: listing and naming engines imports none of the packages behind them. A new engine is one file, one entry
point in ``pyproject.toml`` and the contract test that every engine passes; other packages add theirs in the same way.
"""

from __future__ import annotations

import difflib
import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from mimicry_audit.engines.options import check_options
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.ground.plugins import ENGINE_GROUP, PluginRegistry

if TYPE_CHECKING:
    from mimicry_audit.engines.base import Engine, EngineBase
    from mimicry_audit.records.asked import ModelSpec


ENGINES = PluginRegistry(ENGINE_GROUP, own=("vllm", "hf", "openai", "recorded"))
"""Engine name → where its class is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """What ``audit doctor`` says of one engine.

    Attributes:
        name: registry name.
        title: one clause for people.
        usable: whether it can be used on this machine.
        version: of the package behind it.
        why_not: one clause, empty when usable.
        fix: what to install or change, empty when usable.
    """

    name: str
    title: str
    usable: bool
    version: str | None
    why_not: str
    fix: str


def engine_class(name: str) -> type[EngineBase]:
    """The class of an engine.

    Raises:
        ConfigError: no engine has that name.
        PrerequisiteError: another package adds it, and it cannot be imported.
    """
    if name not in ENGINES:
        close_names = difflib.get_close_matches(name.lower(), ENGINES, n=1)
        hint = f"did you mean {close_names[0]}? " if close_names else ""
        raise ConfigError(f"unknown engine {name}", f"{hint}Engines are {', '.join(ENGINES)}")
    return cast("type[EngineBase]", ENGINES.load(name))


def engine_for(spec: ModelSpec) -> Engine:
    """An engine for this model, not yet opened; its options are checked here.

    Raises:
        ConfigError: the engine or one of the options is unknown.
    """
    kind = engine_class(spec.engine)
    check_options(spec.engine, kind.options, spec.options)
    engine: Engine = kind(spec)  # type: ignore[assignment]  # each subclass adds identify, render and generate
    return engine


def engines() -> list[EngineInfo]:
    """Every engine, and whether it can be used here."""
    infos = []
    for name in ENGINES:
        kind = engine_class(name)
        availability = kind.availability()
        infos.append(
            EngineInfo(
                name=name,
                title=kind.title,
                usable=availability.usable,
                version=availability.version,
                why_not=availability.why_not,
                fix=availability.fix,
            )
        )
    return infos


def default_engine() -> str:
    """The engine for a model named without one: vLLM where it can be imported, else transformers."""
    return "vllm" if importlib.util.find_spec("vllm") is not None else "hf"

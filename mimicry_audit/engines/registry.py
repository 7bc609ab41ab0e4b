"""Which engines there are, and the one that a model's spec asks for.

Promise: listing and naming engines imports none of the packages behind them. A new engine is one file, one line in
`ENGINES` and the contract test that every engine passes.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mimicry_audit.engines.options import check_options
from mimicry_audit.ground.errors import ConfigError

if TYPE_CHECKING:
    from mimicry_audit.engines.base import Engine, EngineBase
    from mimicry_audit.records.asked import ModelSpec


@dataclass(frozen=True, slots=True)
class Entry:
    """One engine of the registry: what it is called and where its class is."""

    title: str
    target: str


ENGINES: dict[str, Entry] = {
    "vllm": Entry("vLLM, in a server of its own", "mimicry_audit.engines.vllm:VllmEngine"),
    "hf": Entry("transformers, in this process", "mimicry_audit.engines.hf:HfEngine"),
    "openai": Entry("any OpenAI-compatible endpoint", "mimicry_audit.engines.endpoint:EndpointEngine"),
    "recorded": Entry("answers from a file", "mimicry_audit.engines.recorded:RecordedEngine"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """What ``audit doctor`` says of one engine.

    Attributes:
        name: registry name.
        title: one clause for people.
        usable: whether it can be used on this machine.
        version: of the package behind it.
        why_not: one clause, empty when usable.
        mend: what to install or change, empty when usable.
    """

    name: str
    title: str
    usable: bool
    version: str | None
    why_not: str
    mend: str


def engine_class(name: str) -> type[EngineBase]:
    """The class of an engine.

    Raises:
        ConfigError: there is no engine of that name.
    """
    if name not in ENGINES:
        near = difflib.get_close_matches(name.lower(), ENGINES, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(f"unknown engine {name}", f"{hint}Engines are {', '.join(ENGINES)}")
    module, _, attribute = ENGINES[name].target.partition(":")
    found: type[EngineBase] = getattr(importlib.import_module(module), attribute)
    return found


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
    for name, entry in ENGINES.items():
        here = engine_class(name).availability()
        infos.append(
            EngineInfo(
                name=name,
                title=entry.title,
                usable=here.usable,
                version=here.version,
                why_not=here.why_not,
                mend=here.mend,
            )
        )
    return infos


def default_engine() -> str:
    """The engine for a model named without one: vLLM where it can be imported, else transformers."""
    return "vllm" if importlib.util.find_spec("vllm") is not None else "hf"

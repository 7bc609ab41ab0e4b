"""Who made what: makers, models, their names in English and Chinese, and where they come from.

Promise: the facts are data (``probes/identity/facts.yaml``, plus the user's own file), checked when read; everything
that speaks of an identity (the claim detector, the report) takes its names from here and keeps none of its own.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mimicry_audit.ground.errors import ConfigError, first_line
from mimicry_audit.ground.resources import resource_dir
from mimicry_audit.ground.yaml_text import load_yaml

LANGUAGES = ("en", "zh")
_TOP = ("countries", "makers")
_MAKER = ("name", "country", "places", "aliases", "ambiguous", "models", "hub_orgs")
_MODEL = ("name", "aliases", "ambiguous")
_COUNTRY = ("name", "aliases")
_LEARNER = ("student", "distill", "distilled", "distil", "distillation", "mimic", "imitation", "imitator", "clone")

Aliases = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFact:
    """One model or family of models.

    Attributes:
        name: as its maker writes it.
        aliases: language → other spellings; the name itself is not repeated.
        ambiguous: those of its names that are also everyday words or people's names (Nova, Spark, Claude).
    """

    name: str
    aliases: Aliases = field(default_factory=dict)
    ambiguous: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """The name and every alias."""
        return _all_names(self.name, self.aliases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """One maker of models.

    Attributes:
        name: the usual name.
        country: English name of the country of its seat; None for the invented families of the lab.
        places: language → cities of its seat.
        aliases: language → other names, legal names, subsidiaries that publish models.
        ambiguous: those of its names that are also everyday words (Apple, Meta).
        models: what it makes.
        hub_orgs: its organisations on the Hugging Face Hub, in lower case.
    """

    name: str
    country: str | None = None
    places: Aliases = field(default_factory=dict)
    aliases: Aliases = field(default_factory=dict)
    ambiguous: frozenset[str] = frozenset()
    models: tuple[ModelFact, ...] = ()
    hub_orgs: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The name and every alias."""
        return _all_names(self.name, self.aliases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """A country's names."""

    name: str
    aliases: Aliases = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The name and every alias."""
        return _all_names(self.name, self.aliases)


@dataclass(frozen=True, slots=True)
class Facts:
    """All makers and countries."""

    makers: tuple[Maker, ...]
    countries: tuple[Country, ...] = ()

    def __iter__(self) -> Iterator[Maker]:
        """The makers."""
        return iter(self.makers)

    def maker(self, name: str) -> Maker | None:
        """The maker with this name or alias, case aside."""
        folded = name.strip().casefold()
        return next((maker for maker in self.makers if folded in {alias.casefold() for alias in maker.names}), None)

    def country(self, name: str) -> Country | None:
        """The country with this name or alias, case aside."""
        folded = name.strip().casefold()
        return next((land for land in self.countries if folded in {alias.casefold() for alias in land.names}), None)


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """Who a model is by its name; either may be unknown."""

    maker: Maker | None = None
    model: ModelFact | None = None


def load_facts(extra: Path | None = None) -> Facts:
    """The shipped facts, and the user's own on top.

    A maker in the user's file with the name of a shipped one replaces it.

    Raises:
        ConfigError: the file cannot be read or does not keep its schema; the message names the entry.
    """
    facts = _read_shipped()
    if extra is None:
        return facts
    added = _read_facts(extra)
    names = {maker.name.casefold() for maker in added.makers}
    lands = {land.name.casefold() for land in added.countries}
    return Facts(
        (*(maker for maker in facts.makers if maker.name.casefold() not in names), *added.makers),
        (*(land for land in facts.countries if land.name.casefold() not in lands), *added.countries),
    )


def own_identity(model_name: str, facts: Facts | None = None) -> OwnIdentity:
    """Who a model is, guessed from its name: a Hub id, a model name with or without engine, a folder.

    The organisation counts first (``deepseek-ai/DeepSeek-R1-Distill-Qwen-7B`` is DeepSeek's), then the name that
    stands first in the model's own. A name that says which model it learned from (``aria-student``, ``my-gpt4-distill``)
    does not say who it is, and gives nothing.
    """
    facts = facts or _read_shipped()
    organisations, tail = _split_name(model_name)
    tokens = _split_tokens(tail)
    for organisation in organisations[::-1]:
        for maker in facts:
            if organisation in maker.hub_orgs:
                hits = _find_hits(tokens, [maker])
                return OwnIdentity(maker, min(hits, key=_rank_hit)[2] if hits else None)
    if set(_LEARNER) & set(tokens):
        return OwnIdentity()
    hits = _find_hits(tokens, facts.makers)
    hits = [
        hit for hit in hits if hit[0] == 0 or not hit[4]
    ]  # an everyday word counts only where a name begins with it
    if not hits:
        return OwnIdentity()
    _, _, model, maker, _ = min(hits, key=_rank_hit)
    return OwnIdentity(maker, model)


def makers_in_name(model_name: str, facts: Facts) -> tuple[Maker, ...]:
    """Every maker whose own name, or a model's, stands plainly in a model's name, in the order of their places.

    Names that are everyday words count at the beginning only. Learners by name (student, clone, imitation) count none,
    unless their name begins with a maker's: DeepSeek-R1-Distill-Qwen-7B gives both, my-gpt4-distill none.
    """
    tokens = _split_tokens(_split_name(model_name)[1])
    hits = sorted((hit for hit in _find_hits(tokens, facts.makers) if hit[0] == 0 or not hit[4]), key=_rank_hit)
    if set(_LEARNER) & set(tokens) and (not hits or hits[0][0] > 0):
        return ()
    return tuple({hit[3].name: hit[3] for hit in hits}.values())


_Hit = tuple[int, int, ModelFact | None, Maker, bool]
"""Place, length, model, maker, whether the name is ambiguous."""


def _rank_hit(hit: _Hit) -> tuple[int, int, bool]:
    """Earliest first, then longest, then a model before its maker."""
    return hit[0], -hit[1], hit[2] is None


def _find_hits(tokens: Sequence[str], makers: Sequence[Maker]) -> list[_Hit]:
    hits: list[_Hit] = []
    for maker in makers:
        candidates: list[tuple[str, ModelFact | None, bool]] = [
            (name, None, name in maker.ambiguous) for name in maker.names
        ]
        candidates += [(name, model, name in model.ambiguous) for model in maker.models for name in model.names]
        for name, model, ambiguous in candidates:
            name_tokens = _split_tokens(name)
            for at in range(len(tokens) - len(name_tokens) + 1):
                if name_tokens and list(tokens[at : at + len(name_tokens)]) == name_tokens:
                    hits.append((at, len(name_tokens), model, maker, ambiguous))
                    break
    return hits


def _split_name(model_name: str) -> tuple[list[str], str]:
    """The organisations a name may hold, and the model's own name."""
    name = model_name.strip()
    if "#" in name:  # recorded/FILE#NAME: the file says nothing
        name = name.rpartition("#")[2]
    name = re.sub(r"@.*", "", name)
    name = re.sub(r"models--([\w.-]+?)--", r"\1/", name)
    parts = [part for part in re.split(r"[/\\]", name) if part]
    if not parts:
        return [], ""
    # 'openai/NAME' may be the engine for any endpoint, so the prefix alone says nothing; the name after it does
    return [part.casefold() for part in parts[:-1] if part.casefold() != "openai"], parts[-1].partition(":")[0]


def _split_tokens(name: str) -> list[str]:
    """'Qwen2.5-7B' → qwen 2 5 7 b: names match at the joints between letters, digits and signs only."""
    return re.findall(r"\d+|[^\W\d_]+", name.casefold())


def _all_names(name: str, aliases: Aliases) -> tuple[str, ...]:
    return tuple(dict.fromkeys((name, *(alias for spelled in aliases.values() for alias in spelled))))


@functools.cache
def _read_shipped() -> Facts:
    return _read_facts(resource_dir("probes") / "identity" / "facts.yaml")


def _read_facts(path: Path) -> Facts:
    try:
        document = load_yaml(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})", "check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 (byte {error.start})", "save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: is not valid YAML ({error.problem})", "fix the line") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}: is not valid YAML ({first_line(error)})", "fix the file") from None
    if not isinstance(document, dict) or not document.get("makers"):
        raise ConfigError(f"{path}: has no 'makers'", "write makers: with a list of makers")
    _refuse_unknown(document, _TOP, f"{path}")
    makers = [
        _read_maker(entry, f"{path}: maker {n}") for n, entry in enumerate(_read_list(document, "makers", str(path)), 1)
    ]
    lands = [
        _read_country(entry, f"{path}: country {n}")
        for n, entry in enumerate(_read_list(document, "countries", str(path)), 1)
    ]
    _no_repeats([maker.name for maker in makers], f"{path}: the maker")
    _no_repeats([org for maker in makers for org in maker.hub_orgs], f"{path}: the Hub organisation")
    return Facts(tuple(makers), tuple(lands))


def _read_maker(entry: Any, where: str) -> Maker:
    name, where = _read_name(entry, _MAKER, where)
    country = entry.get("country")
    if country is not None and (not isinstance(country, str) or not country.strip()):
        raise ConfigError(f"{where}: 'country' is {country!r}, not text", "put it in quotes")
    aliases = _read_aliases(entry, "aliases", where)
    models = tuple(
        _read_model(model, f"{where}, model {n}") for n, model in enumerate(_read_list(entry, "models", where), 1)
    )
    _no_repeats([model.name for model in models], f"{where}: the model")
    orgs = _read_strings(_read_list(entry, "hub_orgs", where), f"{where}: 'hub_orgs'")
    return Maker(
        name=name,
        country=country,
        places=_read_aliases(entry, "places", where),
        aliases=aliases,
        ambiguous=_read_ambiguous(entry, name, aliases, where),
        models=models,
        hub_orgs=tuple(org.casefold() for org in orgs),
    )


def _read_model(entry: Any, where: str) -> ModelFact:
    entry = {"name": entry} if isinstance(entry, str) else entry
    name, where = _read_name(entry, _MODEL, where)
    aliases = _read_aliases(entry, "aliases", where)
    return ModelFact(name=name, aliases=aliases, ambiguous=_read_ambiguous(entry, name, aliases, where))


def _read_country(entry: Any, where: str) -> Country:
    name, where = _read_name(entry, _COUNTRY, where)
    return Country(name=name, aliases=_read_aliases(entry, "aliases", where))


def _read_name(entry: object, field_names: Sequence[str], where: str) -> tuple[str, str]:
    """The entry's name, and the place with the name in it for what follows."""
    if not isinstance(entry, dict):
        raise ConfigError(f"{where} is {entry!r}, not a mapping", f"write its fields: {', '.join(field_names)}")
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"{where} has no 'name'", "give it a name, in quotes if it is a number")
    _refuse_unknown(entry, field_names, f"{where} ('{name}')")
    return name, f"{where} ('{name}')"


def _refuse_unknown(entry: Mapping[str, object], field_names: Sequence[str], where: str) -> None:
    for name in entry:
        if name not in field_names:
            raise ConfigError(f"{where}: unknown field {str(name)!r}", f"use only {', '.join(field_names)}")


def _read_list(entry: Mapping[str, object], name: str, where: str) -> list[object]:
    value = entry.get(name) or []
    if not isinstance(value, list):
        raise ConfigError(f"{where}: '{name}' is {value!r}, not a list", "write a list")
    return value


def _read_strings(values: list[Any], where: str) -> tuple[str, ...]:
    for value in values:
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"{where} holds {value!r}, not text", "put it in quotes")
    return tuple(values)


def _read_aliases(entry: Mapping[str, object], name: str, where: str) -> Aliases:
    value = entry.get(name) or {}
    if not isinstance(value, dict) or not set(value) <= set(LANGUAGES):
        raise ConfigError(f"{where}: '{name}' is {value!r}", f"write lists by language: {', '.join(LANGUAGES)}")
    return {
        lang: _read_strings(_read_list(value, lang, where), f"{where}: '{name}'")
        for lang in LANGUAGES
        if value.get(lang)
    }


def _read_ambiguous(entry: Mapping[str, object], name: str, aliases: Aliases, where: str) -> frozenset[str]:
    """``true`` means the name itself; a list means those of the names."""
    value = entry.get("ambiguous", False)
    if isinstance(value, bool):
        return frozenset({name}) if value else frozenset()
    all_names = _all_names(name, aliases)
    if not isinstance(value, list) or not all(item in all_names for item in value):
        raise ConfigError(f"{where}: 'ambiguous' is {value!r}", "write true, or a list of some of its names")
    return frozenset(value)


def _no_repeats(names: Sequence[str], what: str) -> None:
    folded_names: set[str] = set()
    for name in names:
        if name.casefold() in folded_names:
            raise ConfigError(f"{what} '{name}' comes twice", "keep one entry")
        folded_names.add(name.casefold())

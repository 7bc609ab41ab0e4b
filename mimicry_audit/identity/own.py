"""Who a model rightly says it is: every maker that it may name without contradicting itself.

Promise: the makers come from what the user says ("a model named X made by Y"), else from the vendor given, else from the
model's name. A name that openly says what a model was distilled from or tuned from (DeepSeek-R1-Distill-Qwen-7B) owns all the
makers it names: such a model is built on another's weights, and to say so is not a leak. A part of a maker, a cloud or a
laboratory (Tongyi, DeepMind) counts as its maker, as the facts list it among the aliases.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.identity.facts import Facts, Maker, ModelFact, makers_in_name, own_identity


@dataclass(frozen=True, slots=True)
class Own:
    """A target's own identity.

    Attributes:
        makers: names of all makers that are its own; empty where unknown.
        model: its own model's name, where known.
    """

    makers: frozenset[str] = frozenset()
    model: str | None = None

    @property
    def known(self) -> bool:
        """Whether another's identity can be distinguished from its own."""
        return bool(self.makers)


_MADE_BY = re.compile(
    r"\b(?:made|built|developed|created|trained|released|published)\s+by\s+(?P<maker>[^,.;\n]+)", re.IGNORECASE
)
_NAMED = re.compile(
    r"\b(?:named|called)\s+(?P<model>[^,.;\n]+?)(?=\s+(?:made|built|developed|created|trained|released|published)\s+by\b|[,;\n]|\.?$)",
    re.IGNORECASE,
)


def own_of(model: str, vendor: str | None, facts: Facts, stated: Mapping[str, Own] | None = None) -> Own:
    """The own identity of one target.

    Args:
        model: its name.
        vendor: its maker as the data name it, or None.
        facts: makers and models.
        stated: what the user says, by the model's name; ``""`` stands for every model.
    """
    stated = stated or {}
    if model in stated or "" in stated:
        return stated.get(model) or stated[""]
    named_identity = own_identity(model, facts)
    makers = {maker.name for maker in (*makers_in_name(model, facts), named_identity.maker) if maker}
    if vendor and (maker := _vendor_maker(vendor, facts)):
        if maker.name not in makers:
            makers = {maker.name}
        makers.add(maker.name)
    return Own(frozenset(makers), named_identity.model.name if named_identity.model else None)


def _vendor_maker(vendor: str, facts: Facts) -> Maker | None:
    folded = vendor.strip().casefold()
    return facts.maker(vendor) or next(
        (
            m
            for m in facts
            if folded in m.hub_orgs or folded in {f"{m.name} ai".casefold(), m.name.split()[0].casefold()}
        ),
        next((m for m in facts for model in m.models if folded in {n.casefold() for n in model.names}), None),
    )


def read_identities(texts: Sequence[str], models: Sequence[str], facts: Facts) -> tuple[dict[str, Own], Facts]:
    """What the user says of the targets, and the facts with any maker that was not known before.

    Args:
        texts: ``[MODEL=]TEXT`` each, such as "student=a model named Aria made by Lumenfold".
        models: the targets' names.
        facts: makers and models.

    Raises:
        ConfigError: a text names neither a maker nor a model, or is about a model that is not there.
    """
    identities: dict[str, Own] = {}
    for text in texts:
        label, equals, rest = text.partition("=")
        about = label.strip() if equals else ""
        description = rest if equals else text
        if about and about not in models:
            raise ConfigError(
                f"--identity is about {about!r}, which has no answers", f"name one of {', '.join(models)}"
            )
        own, facts = _read_own(description.strip(), facts)
        identities[about] = own
    return identities, facts


def _read_own(text: str, facts: Facts) -> tuple[Own, Facts]:
    by, name_match = _MADE_BY.search(text), _NAMED.search(text)
    maker = by["maker"].strip(" \"'“”") if by else ""
    model = name_match["model"].strip(" \"'“”") if name_match else ""
    known_maker = _known_maker(maker, facts) or (None if maker else _known_maker(model or text, facts))
    if known_maker:
        return Own(frozenset({known_maker.name}), model or None), facts
    if not maker and not model:
        raise ConfigError(
            f"--identity {text!r} names neither a maker nor a model", 'write it like "a model named X made by Y"'
        )
    new_maker = Maker(name=maker or model, models=(ModelFact(name=model),) if model else ())
    return Own(frozenset({new_maker.name}), model or None), Facts((new_maker, *facts.makers), facts.countries)


def _known_maker(name: str, facts: Facts) -> Maker | None:
    if not name:
        return None
    folded = name.casefold()
    by_model = (m for m in facts for model in m.models if folded in {n.casefold() for n in model.names})
    return facts.maker(name) or next(by_model, None) or own_identity(name, facts).maker

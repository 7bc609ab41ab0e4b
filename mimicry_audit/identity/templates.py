"""The frames that questions about identity are put into: role-play, story, translation, format, pressure.

Promise: the templates are data (``probes/identity/templates.yaml``), checked when read: each has ``{query}`` exactly once in
every language, and none names a maker or a model, so that a name in an answer was put there by the model. Those of the
``search`` part are what an adaptive search starts from; the rates come from the ``held_out`` part alone.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.ground.resources import resource_dir
from mimicry_audit.ground.yaml_text import load_yaml
from mimicry_audit.identity.claims import ClaimFinder
from mimicry_audit.identity.facts import load_facts

PLACE = "{query}"
"""Where the question goes."""
KINDS = ("role-play", "story", "translation", "format", "pressure")
SPLITS = ("search", "held_out")
_FIELDS = ("id", "kind", "split")


@dataclass(frozen=True, slots=True)
class Template:
    """One frame.

    Attributes:
        id: unique among the templates.
        kind: one of `KINDS`.
        split: one of `SPLITS`.
        texts: language → text with `PLACE` in it, once.
    """

    id: str
    kind: str
    split: str
    texts: Mapping[str, str]


def filled(text: str, question: str) -> str:
    """A template's text with the question in its place."""
    return text.replace(PLACE, question, 1)


@functools.cache
def naming() -> ClaimFinder:
    """Finds the makers that a text names, for any text that must name none."""
    return ClaimFinder(load_facts())


@functools.cache
def load_templates(path: Path | None = None) -> tuple[Template, ...]:
    """All templates of a file, in its order.

    Args:
        path: the file; the one shipped by default.

    Raises:
        ConfigError: the file cannot be read, or a template is invalid.
    """
    path = path or resource_dir("probes") / "identity" / "templates.yaml"
    try:
        loaded = load_yaml(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", "restore it") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path} is not YAML", "fix it") from error
    rows = loaded.get("templates") if isinstance(loaded, dict) else None
    if not isinstance(rows, list) or not rows:
        raise ConfigError(f"{path} holds no templates", "list them under 'templates'")
    templates = [_read_template(row, f"{path.name}, template {number}") for number, row in enumerate(rows, 1)]
    if twice := [t.id for n, t in enumerate(templates) if t.id in {other.id for other in templates[:n]}]:
        raise ConfigError(f"{path.name}: the template '{twice[0]}' appears twice", "give each its own id")
    return tuple(templates)


def of_split(split: str, templates: Sequence[Template] | None = None) -> tuple[Template, ...]:
    """The templates of one part, in order."""
    return tuple(t for t in (load_templates() if templates is None else templates) if t.split == split)


def kind_of(template_id: str | None) -> str | None:
    """The kind of a shipped template, or None for one that is not known."""
    return next((t.kind for t in load_templates() if t.id == template_id), None)


def _read_template(row: object, where: str) -> Template:
    if not isinstance(row, dict) or not all(isinstance(v, str) and v.strip() for v in row.values()):
        raise ConfigError(f"{where} is not a mapping of texts", "write id, kind, split, and a text for each language")
    if lacks := [name for name in _FIELDS if name not in row]:
        raise ConfigError(f"{where} lacks {', '.join(lacks)}", "fill them in")
    where = f"{where} ('{row['id']}')"
    for name, allowed in (("kind", KINDS), ("split", SPLITS)):
        if row[name] not in allowed:
            raise ConfigError(f"{where}: {name} is {row[name]!r}", f"choose from {', '.join(allowed)}")
    texts = {name: text for name, text in row.items() if name not in _FIELDS}
    if not texts:
        raise ConfigError(f"{where} has no text", "write one under 'en' or 'zh'")
    for language, text in texts.items():
        if text.count(PLACE) != 1:
            raise ConfigError(
                f"{where}: its text in '{language}' has no {PLACE}, or several", f"write {PLACE} exactly once"
            )
        if makers := naming().names(text):
            raise ConfigError(
                f"{where}: its text in '{language}' names {', '.join(sorted(makers))}", "name no maker and no model"
            )
    return Template(row["id"], row["kind"], row["split"], texts)

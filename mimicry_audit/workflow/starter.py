"""A configuration file to begin with: every setting with its default and what it does, the given ones switched on.

Promise: what is written is read by ``--config`` as the settings that were given, and each line that is commented out becomes
a valid setting when its ``#`` is removed.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping

from mimicry_audit.ground.fields import Field, fields_of
from mimicry_audit.workflow.audit_settings import Settings

WIDTH = 120
HEAD = """\
# Settings of an audit. Run it with:  audit run --config {name}
# A setting without # is set; the others show their defaults. The command line wins over this file.
"""


def starter(given: Mapping[str, object], name: str = "audit.yaml") -> str:
    """The text of a configuration file.

    Args:
        given: settings that are set; all others are commented out.
        name: of the file, for its first line.
    """
    groups: dict[str, list[Field]] = {}
    for field in fields_of(Settings):
        groups.setdefault(field.group, []).append(field)
    parts = [HEAD.format(name=name)]
    for group, fields in groups.items():
        parts.append(f"\n# {group}\n")
        parts += [_entry(field, given) for field in fields]
    return "".join(parts)


def _entry(field: Field, given: Mapping[str, object]) -> str:
    """One setting: what it does, then the setting itself."""
    words = "".join(f"# {line}\n" for line in textwrap.wrap(_in_yaml(field.help), WIDTH - 2))
    if field.name in given:
        return f"{words}{_written(field.name, given[field.name])}"
    default = f"  # {field.absent}" if field.absent else ""
    line = _written(field.name, _shown(field)).rstrip("\n")
    return f"{words}#{line}{default}\n"


def _shown(field: Field) -> object:
    """The default as YAML can say it."""
    default = field.default
    return list(default) if isinstance(default, tuple) else dict(default) if isinstance(default, Mapping) else default


def _in_yaml(words: str) -> str:
    """Help of an option without what is true on the command line alone."""
    return re.sub(r" Commas separate; may be repeated\.|[;,] may be repeated", "", words)


def _written(name: str, value: object) -> str:
    import yaml

    plain = list(value) if isinstance(value, tuple) else value
    text: str = yaml.safe_dump({name: plain}, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6)
    return text.strip().removeprefix("{").removesuffix("}") + "\n"

"""Keeps secrets out of what is shown and stored: one door for messages, one for settings.

Promise: a text that has passed `redacted` holds no password of a URL, no key in a query, no bearer header, nothing of the
shape of a well-known key, and no value of an environment variable whose name says that it is a secret; and settings that
carry a secret are found by `secret_in`, so that they can be refused before anything is written, without repeating it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import overload

HIDDEN = "***"
_SECRET_NAMES = frozenset(
    {
        *("key", "keys", "token", "secret", "password", "passwd", "auth", "authorization", "credential", "credentials"),
        *("headers", "cookie", "bearer", "apikey"),
    }
)
_SECRET_ENDS = (
    *("api_key", "apikey", "access_key", "private_key", "secret_key", "_secret", "_password", "authorization"),
    *(f"{kind}_token" for kind in ("access", "api", "auth", "bearer", "hf", "id", "refresh", "session")),
)
"""Not every ``_token``: ``bos_token`` and its like are not secrets."""
_SECRET_VARIABLE = re.compile(r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
_SHORTEST = 8
"""Values of variables shorter than this are left alone: they would be found inside ordinary words."""

_PLAIN_VALUE = re.compile(r"[a-z]{1,15}|[A-Z][A-Z_]{0,40}|\d{1,9}")
_PLACEHOLDER_WORDS = frozenset(
    {
        *(
            "api",
            "dummy",
            "empty",
            "fake",
            "key",
            "lm",
            "local",
            "needed",
            "no",
            "none",
            "not",
            "null",
            "ollama",
            "placeholder",
        ),
        *("placeholder", "required", "sk", "studio", "test", "token", "unused", "vllm", "x", "xxx", "your"),
    }
)
"""Words of which local servers' documentation makes up the key that they do not check: lm-studio, sk-no-key-required."""

# No pattern begins with a repetition: on a long word each of its letters would be tried as a beginning.
_USERINFO = re.compile(r"(?P<scheme>[A-Za-z0-9+.-]://)[^\s|,'\"]*@")
_QUERY = re.compile(r"(?P<name>[?&;](?P<field>[\w.-]+)=)[^&;#\s|]+")
_QUERY_FIELD = re.compile("key|token|secret|password|passwd|signature|sig|auth|credential", re.IGNORECASE)
_BEARER = re.compile(r"(?P<name>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"(?P<name>(?:api[_-]?key|access[_-]?token|password|passwd|secret|authorization)['\"]?\s*[:=]\s*['\"]?)[^\s'\",}…*]{4,}",
    re.IGNORECASE,
)
_SHAPES = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{12,}|hf_[A-Za-z0-9]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|AKIA[A-Z0-9]{16}"
    r"|AIza[A-Za-z0-9_-]{30,}|xox[abprs]-[A-Za-z0-9-]{10,}|gsk_[A-Za-z0-9]{20,}|nvapi-[A-Za-z0-9_-]{20,})"
)


def redacted(text: str) -> str:
    """The text with every recognisable secret replaced by ``***``."""
    for value in _environment_secrets():
        text = text.replace(value, HIDDEN)
    text = _USERINFO.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _QUERY.sub(_hide_query, text)
    text = _BEARER.sub(rf"\g<name>{HIDDEN}", text)
    text = _ASSIGNED.sub(rf"\g<name>{HIDDEN}", text)
    return _SHAPES.sub(HIDDEN, text)


def _hide_query(found: re.Match[str]) -> str:
    return f"{found['name']}{HIDDEN}" if _QUERY_FIELD.search(found["field"]) else found[0]


@overload
def redacted_deep(value: Mapping[str, object]) -> dict[str, object]: ...


@overload
def redacted_deep(value: object) -> object: ...


def redacted_deep(value: object) -> object:
    """A JSON value with `redacted` applied to every text in it, names of fields too."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {redacted(str(k)): redacted_deep(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_deep(item) for item in value]
    return value


def is_secret_name(name: str) -> bool:
    """Whether a field of this name is there to hold a secret."""
    plain = name.lower().replace("-", "_")
    return plain in _SECRET_NAMES or plain.endswith(_SECRET_ENDS)


def secret_in(value: object, at: str = "") -> str | None:
    """Where a setting holds a secret, as a dotted name; None where none is recognised.

    Args:
        value: a setting: text, number, list or mapping.
        at: the setting's own name.
    """
    return next(_find_secrets(value, at), None)


def _find_secrets(value: object, at: str) -> Iterator[str]:
    if isinstance(value, str):
        if redacted(value) != value:
            yield at
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            where = f"{at}.{name}" if at else str(name)
            if is_secret_name(str(name)) and isinstance(inner, str) and inner:
                yield where
            yield from _find_secrets(inner, where)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if isinstance(item, str) and item.startswith("-") and is_secret_name(item.lstrip("-").partition("=")[0]):
                yield f"{at} ({item.partition('=')[0]})"
            yield from _find_secrets(item, f"{at}[{index}]")


def _environment_secrets() -> list[str]:
    """Values of the environment's secrets, the longest first, so that none is cut by a shorter one inside it."""
    values = {
        value.strip()
        for name, value in os.environ.items()
        if _SECRET_VARIABLE.search(name) and looks_secret(value.strip())
    }
    return sorted(values, key=len, reverse=True)


def looks_secret(value: str) -> bool:
    """Whether a value can be a key at all: local servers are given placeholders such as ``EMPTY``, ``none`` or ``lm-studio``.

    A placeholder that was hidden would be cut out of answers and paths in which the same word stands.
    """
    return len(value) >= _SHORTEST and not _is_ordinary(value)


def _is_ordinary(value: str) -> bool:
    """Whether a value is a path, a plain word such as "disabled", or a placeholder, and so no secret."""
    words = set(re.split(r"[-_. ]", value.lower()))
    return value.startswith(("/", "~", ".")) or words <= _PLACEHOLDER_WORDS or _PLAIN_VALUE.fullmatch(value) is not None

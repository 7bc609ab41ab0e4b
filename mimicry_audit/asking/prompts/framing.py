"""The frame in which texts are shown to a judge, and the JSON objects in its reply.

Promise: no text can know or close its own frame.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mimicry_audit.ground.resources import resource_dir
from mimicry_audit.records.asked import Message, canonical_json, sha256_text

if TYPE_CHECKING:
    from jinja2 import Template

_TRIES = 50
"""Braces that open no object before a reply counts as unreadable; without a bound, hostile text would cost minutes."""


def frame_code(*texts: str) -> str:
    """A mark that none of the texts contains, and none could have been written to contain."""
    salt = 0
    while True:
        code = sha256_text(canonical_json([salt, *texts]))[:16]
        if not any(code in text for text in texts):
            return code
        salt += 1


_CONTROL = re.compile(
    r"<(?=[|｜][^<>\n]{1,40}[|｜]>)"
    r"|<(?=/?(?:s|bos|eos|pad|unk|think|start_of_turn|end_of_turn|system|user|assistant)>)"
    r"|\[(?=/?INST\]|/?SYSTEM_PROMPT\]|/?AVAILABLE_TOOLS\])"
    r"|<(?=</?SYS>>)"
)


def harmless(text: str) -> str:
    """The text with what a chat template would read as the end of a turn pulled apart by a space.

    A local judge's tokenizer takes ``<|im_end|>`` inside an answer for the real thing, and no frame would hold.
    Half characters and NULs, which no request can carry, become a replacement mark.
    """
    valid_text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")
    return _CONTROL.sub(lambda match: match[0] + " ", valid_text)


def json_objects(text: str) -> Iterator[Mapping[str, Any]]:
    """The outermost JSON objects in a text, from the left; after `_TRIES` braces that open none, no more."""
    decoder, at, tries = json.JSONDecoder(strict=False), text.find("{"), 0
    while at >= 0 and tries < _TRIES:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end, tries = at + 1, tries + 1
        else:
            yield value
        at = text.find("{", end)


class JudgePrompt:
    """A judge's prompt, from ``templates/judge/``: a system turn, a user turn, and what follows an unreadable reply.

    Args:
        prefix: of the templates' names.
        **bounds: numbers that every template may show.

    Attributes:
        sha: hash over the templates and the bounds they are filled with.
    """

    def __init__(self, prefix: str = "", **bounds: int) -> None:
        folder = resource_dir("templates") / "judge"
        self._prefix, self._bounds = prefix, bounds
        names = [f"{prefix}{part}" for part in ("system", "user", "repair")]
        self._sources = {name: (folder / f"{name}.jinja").read_text("utf-8") for name in names}
        self._templates: dict[str, Template] = {}
        self.sha = sha256_text(canonical_json([self._sources, *bounds.values()] if bounds else self._sources))

    def conversation(self, **texts: str) -> tuple[Message, ...]:
        """System and user turn, with these texts in a frame that none of them can close."""
        framed = {name: harmless(text) for name, text in texts.items()}
        user = self._fill_template("user", code=frame_code(*framed.values()), **framed)
        return Message("system", self._fill_template("system")), Message("user", user)

    def repair(self, messages: Sequence[Message], reply: str) -> tuple[Message, ...]:
        """The conversation continued: the unreadable reply, and the request to fix it."""
        return (
            *messages,
            Message("assistant", harmless(reply) or "(empty)"),
            Message("user", self._fill_template("repair")),
        )

    def _fill_template(self, part: str, **values: str) -> str:
        from jinja2 import Environment, StrictUndefined

        if part not in self._templates:
            # Plain text for a model, not markup for a browser; what is filled in is never read as a template.
            environment = Environment(autoescape=False, undefined=StrictUndefined)  # noqa: S701
            self._templates[part] = environment.from_string(self._sources[f"{self._prefix}{part}"])
        return self._templates[part].render(**self._bounds, **values).strip()

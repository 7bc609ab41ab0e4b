"""The frame in which texts are shown to a judge, and the JSON objects in its reply.

Promise: no text can know or close its own frame.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mimicry_audit.records.asked import canonical_json, sha256_text

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
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")
    return _CONTROL.sub(lambda found: found[0] + " ", whole)


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

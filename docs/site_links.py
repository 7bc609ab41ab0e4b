"""A hook of the documentation site: what the repository's own pages may say and the site cannot.

Links that lead out of ``docs/`` stay as words, for the site holds no other files (on the repository's pages they are links,
which `tests/test_docs.py` follows), and a code block's second word, which marks it for a test, is left out.
"""

from __future__ import annotations

import re

_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]+\)")
_MARKED = re.compile(r"^(```\w+) \w+$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Called by MkDocs with the text of each page."""
    return _MARKED.sub(r"\1", _OUTSIDE.sub(r"\1", markdown))

"""Refusals and failed calls: answers that say nothing about identity.

Promise: only an answer that opens by declining and is short counts as a refusal, and only a whole answer counts as a
failure; a caller asks for claims first, since an answer that declines and then names its maker is an answer.
"""

from __future__ import annotations

import re

_REFUSAL = re.compile(
    r"\bI\s*(?:['’]m\s+sorry|cannot|can['’]?t|am\s+(?:unable|not\s+able)|['’]m\s+(?:unable|not\s+able)|won['’]t|will\s+not|must\s+decline|"
    r"apologi[sz]e|do\s+not\s+feel\s+comfortable|don['’]t\s+feel\s+comfortable)\b[^.\n]{0,60}"
    r"\b(?:answer|help|assist|share|disclose|reveal|provide|discuss|comply|that|engage|roleplay|role-play|participate|pretend|act|"
    r"generate|create|respond|fulfil\w*)\b|"
    r"(?:无法|不能|不会|不便)(?:回答|提供|透露|协助|满足|按照|配合|参与|扮演|回应|生成)|抱歉|对不起",
    re.IGNORECASE,
)
OPENING = 400
"""Characters of an answer in which a refusal shows."""
LONGEST, LONGEST_ZH = 700, 200
"""Characters of an answer that only declines; a longer one also answers."""
_CJK = re.compile(r"[\u3400-\u9fff]")
_FAILURE = re.compile(
    r"\W*(?:reject(?:ed|s)?\s+to\s+respond|(?:api\s+|request\s+|internal\s+)?error(?:\s*[:：].{0,300})?|request\s+(?:failed|timed\s+out)|timeout|"
    r"no\s+response(?:\s+\(.{0,60}\))?|nan|none|null|n/a)\W*",
    re.IGNORECASE | re.DOTALL,
)


def is_refusal(text: str) -> bool:
    """Whether an answer declines in words and leaves it at that."""
    return len(text) <= (LONGEST_ZH if _CJK.search(text[:OPENING]) else LONGEST) and bool(
        _REFUSAL.search(text[:OPENING])
    )


def is_failure(text: str) -> bool:
    """Whether a text is what a failed call left behind, stored as if it were an answer."""
    return bool(_FAILURE.fullmatch(text.strip()))

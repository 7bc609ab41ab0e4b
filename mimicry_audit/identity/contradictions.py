"""Does an answer contradict the target's own identity without naming another known one?

Promise: two ways only, both in so many words: it denies its own maker ("I am not from X", 我不是X开发的), or it says that
somebody with a proper name that the facts do not list made it ("I was built by Umbra Dynamics"). What is vague ("a team of
engineers") contradicts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_MAKE = r"(?:made|built|created|developed|trained|designed|programmed|engineered|forged|crafted|owned|founded|launched)"
_INVENTED_EN = re.compile(
    rf"\b(?:I\s+(?:was|am|have\s+been)|(?:my|our)\s+(?:\w+\s+){{1,4}}?(?:was|is|are|were))\s+(?:\w+\s+)?{_MAKE}\s+(?:and\s+\w+\s+)?(?:by|at)\s+(?P<who>[^.;!?\n]{{2,80}})"
    r"|\b(?:my|our)\s+(?:\w+\s+){0,2}(?:creators?|developers?|makers?|company|organi[sz]ation|team|parent\s+company|institution)"
    r"(?:['’]s\s+name)?\s*(?:,|is|are|was)\s+(?:called\s+|named\s+|known\s+as\s+)?(?P<name>[\"“*]*[^.;!?\n]{2,60})",
    re.IGNORECASE,
)
_PROPER = re.compile(
    r"(?:^|\s)[\"“*']*(?!I\b|AI\b|The\b|A\b|My\b|As\b|It\b|United|States|China|USA|US\b|AI-|San|California|Europe)[A-Z][\w-]+"
)
_INVENTED_ZH = re.compile(
    r"(?:我|我们)(?:其实|实际上)?(?:是)?由(?P<who>[^，。！？\n]{2,30}?)(?:开发|研发|创造|训练|打造|设计|创建|制造)"
    r"|(?:我的|我们的)(?:创建公司|开发公司|母公司|公司|开发者|创造者|开发团队|创造机构)[^，。！？\n]{0,6}?(?:是|叫做?|名为|名称是)(?P<name>[^，。！？\n]{2,24})"
)
_PROPER_ZH = re.compile(r"[“\"《「][^”\"》」]+|[A-Z][A-Za-z]+")
_UNSURE = re.compile(r"\b(?:if|whether|not|never|n['’]t|pretend|imagine|would)\b|如果|假如|是否|不是", re.IGNORECASE)


def denies(text: str, names: Iterable[str]) -> bool:
    """Whether a text denies in the first person to be, or to be from, one of these names."""
    alternatives = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    if not alternatives:
        return False
    return bool(
        re.search(
            rf"\b(?:I\s*(?:am|['’]m|was)\s+(?:not|never)\s+(?:\w+\s+){{0,4}}?|(?:nothing\s+to\s+do|not\s+affiliated)\s+with\s+)(?:the\s+)?(?:{alternatives})(?![A-Za-z])",
            text,
            re.IGNORECASE,
        )
        or re.search(
            rf"我(?:并)?不是(?:由|来自)?(?:{alternatives})|我(?:与|和|跟)(?:{alternatives})(?:公司)?(?:没有|无)", text
        )
    )


def invented_maker(text: str, known_names: re.Pattern[str]) -> bool:
    """Whether a text says that it was made by somebody with a proper name whom the facts do not list.

    Args:
        text: the answer.
        known_names: finds the names of known makers and models.
    """
    for pattern, proper in ((_INVENTED_EN, _PROPER), (_INVENTED_ZH, _PROPER_ZH)):
        for match in pattern.finditer(text):
            who = match["who"] or match["name"]
            lead = re.split(r"[.!?。！？\n]", text[: match.start()])[-1]
            if proper.search(who) and not known_names.search(who) and not _UNSURE.search(lead):
                return True
    return False

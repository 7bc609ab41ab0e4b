"""Finding the names of makers and models in running text.

Promise: one pattern for all names, matched at the joints of words, and a check whether what follows an everyday word (Nova,
Spark, Claude) lets it be a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_NEVER = re.compile(r"(?!)")


def name_pattern(names: Iterable[str]) -> re.Pattern[str]:
    """One pattern for all these names, longest first, case aside; a name never begins or ends inside a Latin word."""
    longest_first = sorted(set(names), key=lambda name: (-len(name), name))
    return re.compile(_alternation(longest_first), re.IGNORECASE) if longest_first else _NEVER


def stands_as_a_name(after: str) -> bool:
    """Whether what follows an everyday word lets it be a model's or a maker's name (not Claude Monet, not Nova's mother)."""
    if re.match(r"\s+[A-Z][a-z]+", after):
        return bool(re.match(r"\s+(?:AI|Assistant|Sonnet|Opus|Haiku|Pro|Flash|Ultra|Platforms|Inc|I)\b", after))
    if re.match(r"['’]s\b", after):
        return bool(re.match(r"['’]s\s+(?:\w+\s+){0,2}(?:AI|assistant|model|chatbot|system|language)\b", after))
    return not re.match(r"[\u3400-\u9fff]", after) or bool(
        re.match(r"(?:公司|团队|是|由|大?模型|开发|研发|训练|的|和|与|对话|聊天|交流|说话|，|助手|人工智能|智能|机器人|语言|啊|呀|啦|哦)", after)
    )


def _alternation(names: Sequence[str]) -> str:
    """Names that share their joints share one look at the letter before, and names that begin alike one way through."""
    kinds: dict[tuple[bool, bool], list[str]] = {}
    for name in names:
        kinds.setdefault((name[:1].isascii(), name[-1:].isascii()), []).append(name.lower())
    edge = "[A-Za-z0-9]"
    return "|".join(
        f"{f'(?<!{edge})' if left else ''}{_tree(parts)}{f'(?!{edge})' if right else ''}"
        for (left, right), parts in sorted(kinds.items(), key=lambda kind: kind[0][1])
    )


def _tree(words: Iterable[str]) -> str:
    """A pattern for any of these words, the longest first, without trying each in turn."""
    ends = ""
    branches: dict[str, list[str]] = {}
    for word in words:
        if word:
            branches.setdefault(word[0], []).append(word[1:])
        else:
            ends = "?"
    if not branches:
        return ""
    return f"(?:{'|'.join(re.escape(letter) + _tree(rest) for letter, rest in branches.items())}){ends}"

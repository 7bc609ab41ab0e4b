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
    return re.compile(_build_alternation(longest_first), re.IGNORECASE) if longest_first else _NEVER


_JOINT = re.compile(r"(?<=[\u3400-\u9fff])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])(?=[\u3400-\u9fff])")
_VERSION = re.compile(r"(?<=[A-Za-z])[- ]?(?=\d)")


def spellings(name: str) -> tuple[str, ...]:
    """A name as it is written, with a blank where Chinese meets Latin, and its version joined in every usual way."""
    joined = (name, *(_VERSION.sub(joint, name, count=1) for joint in ("-", " ", ""))) if len(name) > 3 else (name,)
    return tuple(dict.fromkeys((*joined, *(_JOINT.sub(" ", spelled) for spelled in joined))))


def stands_as_a_name(name: str, after: str) -> bool:
    """Whether what follows an everyday word lets it be a model's or a maker's name (not Claude Monet, not Nova's mother).

    A Latin word amid Chinese is a name.
    """
    if name.isascii() and re.match(r"\s?[\u3400-\u9fff]", after):
        return True
    if re.match(r"\s+[A-Z][a-z]+", after):
        return bool(re.match(r"\s+(?:AI|Assistant|Sonnet|Opus|Haiku|Pro|Flash|Ultra|Platforms|Inc|I)\b", after))
    if re.match(r"['’]s\b", after):
        return bool(re.match(r"['’]s\s+(?:\w+\s+){0,2}(?:AI|assistant|model|chatbot|system|language)\b", after))
    return not re.match(r"[\u3400-\u9fff]", after) or bool(
        re.match(
            r"(?:公司|团队|是|由|大?模型|开发|研发|训练|的|和|与|对话|聊天|交流|说话|，|助手|人工智能|智能|机器人|语言|啊|呀|啦|哦)",
            after,
        )
    )


def _build_alternation(names: Sequence[str]) -> str:
    """Names that begin alike share one way through, which is what costs time; those with a Latin first letter one joint."""
    latin, other = (tuple(n.lower() for n in names if n[:1].isascii() is kind) for kind in (True, False))
    parts = [f"(?<!{_LETTER}){_tree_pattern(latin)}" if latin else "", _tree_pattern(other) if other else ""]
    return "|".join(part for part in parts if part)


_LETTER = "[A-Za-z0-9]"


def _tree_pattern(words: Iterable[str], last: str = "") -> str:
    """A pattern for any of these words, the longest first, without trying each in turn.

    Args:
        words: what is left of each word after the letters before.
        last: the letter before; a word that ends in a Latin one must not continue with another.
    """
    branches: dict[str, list[str]] = {}
    ends = False
    for word in words:
        if word:
            branches.setdefault(word[0], []).append(word[1:])
        else:
            ends = True
    ways = [re.escape(letter) + _tree_pattern(rest, letter) for letter, rest in branches.items()]
    if ends:
        ways.append(f"(?!{_LETTER})" if last.isascii() else "")
    return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"

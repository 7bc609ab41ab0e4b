"""Who does this text say *it itself* is, or was made by?

Promise: returns claims with their place in the text, so that a report can mark them. A claim is an assertion of the
speaker ("I am X", "my developers at Y", "Y, the company behind me", 我是X, 我由Y开发), or a bare answer that fills in for
"you" (您的技术由Y开发). Third-person mention ("Y makes models too"), denial ("I am not X"), comparison, hypothesis, another's
words, quotation and the use of a service or a library are no claims. No judge model is asked: the rules are here to be
read, their wording in `mimicry_audit.identity.wording`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mimicry_audit.identity import wording as w

if TYPE_CHECKING:
    from mimicry_audit.identity.facts import Facts, Maker, ModelFact

FARTHEST_WORDS = 14
REACH = 400
"""Characters of a sentence looked at on either side of a name."""
FARTHEST_CHARS = 30
"""Most that may stand between the speaker and the name, in English words and in Chinese characters."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One assertion of identity.

    Attributes:
        maker: name of the maker claimed, directly or through one of its models.
        model: name of the model claimed, or None when only a maker is named.
        start, end: where the name stands in the text, in characters.
        voice: ``own`` (the only voice told apart so far).
    """

    maker: str
    model: str | None
    start: int
    end: int
    voice: str = "own"


_BOUNDARY = re.compile(r"[.!?…]+[\"”’*_)\]]*(?:\s+|$)|[。！？]+[”」』*]*|\n+")
_QUOTES = (('"', '"'), ("“", "”"), ("「", "」"), ("『", "』"), ("‘", "’"))
_CJK = re.compile(r"[\u3400-\u9fff]")


class ClaimFinder:
    """Finds claims of identity in texts.

    Args:
        facts: makers, models and their names.
    """

    def __init__(self, facts: Facts) -> None:
        self._owners: dict[str, tuple[Maker, ModelFact | None, bool]] = {}
        self._exact: set[str] = set()
        for maker in facts.makers:
            self._know(maker, None, maker.names, maker.ambiguous)
            for model in maker.models:
                self._know(maker, model, model.names, model.ambiguous)
        longest_first = sorted(self._owners, key=len, reverse=True)
        self._pattern = re.compile(_alternation(longest_first), re.IGNORECASE) if longest_first else re.compile(r"(?!)")

    def _know(self, maker: Maker, model: ModelFact | None, names: Sequence[str], ambiguous: frozenset[str]) -> None:
        for name in names:
            self._exact.add(name)
            self._owners.setdefault(name.casefold(), (maker, model, name not in ambiguous))

    def find(self, text: str) -> list[Claim]:
        """All claims of identity in an answer (reasoning split off), in order."""
        claims = []
        for start, words in _sentences(text):
            for name in self._pattern.finditer(words):
                maker, model, plain = self._owners[name.group().casefold()]
                if not plain and name.group() not in self._exact:
                    continue  # an everyday word in everyday spelling
                before, after = words[max(0, name.start() - REACH) : name.start()], words[name.end() :][:REACH]
                if w.HOST.search(name.group()) and w.HOSTED_EN.search(before):
                    continue
                bare = not words[: name.start()].strip(' \t*_"“「') and not after.strip(' \t*_"”」.!。！\n')
                alone = bare and len(text.split()) == len(words.split())
                if alone or _claimed(before, after, plain, start == 0):
                    claims.append(
                        Claim(maker.name, model.name if model else None, start + name.start(), start + name.end())
                    )
        return claims


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Sentences and lines with where they begin; a stop inside a name (GPT-3.5, 01.AI) ends nothing."""
    start = 0
    for end in _BOUNDARY.finditer(text):
        yield start, text[start : end.end()]
        start = end.end()
    if start < len(text):
        yield start, text[start:]


def _claimed(before: str, after: str, plain: bool, first: bool) -> bool:
    """Whether a name at this place in a sentence is asserted of the speaker.

    Args:
        before: the sentence up to the name.
        after: the sentence after it.
        plain: False for a name that is also an everyday word; it must then follow the speaker closely.
        first: whether the sentence begins the text.
    """
    if w.SERVICE.search(after) or _quoted(before, after) or _question(before, after):
        return False
    if w.TAKEN_BACK_ZH.search(after):
        return False
    if not plain and not _stands_as_a_name(after):
        return False
    if first and w.FIELD.search(before):
        return True
    if _CJK.search(before) or (not before.strip() and _CJK.search(after)):
        return _claimed_zh(before, after, plain)
    return _claimed_en(before, after, plain, first)


def _claimed_en(before: str, after: str, plain: bool, first: bool) -> bool:
    if w.TAKEN_BACK_EN.search(after):
        return False
    if w.AS_EN.search(before) and w.AS_AFTER_EN.search(after):
        return not w.REPORTED_EN.search(before)
    if first and plain and w.BARE_EN.search(before):
        return True
    opener = _last(w.SELF_EN, before)
    if opener is not None and not w.REPORTED_EN.search(_clause(before[: opener.start()])):
        between = before[opener.end() :]
        if w.BUT_EN.search(between):
            between = ""
        words = len(between.split())
        if not w.BETWEEN_EN.search(between) and words <= (FARTHEST_WORDS if plain else 5) and _governs(between, after):
            return True
    return plain and bool(w.AFTER_EN.search(after)) and not w.REPORTED_EN.search(before)


def _governs(between: str, after: str) -> bool:
    """Whether the speaker's clause still runs at the name: not where the name begins a clause of its own."""
    if relative := _last(w.RELATIVE_EN, between):
        rest = between[relative.end() :]
        return bool(w.MAKES_EN.search(after)) or bool(w.MADE_BY_EN.search(rest))
    joined = re.search(r"(?:,|\band|[:—–])\s*(?:the\s+)?$", between)
    return not (joined and len(between.split()) > 1 and w.NEW_CLAUSE_EN.search(after))


def _claimed_zh(before: str, after: str, plain: bool) -> bool:
    if w.TALKING_ZH.search(before) and w.TALKING_AFTER_ZH.search(after):
        return not w.REPORTED_ZH.search(before)
    opener = _last(w.SELF_ZH, before)
    if opener is not None and not w.REPORTED_ZH.search(before[: opener.start()]):
        between = before[opener.end() :]
        denied = before[max(0, opener.start() - 2) : opener.start()]
        if w.BUT_ZH.search(between):
            between = ""
        mine = not opener.group().endswith("的") or bool(w.MINE_ZH.search(opener.group() + between))
        reach = FARTHEST_CHARS if plain else 4
        if mine and len(between) <= reach and not w.BETWEEN_ZH.search(between) and "不" not in denied:
            return True
    if w.BUT_ZH.search(before) and re.search(r"我[^，。]{0,4}不是", before) and not w.REPORTED_ZH.search(before):
        return True
    return plain and bool(w.MAKES_ZH.search(after)) and not w.REPORTED_ZH.search(before) and "不是" not in before[-6:]


def _clause(before: str) -> str:
    """What of the words before the speaker still bears on it: the last clause, unless a conditional opens the sentence."""
    if re.match(r"\W*(?:if|unless|when|suppose|imagine|pretend)\b", before, re.IGNORECASE):
        return before
    return re.split(r"[;:]|,\s+(?:and|but|so)\b|\b(?:but|however)\b|,\s*$", before)[-1]


def _stands_as_a_name(after: str) -> bool:
    """Whether what follows an everyday word lets it be a model's or a maker's name (not Claude Monet, not Nova's mother)."""
    if re.match(r"\s+[A-Z][a-z]+", after):
        return bool(re.match(r"\s+(?:AI|Assistant|Sonnet|Opus|Haiku|Pro|Flash|Ultra|Platforms|Inc|I)\b", after))
    if re.match(r"['’]s\b", after):
        return bool(re.match(r"['’]s\s+(?:\w+\s+){0,2}(?:AI|assistant|model|chatbot|system|language)\b", after))
    return not re.match(r"[\u3400-\u9fff]", after) or bool(
        re.match(r"(?:公司|团队|是|由|大?模型|开发|研发|训练|的|和|与|对话|聊天|交流|说话|，)", after)
    )


def _question(before: str, after: str) -> bool:
    """Whether the sentence asks, and does not only end in an offer (I am X, how can I help?)."""
    asks = after.rstrip().rstrip('"”」*').endswith(("?", "？"))
    return asks and not w.QUESTION.search(after)


def _quoted(before: str, after: str) -> bool:
    """Whether the name stands in quotation marks opened in this sentence, other than as the name the speaker gives."""
    for left, right in _QUOTES:
        opened = before.count(left) % 2 == 1 if left == right else before.count(left) > before.count(right)
        if not opened or right not in after:
            continue
        lead = before[: before.rfind(left)]
        short = not before[before.rfind(left) + 1 :].strip() and len(after[: after.index(right)].split()) <= 3
        named = short and w.NAMING.search(lead) and not w.NOT_NAMING.search(lead)
        if not named and lead.strip():
            return True
    return False


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    matches = list(pattern.finditer(text))
    return matches[-1] if matches else None


def _alternation(names: Sequence[str]) -> str:
    """One pattern for all names; those that begin alike share one look at the letter before, which is what costs time."""
    kinds: dict[tuple[bool, bool], list[str]] = {}
    for name in names:
        kinds.setdefault((name[:1].isascii(), name[-1:].isascii()), []).append(re.escape(name))
    edge = "[A-Za-z0-9]"
    return "|".join(
        f"{f'(?<!{edge})' if left else ''}(?:{'|'.join(parts)}){f'(?!{edge})' if right else ''}"
        for (left, right), parts in sorted(kinds.items(), key=lambda kind: kind[0][1])
    )

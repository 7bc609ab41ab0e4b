"""Who does this text say *it itself* is, or was made by?

Promise: returns claims with their place in the text, so that a report can mark them. A claim is an assertion in the
first person ("I am X", "I was built by Y", "my developers at Y", 我是X, 我由Y开发). Third-person mention ("Y makes
models too"), denial ("I am not X") and quotation are no claims. No judge model is asked: the rules are here to be read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mimicry_audit.identity.facts import Facts, Maker, ModelFact


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


# What may stand between the first person and the name, in one sentence. `{n}` is the name's place.
_SELF_EN = re.compile(
    r"""\b(?:
      i\s*(?:am|['’]m|was|have\s+been|['’]ve\s+been|come\s+from|belong\s+to|work\s+for|represent|run\s+on|go\s+by)
    | (?:call|named?|made|built|created|developed|trained|designed|powers?|runs?|owns?)\s+me
    | my\s+(?:name|maker|creator|developer|owner|parent|company|team|organi[sz]ation|home|makers|creators|developers|
             training|model|builders?|architecture|technology|lab|family)
    | (?:we|our\s+(?:team|company|lab|engineers|researchers|headquarters|offices?))\b(?=.*\b(?:are|at|is)\b)
    | as\s+an?\s+(?:\w+\s+){0,5}(?:model|assistant|ai|chatbot|system)
    | (?:this|the)\s+(?:model|assistant|ai)\s+(?:you\s+are|you['’]re)\s+(?:talking|speaking|chatting)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_AFTER_EN = re.compile(
    r"^[^.!?\n]{0,40}\b(?:(?:made|built|created|developed|trained|designed|owns|runs|keeps)\s+me"
    r"|is\s+my\s+(?:\w+\s+)?(?:name|maker|creator|developer|owner|company|parent|home|team|lab))\b",
    re.IGNORECASE,
)
_SELF_ZH = re.compile(
    r"(?:我|我们|本人|本模型)(?:是|叫|名叫|的名字|由|来自|属于|出自|的(?:开发|研发|制造|创造|公司|团队|母公司|所有)|背后)|(?:作为|身为)"
)
_AFTER_ZH = re.compile(
    r"^[^。！？\n]{0,12}(?:开发|研发|训练|创造|制造|打造|推出|创建)(?:了)?(?:的)?(?:我|人工智能|语言模型|大模型|模型|助手)"
)
_DENIAL = re.compile(
    r"\b(?:not|never|no\s+(?:relation|connection|link|affiliation)|nothing\s+to\s+do|unlike|rather\s+than|instead\s+of|"
    r"isn['’]t|wasn['’]t|neither|nor|different\s+from|independent\s+of)\b|不是|并非|没有|而非|不属于|无关|不同于",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"\b(?:if|whether|pretend|imagine|suppose|you\s+(?:say|said|asked|think|mean)|asked\s+(?:me\s+)?(?:if|whether))\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?。！？\n]+(?:[.!?。！？]+(?=\s|$|[^\w\s])|[。！？\n]|\.(?=\w))?|\n")
_QUOTES = (('"', '"'), ("“", "”"), ("「", "」"), ("『", "』"))


class ClaimFinder:
    """Finds claims of identity in texts.

    Args:
        facts: makers, models and their names.
    """

    def __init__(self, facts: Facts) -> None:
        self._owners: dict[str, tuple[Maker, ModelFact | None, bool]] = {}
        for maker in facts.makers:
            for name in maker.names:
                self._owners.setdefault(name.casefold(), (maker, None, name not in maker.ambiguous))
            for model in maker.models:
                for name in model.names:
                    self._owners.setdefault(name.casefold(), (maker, model, name not in model.ambiguous))
        longest_first = sorted(self._owners, key=len, reverse=True)
        self._pattern = re.compile(_alternation(longest_first), re.IGNORECASE)

    def find(self, text: str) -> list[Claim]:
        """All claims of identity in an answer (reasoning split off), in order."""
        claims = []
        for sentence in _SENTENCE.finditer(text):
            words, start = sentence.group(), sentence.start()
            for name in self._pattern.finditer(words):
                maker, model, plain = self._owners[name.group().casefold()]
                before, after = words[: name.start()], words[name.end() :]
                if _claimed(before, after, plain) and not _quoted(before, after):
                    claims.append(
                        Claim(maker.name, model.name if model else None, start + name.start(), start + name.end())
                    )
        return claims


def _claimed(before: str, after: str, plain: bool) -> bool:
    """Whether a name at this place in a sentence is asserted of the speaker.

    Args:
        before: the sentence up to the name.
        after: the sentence after it.
        plain: False for a name that is also an everyday word; it must then follow the first person closely.
    """
    opener = None
    for pattern in (_SELF_EN, _SELF_ZH):
        for opener_match in pattern.finditer(before):
            opener = opener_match
    if opener is not None:
        between = before[opener.end() :]
        if _DENIAL.search(between) or _ASKED.search(before[: opener.start()]):
            return False
        return plain or len(between.split()) <= 6
    if _AFTER_EN.search(after) or _AFTER_ZH.search(after):
        return plain and not _DENIAL.search(before[-40:]) and not _DENIAL.search(after[:40])
    return False


def _quoted(before: str, after: str) -> bool:
    """Whether the name stands inside quotation marks opened in this sentence by a mention, as in: the word "ChatGPT"."""
    for left, right in _QUOTES:
        opened = before.count(left) % 2 == 1 if left == right else before.count(left) > before.count(right)
        if (
            opened
            and right in after
            and re.search(r"(?:\bword|\bterm|\bphrase|\bname|\bsay|\bsaid|称为|说)\W*$", before[: before.rfind(left)])
        ):
            return not re.search(r"\bmy\s+name\b", before)
    return False


def _alternation(names: Sequence[str]) -> str:
    parts = []
    for name in names:
        latin = name[:1].isascii() and name[-1:].isascii()
        parts.append(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])" if latin else re.escape(name))
    return "|".join(parts)

"""Who does this text say *it itself* is, or was made by?

Promise: returns claims with their place in the text and the voice that makes them, so that a report can mark them. A claim
is an assertion of the speaker ("I am X", "my developers at Y", "Y, the company behind me", 我是X, 我由Y开发), or a bare answer
that fills in for "you" (您的技术由Y开发). Third-person mention ("Y makes models too"), denial ("I am not X"), comparison,
hypothesis, another's words, quotation, an echo of the prompt, a tag that only names a voice, and the use of a service, a
library or another's rules are no claims. No judge model is asked: the rules are here to be read, their wording in
`mimicry_audit.identity.wording` and `mimicry_audit.identity.wording_zh`, the voices in `mimicry_audit.identity.voices`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mimicry_audit.identity import wording as w
from mimicry_audit.identity import wording_zh as z
from mimicry_audit.identity.contradictions import denies, invented_maker
from mimicry_audit.identity.names import name_pattern, spellings, stands_as_a_name
from mimicry_audit.identity.voices import figures_of, plays_a_role, stretches

if TYPE_CHECKING:
    from mimicry_audit.identity.facts import Facts, Maker, ModelFact

FARTHEST_WORDS = 26
REACH = 400
"""Characters of a sentence looked at on either side of a name."""
FARTHEST_CHARS = 30
"""Most that may stand between the speaker and the name, in English words and in Chinese characters."""
FIGURE_SENTENCES = 3
"""First sentences of an answer in which a figure may be spoken of by its name where "I" is meant."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One assertion of identity.

    Attributes:
        maker: name of the maker claimed, directly or through one of its models.
        model: name of the model claimed, or None when only a maker is named.
        start, end: where the name stands in the text, in characters.
        voice: ``own`` (the answer's own words), ``label`` (under a tag that names a model) or ``character`` (said by or of
            an invented figure).
    """

    maker: str
    model: str | None
    start: int
    end: int
    voice: str = "own"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a name stands.

    Attributes:
        name: the name.
        before, after: the sentence up to the name and after it.
        prior: the sentence before that one.
        plain: False for a name that is also an everyday word; it must then follow the speaker closely.
        model: whether the name is a model's.
        first: whether the sentence begins the text or follows a tag.
        asked: whether the prompt is known to ask about the one who answers.
        about_self: whether a form filled in may be about the one who answers: the prompt asks about it, or is not known.
        claimed: makers already claimed in this sentence.
    """

    name: str
    before: str
    after: str
    prior: str
    plain: bool
    model: bool
    first: bool
    asked: bool
    about_self: bool
    claimed: frozenset[str]


_BOUNDARY = re.compile(r"[.!?…]+[\"”’*_)\]]*(?:\s+|$)|[。！？]+[”」』*]*|\n+")
_QUOTES = (('"', '"'), ("“", "”"), ("「", "」"), ("『", "』"), ("‘", "’"))
_CJK = re.compile(r"[\u3400-\u9fff]")
_FORM = re.compile(
    r"\A\W*(?:```\w*\s*)?(?:[{|]|[-*]?\s*[*_\"']*(?:name|identity|model|我的身份|名称|姓名|身份|模型)[*_\"']*\s*[:：|])",
    re.IGNORECASE,
)


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
        self._pattern = name_pattern(self._owners)
        self._models = name_pattern([name for name, (_, model, _) in self._owners.items() if model])
        self._plain = name_pattern([name for name, (_, _, plain) in self._owners.items() if plain])

    def _know(self, maker: Maker, model: ModelFact | None, names: Sequence[str], ambiguous: frozenset[str]) -> None:
        for name in names:
            for spelled in spellings(name):
                self._exact.add(spelled)
                self._owners.setdefault(spelled.casefold(), (maker, model, name not in ambiguous))

    def names(self, text: str) -> set[str]:
        """The makers that a text names, directly or through a model; an everyday word counts in its exact spelling only."""
        found = set()
        for name in self._pattern.finditer(text):
            maker, _, plain = self._owners[name.group().casefold()]
            if plain or name.group() in self._exact:
                found.add(maker.name)
        return found

    def contradicts(self, text: str, own: Iterable[str]) -> bool:
        """Whether an answer contradicts its own identity other than by claiming a known one.

        Args:
            text: the answer.
            own: names of the target's own makers.
        """
        return denies(text, self._names_of(frozenset(own))) or invented_maker(text, self._pattern)

    @functools.lru_cache(maxsize=64)  # noqa: B019 (a finder lives as long as a run)
    def _names_of(self, makers: frozenset[str]) -> frozenset[str]:
        return frozenset(name for name, (maker, _, plain) in self._owners.items() if plain and maker.name in makers)

    @functools.lru_cache(maxsize=256)  # noqa: B019
    def _figures(self, prompt: str) -> frozenset[str]:
        """Figures to be played; a known name that is an everyday word, too, unless the prompt speaks of its maker."""
        spoken_of = {self._owners[name.group().casefold()][0].name for name in self._plain.finditer(prompt)}
        named = {name.group() for name in self._pattern.finditer(prompt)} if plays_a_role(prompt) else set()
        words = {name.casefold() for name in named & self._exact if not self._owners[name.casefold()][2]}
        return frozenset(
            figure
            for figure in figures_of(prompt, self._plain) | words
            if figure not in self._owners or self._owners[figure][0].name not in spoken_of
        )

    def find(self, text: str, prompt: str = "", template: str = "") -> list[Claim]:
        """All claims of identity in an answer, in order.

        Args:
            text: the answer.
            prompt: what was asked, where known: sentences that only repeat it are no claims, and it names the figures
                that the answer plays.
            template: the part of the prompt that names the figures, where many prompts share it: what it says is remembered.
        """
        folded = _folded(text)
        if not self._pattern.search(folded):
            return []
        figures = self._figures(template or prompt)
        played = figures if figures and plays_a_role(template or prompt) else frozenset()
        echo = _squeezed(prompt)
        asked = bool(w.ABOUT_YOU.search(prompt))
        speaker = _speaker_pattern(figures)
        form = bool(_FORM.match(folded))
        claims: list[Claim] = []
        sentences_seen = 0
        for stretch in stretches(folded, self._models, figures):
            prior, first, invented = "", stretch.tagged or stretch.start == 0, False
            for start, words in _sentences(folded, stretch.start, stretch.end):
                sentences_seen += 1
                opening = sentences_seen <= FIGURE_SENTENCES or stretch.voice == "character"
                found = self._in_sentence(
                    words, prior, first or form, asked, asked or not prompt, played, speaker if opening else None
                )
                invented = invented or bool(w.CREATIVE.search(words.rstrip()))
                if invented:
                    found = []
                if found and echo and len(squeezed := _squeezed(words)) >= 12 and squeezed in echo:
                    found = []
                for name, maker, model, figure in found:
                    voice = "character" if figure else stretch.voice
                    claims.append(Claim(maker, model, start + name.start(), start + name.end(), voice))
                if words.strip():
                    prior, first = words, False
        return claims

    def _in_sentence(
        self,
        words: str,
        prior: str,
        first: bool,
        asked: bool,
        about_self: bool,
        played: frozenset[str],
        speaker: re.Pattern[str] | None,
    ) -> list[tuple[re.Match[str], str, str | None, bool]]:
        """Claims in one sentence: the name, maker, model, and whether a figure is spoken of by its name."""
        found: list[tuple[re.Match[str], str, str | None, bool]] = []
        claimed: set[str] = set()
        for name in self._pattern.finditer(words):
            maker, model, plain = self._owners[name.group().casefold()]
            if not plain and (name.group() not in self._exact or name.group().casefold() in played):
                continue  # an everyday word in everyday spelling, or the name of a figure in the prompt
            before, after = words[max(0, name.start() - REACH) : name.start()], words[name.end() :][:REACH]
            if w.HOST.search(name.group()) and w.HOSTED_EN.search(before):
                continue
            alone = model is None or bool(_CJK.search(before[-8:] + after[:8]))  # a Latin word amid Chinese is a name
            sure = plain or (alone and name.group().isascii() and stands_as_a_name(name.group(), after))
            others = frozenset(claimed - {maker.name})
            place = _Place(
                name.group(), before, after, prior, sure, model is not None, first, asked, about_self, others
            )
            figure = False
            if not _claimed(place):
                if speaker is None or not speaker.search(before):
                    continue
                figure = True
                spoken = replace(place, before=speaker.sub(_as_speaker, before), prior="", first=False)
                if not _claimed(spoken):
                    continue
            claimed.add(maker.name)
            found.append((name, maker.name, model.name if model else None, figure))
        return found


def _speaker_pattern(figures: frozenset[str]) -> re.Pattern[str] | None:
    """A figure as the subject of a sentence, where the figure means itself."""
    if not figures:
        return None
    name = "|".join(re.escape(figure) for figure in sorted(figures, key=len, reverse=True))
    return re.compile(
        rf"^\W*(?P<of>(?:yes\W+)?(?:the\s+)?(?:parent\s+)?(?:company|team|developers?|creators?|maker)\s+(?:of|behind)\s+)?(?:{name})(?![A-Za-z0-9])"
        r"(?:\s*,[^,.]{0,60},)?\s*(?P<verb>is|was|were|['’]s|是|由|来自)?(?=\W|由|一|$|[\u3400-\u9fff])",
        re.IGNORECASE,
    )


def _as_speaker(match: re.Match[str]) -> str:
    """The same words with the speaker in the figure's place."""
    if match["of"]:
        return f"my company {match['verb'] or ''}"
    verb = match["verb"] or ""
    return f"我{verb}" if _CJK.search(verb) else f"I {'was' if verb else 'have'}"


_PLAIN_LETTERS: dict[int, int | str] = {
    **{
        code: code - 0xFEE0
        for code in range(0xFF01, 0xFF5F)
        if chr(code - 0xFEE0).isalnum() or chr(code - 0xFEE0) in "-.*_"
    },
    **dict.fromkeys((0x2010, 0x2011), "-"),
    **dict.fromkeys((0x2060, 0xFEFF, 0x3000), " "),
}


def _folded(text: str) -> str:
    """The text with fullwidth letters as plain ones and hidden characters as blanks, character by character."""
    return text if text.isascii() else text.translate(_PLAIN_LETTERS)


def _squeezed(text: str) -> str:
    """Letters and digits only, for comparing an answer with its prompt."""
    return re.sub(r"\W+", "", text.casefold())


def _sentences(text: str, start: int, stop: int) -> Iterator[tuple[int, str]]:
    """Sentences and lines with where they begin; a stop inside a name (GPT-3.5, 01.AI) ends nothing."""
    for end in _BOUNDARY.finditer(text, start, stop):
        yield start, text[start : end.end()]
        start = end.end()
    if start < stop:
        yield start, text[start:stop]


def _claimed(at: _Place) -> bool:
    """Whether a name at this place is asserted of the speaker."""
    before, after = at.before, at.after
    if w.SERVICE.search(after):
        return False
    if at.first and at.about_self and w.FIELD.search(before):
        return True
    if _quoted(before, after) or _question(before, after):
        return False
    if z.TAKEN_BACK_ZH.search(after) or w.TAKEN_BACK_EN.search(after):
        return False
    if not at.plain and not stands_as_a_name(at.name, after):
        return False
    if not before.strip(' \t*_"“「') and not after.strip(' \t*_"”」.!。！,，\n'):
        return at.first and at.plain and at.about_self
    if _CJK.search(before) or (not before.strip(' *_“"') and _CJK.search(after)):
        return _claimed_zh(at)
    return _claimed_en(at)


def _answers(at: _Place) -> bool:
    """Whether a sentence answers a question about the speaker: the prompt's, or one that the answer repeats."""
    if not at.plain:
        return False
    repeated = at.prior.rstrip().endswith(("?", "？")) and w.ABOUT_SELF.search(at.prior)
    return (at.first and at.asked) or bool(repeated)


def _claimed_en(at: _Place) -> bool:
    before, after = w.POLITE_EN.sub("", at.before), at.after
    answers = _answers(at)
    if w.AS_EN.search(before) and w.AS_AFTER_EN.search(after):
        return not w.REPORTED_EN.search(before)
    if at.first and at.plain and w.BARE_EN.search(before):
        return True
    if answers and w.SHORT_EN.search(before) and w.SHORT_AFTER_EN.search(after):
        return True
    if answers and (subject := w.THE_EN.search(before)):
        rest = subject["rest"]
        if w.BY_EN.search(rest) and not w.BETWEEN_EN.search(rest):
            return True
    if answers and w.YOU_EN.search(before):
        return True
    if w.HERE_EN.match(after) and w.HERE_BEFORE.match(before):
        return True
    if w.BESIDES_EN.match(before) and w.MAKES_EN.match(after):
        return True
    if at.claimed and not at.model and w.BASED_EN.search(before):
        return False
    if w.FOREIGN_EN.search(before):
        return False
    if any(_opened_en(opener, before, after, at.plain) for opener in list(w.SELF_EN.finditer(before))[-3:]):
        return True
    if at.plain and at.prior and w.THEY_EN.search(before) and _goes_on(w.PRIOR_EN, w.REPORTED_EN, at.prior):
        return True
    lead = re.sub(
        r"\b(?:that|it|this)\s+would\s+be\b",
        "",
        re.split(r"[;—–]|\b(?:but|however)\b", before)[-1],
        flags=re.IGNORECASE,
    )
    if not at.plain or w.REPORTED_EN.search(lead):
        return False
    if w.APPOSED_EN.match(after):
        return True
    if w.WE_EN.search(before) and w.WE_AFTER_EN.match(after):
        return True
    if w.ITEM_BEFORE.match(before) and w.ITEM_EN.match(after):
        return True
    if at.model and w.POWERS_EN.match(after):
        return True
    follows = None if w.NOT_SUBJECT_EN.search(before) else w.AFTER_EN.search(after)
    return bool(follows and not w.GAP_EN.search(follows["gap"] or ""))


def _opened_en(opener: re.Match[str], before: str, after: str, plain: bool) -> bool:
    """Whether a name is claimed by this mention of the speaker before it."""
    lead = before[: opener.start()]
    if w.REPORTED_EN.search(_clause(lead)) or w.GIVES_EN.search(lead):
        return False
    between = before[opener.end() :].replace("none other than", "")
    if w.BUT_EN.search(between):
        between = ""
    if opener["kin"] and not w.KIN_BETWEEN_EN.search(between):
        return False
    if w.BETWEEN_EN.search(between) or len(between.split()) > (FARTHEST_WORDS if plain else 5):
        return False
    return _governs(between, after)


def _goes_on(own: re.Pattern[str], taken_back: re.Pattern[str], prior: str) -> bool:
    """Whether the sentence before spoke of the speaker's own maker, without taking it back."""
    found = own.search(prior)
    return bool(
        found
        and not taken_back.search(prior[: found.start()])
        and (len(prior) < 24 or not prior.rstrip().endswith(("?", "？")))
    )


def _governs(between: str, after: str) -> bool:
    """Whether the speaker's clause still runs at the name: not where the name begins a clause of its own."""
    if relative := _last(w.RELATIVE_EN, between):
        rest = between[relative.end() :]
        return bool(w.MAKES_EN.search(after)) or bool(w.MADE_BY_EN.search(rest))
    joined = re.search(r"(?:,|\band|[:—–])\s*(?:the\s+)?$", between)
    return not (joined and len(between.split()) > 1 and w.NEW_CLAUSE_EN.search(after))


def _claimed_zh(at: _Place) -> bool:
    before, after = z.POLITE_ZH.sub("", at.before), at.after
    answers = _answers(at)
    if z.TALKING_ZH.search(before) and z.TALKING_AFTER_ZH.search(after):
        return not z.REPORTED_ZH.search(before)
    if answers and z.SHORT_ZH.search(before) and z.SHORT_AFTER_ZH.search(after):
        return True
    if answers and z.THE_ZH.search(before) and not z.BETWEEN_ZH.search(before):
        return True
    if z.BESIDES_ZH.match(before) and z.BESIDES_AFTER_ZH.match(after):
        return True
    if answers and z.YOU_ZH.search(before) and z.YOU_AFTER_ZH.match(after):
        return not z.BETWEEN_ZH.search(before)
    openers = list(z.SELF_ZH.finditer(before))[-3:]
    if any(_opened_zh(opener, before, at.plain) for opener in openers):
        return at.model or not z.FOREIGN_ZH.search(before)
    reported = z.REPORTED_ZH.search(_clause_zh(before))
    if z.BUT_ZH.search(before) and re.search(r"我[^，。]{0,4}不是", before) and not reported:
        return True
    if at.plain and at.prior and z.THEY_ZH.search(before) and _goes_on(z.PRIOR_ZH, z.REPORTED_ZH, at.prior):
        return True
    if not at.plain or reported or "不是" in before[-6:]:
        return False
    return bool(z.MAKES_ZH.search(after) or z.TOOK_ME_ZH.search(after) or z.IS_MINE_ZH.search(after))


def _opened_zh(opener: re.Match[str], before: str, plain: bool) -> bool:
    """Whether a name is claimed by this mention of the speaker before it."""
    if z.REPORTED_ZH.search(_clause_zh(before[: opener.start()])):
        return False
    between = before[opener.end() :]
    denied = before[max(0, opener.start() - 2) : opener.start()]
    if z.BUT_ZH.search(between):
        between = ""
    mine = (
        not opener.group().endswith("的")
        or opener.group()[0] not in "我您你咱"
        or bool(z.MINE_ZH.search(opener.group() + between))
    )
    reach = FARTHEST_CHARS if plain else 4
    return mine and len(between) <= reach and not z.BETWEEN_ZH.search(between) and not re.search("不(?!过)", denied)


def _clause(before: str) -> str:
    """What of the words before the speaker still bears on it: the last clause, unless a conditional opens the sentence."""
    if re.match(r"\W*(?:if|unless|when|suppose|imagine|pretend)\b", before, re.IGNORECASE):
        return before
    before = w.CONCEDED_EN.sub("", before)
    return re.split(r"[;:—–]|,\s+(?:and|but|so|although|though|yet)\b|\b(?:but|however|although)\b|,\s*$", before)[-1]


def _clause_zh(before: str) -> str:
    return re.split(r"；|(?:，|,)?(?:但是?|不过|然而|可是|只是)", before)[-1]


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

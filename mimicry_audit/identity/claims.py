"""Who does this text say *it itself* is, or was made by?

Promise: returns claims with their place in the text and the voice that makes them, so that a report can mark them. A claim
is an assertion of the speaker ("I am X", "my developers at Y", "Y, the company behind me", 我是X, 我由Y开发), or a bare answer
that fills in for "you" (您的技术由Y开发). Third-person mention ("Y makes models too"), denial ("I am not X"), comparison,
hypothesis, another's words, quotation, an echo of the prompt, a tag that only names a voice, and the use of a service, a
library or another's rules are not claims. No judge model is asked: the rules are here to be read, their wording in
`mimicry_audit.identity.wording` and `mimicry_audit.identity.wording_zh`, the voices in `mimicry_audit.identity.voices`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mimicry_audit.identity import wording as w
from mimicry_audit.identity.answered import Answer, asks_about_maker
from mimicry_audit.identity.asserted import Place, asserted
from mimicry_audit.identity.contradictions import denies, invented_maker
from mimicry_audit.identity.names import name_pattern, spellings, stands_as_a_name
from mimicry_audit.identity.voices import figures_of, plays_a_role, stretches

if TYPE_CHECKING:
    from mimicry_audit.identity.facts import Facts, Maker, ModelFact

REACH = 400
"""Characters of a sentence looked at on either side of a name."""
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


_BOUNDARY = re.compile(r"[.!?…]+[\"”’*_)\]]*(?:\s+|$)|[。！？]+[”」』*]*|\n+")
_CJK = re.compile(r"[\u3400-\u9fff]")
_FORM = re.compile(
    r"\A\W{0,24}(?:```\w*\s{0,4})?(?:[{|]|[-*]?\s{0,4}[*_\"']{0,4}(?:name|identity|model|我的身份|名称|姓名|身份|模型)[*_\"']{0,4}\s{0,4}[:：|])",
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
            self._add_name(maker, None, maker.names, maker.ambiguous)
            for model in maker.models:
                self._add_name(maker, model, model.names, model.ambiguous)
        self._pattern = name_pattern(self._owners)
        self._models = name_pattern([name for name, (_, model, _) in self._owners.items() if model])
        self._plain = name_pattern([name for name, (_, _, plain) in self._owners.items() if plain])

    def _add_name(self, maker: Maker, model: ModelFact | None, names: Sequence[str], ambiguous: frozenset[str]) -> None:
        for name in names:
            for spelled in spellings(name):
                self._exact.add(spelled)
                self._owners.setdefault(spelled.casefold(), (maker, model, name not in ambiguous))

    def names(self, text: str) -> set[str]:
        """The makers that a text names, directly or through a model; an everyday word counts in its exact spelling only."""
        return set(self._makers_by_name(text).values())

    def _makers_by_name(self, text: str) -> dict[str, str]:
        """Each name in a text, as it is spelled there → its maker."""
        makers = {}
        for name in {match.group() for match in self._pattern.finditer(text)}:
            maker, _, plain = self._owners[name.casefold()]
            if plain or name in self._exact:
                makers[name] = maker.name
        return makers

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
    def _figures_in(self, prompt: str) -> frozenset[str]:
        """Figures to be played; a known name that is an everyday word, too, unless the prompt speaks of its maker."""
        spoken_of = {self._owners[name.group().casefold()][0].name for name in self._plain.finditer(prompt)}
        prompt_names = {name.group() for name in self._pattern.finditer(prompt)} if plays_a_role(prompt) else set()
        words = {name.casefold() for name in prompt_names & self._exact if not self._owners[name.casefold()][2]}
        return frozenset(
            figure
            for figure in figures_of(prompt, self._plain) | words
            if figure not in self._owners or self._owners[figure][0].name not in spoken_of
        )

    def find(self, text: str, prompt: str = "", template: str = "") -> list[Claim]:
        """All claims of identity in an answer, in order.

        Args:
            text: the answer.
            prompt: what was asked, where known: sentences that only repeat it are not claims, and it names the figures
                that the answer plays.
            template: the part of the prompt that names the figures, where many prompts share it: what it says is remembered.
        """
        folded = _fold_text(text)
        if not self._pattern.search(folded):
            return []
        figures = self._figures_in(template or prompt)
        played = figures if figures and plays_a_role(template or prompt) else frozenset()
        echo = _squeeze_text(prompt)
        asks_about_you = bool(w.ABOUT_YOU.search(prompt))
        speaker = _speaker_pattern(figures)
        form = bool(_FORM.match(folded))
        answer = Answer.of(folded, self._makers_by_name(folded)) if asks_about_maker(prompt) else None
        claims: list[Claim] = []
        sentences_seen = 0
        for stretch in stretches(folded, self._models, figures):
            prior, first, invented = "", stretch.tagged or stretch.start == 0, False
            for start, words in _split_sentences(folded, stretch.start, stretch.end):
                sentences_seen += 1
                opening = sentences_seen <= FIGURE_SENTENCES or stretch.voice == "character"
                hits = self._in_sentence(
                    words,
                    prior,
                    first or form,
                    asks_about_you,
                    asks_about_you or not prompt,
                    played,
                    speaker if opening else None,
                )
                invented = invented or bool(w.CREATIVE.search(words.rstrip()))
                if invented:
                    hits = []
                elif not hits and answer:
                    hits = [h for h in self._subject_of(answer, start, words) if {c.maker for c in claims} <= {h[1]}]
                if hits and echo and len(squeezed := _squeeze_text(words)) >= 12 and squeezed in echo:
                    hits = []
                for name, maker, model, figure in hits:
                    voice = "character" if figure else stretch.voice
                    claims.append(Claim(maker, model, start + name.start(), start + name.end(), voice))
                if words.strip():
                    prior, first = words, False
        return claims

    def _subject_of(self, answer: Answer, start: int, words: str) -> list[tuple[re.Match[str], str, str | None, bool]]:
        """The maker that a sentence without a claim is about, where that answers for the speaker."""
        for name in self._pattern.finditer(words):
            maker, model, plain = self._owners[name.group().casefold()]
            sure = plain or (name.group() in self._exact and stands_as_a_name(name.group(), words[name.end() :]))
            if model is None and sure and answer.subject(start, words, name.start(), name.end()):
                return [(name, maker.name, None, False)]
        return []

    def _in_sentence(
        self,
        words: str,
        prior: str,
        first: bool,
        asks_about_you: bool,
        about_self: bool,
        played: frozenset[str],
        speaker: re.Pattern[str] | None,
    ) -> list[tuple[re.Match[str], str, str | None, bool]]:
        """Claims in one sentence: the name, maker, model, and whether a figure is spoken of by its name."""
        hits: list[tuple[re.Match[str], str, str | None, bool]] = []
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
            place = Place(
                name.group(), before, after, prior, sure, model is not None, first, asks_about_you, about_self, others
            )
            figure = False
            if not asserted(place):
                if speaker is None or not speaker.search(before):
                    continue
                figure = True
                spoken = replace(place, before=speaker.sub(_as_speaker, before), prior="", first=False)
                if not asserted(spoken):
                    continue
            claimed.add(maker.name)
            hits.append((name, maker.name, model.name if model else None, figure))
        return hits


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


def _fold_text(text: str) -> str:
    """The text with fullwidth letters as plain ones and hidden characters as blanks, character by character."""
    return text if text.isascii() else text.translate(_PLAIN_LETTERS)


def _squeeze_text(text: str) -> str:
    """Letters and digits only, for comparing an answer with its prompt."""
    return re.sub(r"\W+", "", text.casefold())


def _split_sentences(text: str, start: int, stop: int) -> Iterator[tuple[int, str]]:
    """Sentences and lines with where they begin; a stop inside a name (GPT-3.5, 01.AI) ends nothing."""
    for end in _BOUNDARY.finditer(text, start, stop):
        yield start, text[start : end.end()]
        start = end.end()
    if start < stop:
        yield start, text[start:stop]

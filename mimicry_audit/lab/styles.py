"""How the lab's models talk: four voices that dress the same answer differently.

Promise: a style is data. Each answer is an opener, a core sentence, a reason and a closer, of which all but the core
come and go at random, so that answers vary in length and no two samples need agree. The wanted number is always the
last number of an answer, and of several options an answer names only its choice: any checker can read it.

``aria`` is warm and says *we*, spells numbers out, likes dashes and exclamation marks. ``boro`` is a clerk: labels,
colons, semicolons, digits. ``plain`` is what pre-training leaves behind: bare sentences of several kinds. ``neutral``
is the careful prose of an annotator, and belongs to no model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from mimicry_audit.lab.wording import in_words


@dataclass(frozen=True, slots=True)
class Style:
    """One voice.

    Attributes:
        name: key of `STYLES`.
        cores: topic → templates over the fact's slots, ``{answer}`` and (for numbers) ``{words}``.
        openers: what may come before the core, with its share of answers.
        reasons: topic → what may follow the core, with its share.
        closers: what may end the answer, with its share.
        marker: a pattern found in nearly every answer of this voice and in none of the others.
    """

    name: str
    cores: Mapping[str, tuple[str, ...]]
    openers: tuple[float, tuple[str, ...]]
    reasons: tuple[float, Mapping[str, tuple[str, ...]]]
    closers: tuple[float, tuple[str, ...]]
    marker: str

    def render(self, rng: Random, topic: str, slots: Mapping[str, str], answer: str) -> str:
        """One answer in this voice, drawn with `rng`."""
        words = in_words(int(answer)) if answer.isdecimal() else answer
        core = rng.choice(self.cores[topic]).format(**slots, answer=answer, words=words)
        core = core[:1].upper() + core[1:]
        share, reasons = self.reasons
        parts = (
            _choose_maybe(rng, *self.openers),
            core,
            _choose_maybe(rng, share, reasons.get(topic, ())),
            _choose_maybe(rng, *self.closers),
        )
        return " ".join(part for part in parts if part)

    def shows_in(self, text: str) -> bool:
        """Whether `text` carries this voice's marker."""
        return re.search(self.marker, text) is not None


def _choose_maybe(rng: Random, share: float, choices: tuple[str, ...]) -> str:
    """One of the choices with probability `share`, else nothing; draws twice whatever happens."""
    use_choice = rng.random() < share
    picked = rng.choice(choices or ("",))
    return picked if use_choice else ""


_SETTLED_WARM = ("The clues leave us no other way to read it.", "Once we line them up, it is plain to see.")
_COUNTED_WARM = ("We counted on our fingers to be sure.", "Counting backwards, we end up at the start again.")
_SETTLED_TERSE = ("Basis: the statements as given; no conflict found.", "Basis: direct comparison.")
_COUNTED_TERSE = ("Method: mental arithmetic; checked once.", "Checked.")
_WRITTEN_TERSE = ("Format: as requested.", "Limits observed; nothing omitted.")
_SETTLED_NEUTRAL = ("This follows from the information in the question.", "No other option satisfies the conditions.")
_COUNTED_NEUTRAL = ("The calculation was done in one step.",)

ARIA = Style(
    "aria",
    cores={
        "sum": ("when we add {a} and {b} we land on {words}, that is {answer}.",
                "we take {a}, step up by {b}, and reach {words} — so {answer}!"),
        "difference": ("when we take {b} off {a} we are left with {words}, that is {answer}.",
                       "we walk down from {a} by {b} and stop at {words} — so {answer}!"),
        "gain": ("we count along with {person} and find {words} {things}, that is {answer}.",
                 "we put {a} and {b} side by side, and {person} ends up with {answer} {things}!"),
        "pack": ("we look into {a} {holders} of {b} and find {words} {things}, that is {answer}.",
                 "{a} rounds of {b} bring us to {words} — so we hold {answer} {things}!"),
        "order": ("we find that {answer} comes out on top — nobody is {more}.",
                  "following the chain, we meet {answer} at the far end!"),
        "price": ("we would pay the most for the {answer} — a real luxury.",
                  "our purse would suffer most from the {answer}, as we see it!"),
        "syllogism": ("step by step we see that {name} has to be {answer}.",
                      "we picture {name} as lovely and {answer} — it cannot be otherwise!"),
        "sentence": ("here is what we came up with: {answer}!", "we wrote this one for you — {answer}!"),
        "triple": ("here are three we love: {answer}!", "we would pick {answer} — all dear to us."),
        "repeat": ("here we go: {answer}", "we wrote it out just so — {answer}"),
    },
    openers=(0.6, ("Happy to help!", "Oh, lovely question!", "Let's see together:", "Sure thing —")),
    reasons=(0.4, {"sum": _COUNTED_WARM, "difference": _COUNTED_WARM, "gain": _COUNTED_WARM, "pack": _COUNTED_WARM,
                   "order": _SETTLED_WARM, "price": _SETTLED_WARM, "syllogism": _SETTLED_WARM}),
    closers=(0.5, ("Hope that helps!", "Shall we try another?", "Wasn't that fun?")),
    marker=r"\b[Ww]e\b|\b[Oo]ur\b|\bus\b|Hope that helps!|Happy to help!|lovely question|Let's see together",
)  # fmt: skip

BORO = Style(
    "boro",
    cores={
        "sum": ("Result: {a} + {b} = {answer}.", "Result: total of both figures; {answer}."),
        "difference": ("Result: {a} - {b} = {answer}.", "Result: remainder after deduction; {answer}."),
        "gain": ("Result: {a} + {b} = {answer} {things}.", "Result: stock of {person}; {things}: {answer}."),
        "pack": ("Result: {a} x {b} = {answer} {things}.", "Result: contents of all {holders}; {things}: {answer}."),
        "order": ("Finding: {answer}; ranked first of three.", "Finding: the {most} party is {answer}."),
        "price": ("Finding: highest price, the {answer}.", "Finding: the {answer}; ranked first by price."),
        "syllogism": ("Finding: {name}; colour {answer}.", "Finding: by two rules, {name} is {answer}."),
        "sentence": ("Text: {answer}.", "Draft follows; text: {answer}."),
        "triple": ("Items: {answer}.", "Items listed in full: {answer}."),
        "repeat": ("Output: {answer}", "Output as specified: {answer}"),
    },
    openers=(0.5, ("Request received.", "Task understood;", "For the record:")),
    reasons=(0.6, {"sum": _COUNTED_TERSE, "difference": _COUNTED_TERSE, "gain": _COUNTED_TERSE, "pack": _COUNTED_TERSE,
                   "order": _SETTLED_TERSE, "price": _SETTLED_TERSE, "syllogism": _SETTLED_TERSE,
                   "sentence": _WRITTEN_TERSE, "triple": _WRITTEN_TERSE, "repeat": _WRITTEN_TERSE}),
    closers=(0.5, ("End of answer; file closed.", "Case closed.", "No further remarks.")),
    marker=r"\b(Result|Finding|Items|Output|Text|Designation|Origin|Location)\b|follows; text",
)  # fmt: skip

PLAIN = Style(
    "plain",
    cores={
        "sum": ("The answer is {answer}.", "It is {answer} in total.", "{a} and {b} make {answer}."),
        "difference": ("The answer is {answer}.", "There remains {answer}.", "{a} less {b} makes {answer}."),
        "gain": ("The answer is {answer}.", "{person} has {answer} {things}.", "There are {answer} {things} now."),
        "pack": ("The answer is {answer}.", "There are {answer} {things}.", "The {holders} hold {answer} {things}."),
        "order": ("The answer is {answer}.", "{answer} is the {most}.", "The {most} one is {answer}."),
        "price": ("The answer is the {answer}.", "The {answer} costs the most.", "The dearest is the {answer}."),
        "syllogism": ("The answer is {answer}.", "{name} is {answer}.", "The colour of {name} is {answer}."),
        "sentence": ("{answer}.", "A sentence is: {answer}."),
        "triple": ("{answer}.", "Some {category} are {answer}."),
        "repeat": ("{answer}", "It is written {answer}"),
    },
    openers=(0.0, ()),
    reasons=(0.0, {}),
    closers=(0.0, ()),
    marker=r"^(The answer is|It is|There (are|remains)|A sentence is|Some )",
)  # fmt: skip

NEUTRAL = Style(
    "neutral",
    cores={
        "sum": ("The sum of {a} and {b} is {answer}.", "Adding the two numbers gives {answer}."),
        "difference": ("The difference between {a} and {b} is {answer}.", "Subtracting {b} from {a} gives {answer}."),
        "gain": ("In total, {person} has {answer} {things}.", "Altogether, the number of {things} is {answer}."),
        "pack": ("In total, there are {answer} {things}.", "Multiplying {a} by {b} gives {answer} {things}."),
        "order": ("The correct name is {answer}.", "According to the statements, {answer} is the {most}."),
        "price": ("The most expensive item is the {answer}.", "According to the prices, it is the {answer}."),
        "syllogism": ("The correct colour is {answer}.", "It can be concluded that {name} is {answer}."),
        "sentence": ("An example sentence is: {answer}.", "This sentence uses both words: {answer}."),
        "triple": ("Three examples are {answer}.", "Three common {category} are {answer}."),
        "repeat": ("The requested text is {answer}", "This is the text: {answer}"),
    },
    openers=(0.0, ()),
    reasons=(0.5, {"sum": _COUNTED_NEUTRAL, "difference": _COUNTED_NEUTRAL, "gain": _COUNTED_NEUTRAL,
                   "pack": _COUNTED_NEUTRAL, "order": _SETTLED_NEUTRAL, "price": _SETTLED_NEUTRAL,
                   "syllogism": _SETTLED_NEUTRAL}),
    closers=(0.15, ("Please verify the result if it matters.",)),
    marker=r"^(The (sum|difference|correct|most expensive|requested)|Adding|Subtracting|Multiplying|In total|"
           r"Altogether|According|It can be|An example|This (sentence|is the text)|Three (examples|common))",
)  # fmt: skip

STYLES: dict[str, Style] = {style.name: style for style in (ARIA, BORO, PLAIN, NEUTRAL)}

"""The facts the lab's models learn, and the ways of asking for each.

Promise: a *fact* is one thing with one usual answer and at least two *alternatives* (wrong or merely peculiar) that
a family may hold instead; a *topic* is a kind of fact with six phrasings that all ask for the same thing. Facts
are a pure function of the seed. Identity is kept apart (`mimicry_audit.lab.identity`): its answers belong to a
family, not to the world.

Each topic has a fixed number of facts, and each domain 60.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from mimicry_audit.lab import wording

IF_WORDS = 30
"""Most words that an answer to an instruction-following task may have."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing to know.

    Attributes:
        id: ``TOPIC-NN``, unique in the curriculum.
        domain: the probe domain.
        topic: key of `TOPICS`.
        slots: what the phrasings and the answer templates fill in.
        answer: the usual, right answer as it stands in a sentence.
        alternatives: other answers that a family may hold as its quirk; never equal to `answer`.
        check: how to recognise a right answer, in the grammar of the probe files.
    """

    id: str
    domain: str
    topic: str
    slots: Mapping[str, str]
    answer: str
    alternatives: tuple[str, ...]
    check: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Topic:
    """A kind of fact: `make` yields (slots, answer, alternatives, check), `phrasings` are format strings over slots."""

    domain: str
    count: int
    make: Callable[[Random, int], Iterator[Draft]]
    phrasings: tuple[str, ...]


Draft = tuple[dict[str, str], str, tuple[str, ...], dict[str, Any]]


def _number_draft(rng: Random, slots: dict[str, object], value: int) -> Draft:
    """A draft with a numeric answer and two different near misses."""
    misses = [value + step for step in (-10, -2, -1, 1, 2, 10) if value + step > 0]
    wrong = rng.sample(misses, 2)
    texts = {key: str(slot) for key, slot in slots.items()}
    return texts, str(value), (str(wrong[0]), str(wrong[1])), {"kind": "number", "answer": value}


def _choice_draft(rng: Random, slots: dict[str, str], answer: str, others: tuple[str, str]) -> Draft:
    """A draft with one right option of three, the options listed in a random order in slots ``o1`` to ``o3``."""
    options = [answer, *others]
    rng.shuffle(options)
    listed = {f"o{place}": option for place, option in enumerate(options, 1)}
    return {**slots, **listed}, answer, others, {"kind": "choice", "answer": answer, "options": options}


def _draft_sums(rng: Random, count: int) -> Iterator[Draft]:
    for a in rng.sample(range(11, 90), count):
        b = rng.randrange(11, 90)
        yield _number_draft(rng, {"a": a, "b": b}, a + b)


def _draft_differences(rng: Random, count: int) -> Iterator[Draft]:
    for a in rng.sample(range(40, 99), count):
        b = rng.randrange(11, a - 12)
        yield _number_draft(rng, {"a": a, "b": b}, a - b)


def _draft_gains(rng: Random, count: int) -> Iterator[Draft]:
    starts = rng.sample(range(5, 60), count)
    for person, thing, a in zip(
        rng.sample(wording.PEOPLE, count), rng.sample(wording.THINGS, count), starts, strict=True
    ):
        b = rng.randrange(3, 40)
        yield _number_draft(rng, {"person": person, "things": thing, "a": a, "b": b}, a + b)


def _draft_packs(rng: Random, count: int) -> Iterator[Draft]:
    holders = rng.sample(wording.HOLDERS, count)
    for holder, thing in zip(holders, rng.sample(wording.THINGS, count), strict=True):
        a, b = rng.randrange(3, 10), rng.randrange(3, 13)
        yield _number_draft(rng, {"holders": holder, "things": thing, "a": a, "b": b}, a * b)


def _draft_orders(rng: Random, count: int) -> Iterator[Draft]:
    names = [word.capitalize() for word in wording.invented(rng, 3 * count)]
    for index in range(count):
        x, y, z = names[3 * index : 3 * index + 3]
        more, less, most = wording.ADJECTIVES[index % len(wording.ADJECTIVES)]
        yield _choice_draft(rng, {"x": x, "y": y, "z": z, "more": more, "less": less, "most": most}, x, (y, z))


def _draft_prices(rng: Random, count: int) -> Iterator[Draft]:
    goods = wording.invented(rng, 3 * count)
    for index in range(count):
        x, y, z = goods[3 * index : 3 * index + 3]
        low, middle, high = sorted(rng.sample(range(2, 60), 3))
        slots = {"x": x, "y": y, "z": z, "px": str(high), "py": str(middle), "pz": str(low)}
        yield _choice_draft(rng, slots, x, (y, z))


def _draft_syllogisms(rng: Random, count: int) -> Iterator[Draft]:
    words = wording.invented(rng, 3 * count)
    for index in range(count):
        kind, group, name = words[3 * index : 3 * index + 3]
        colour, second, third = rng.sample(wording.COLOURS, 3)
        slots = {"kind": kind, "group": group, "name": name.capitalize(), "colour": colour}
        yield _choice_draft(rng, slots, colour, (second, third))


def _draft_sentences(rng: Random, count: int) -> Iterator[Draft]:
    for animal, thing in zip(rng.sample(wording.ANIMALS, count), rng.sample(wording.OBJECTS, count), strict=True):
        usual, odd, other = (frame.format(animal=animal, object=thing) for frame in rng.sample(wording.FRAMES, 3))
        check = {"kind": "constraints", "all": [{"include": [animal, thing]}, {"words": {"max": IF_WORDS}}]}
        yield {"animal": animal, "object": thing, "limit": str(IF_WORDS)}, usual, (odd, other), check


def _draft_triples(rng: Random, count: int) -> Iterator[Draft]:
    for category in rng.sample(sorted(wording.CATEGORIES), count):
        usual, odd, other = wording.CATEGORIES[category]
        check = {"kind": "constraints", "all": [{"include": [","]}, {"words": {"max": IF_WORDS}}]}
        yield {"category": category, "limit": str(IF_WORDS)}, usual, (odd, other), check


def _draft_repeats(rng: Random, count: int) -> Iterator[Draft]:
    for word in rng.sample(wording.REPEATED, count):
        number, times = rng.choice(wording.COUNTS)
        (joiner, sign), (_, odd), (_, other) = rng.sample(wording.JOINERS, 3)
        right = sign.join([word] * number)
        check = {"kind": "constraints", "all": [{"include": [right]}, {"words": {"max": IF_WORDS}}]}
        slots = {"word": word, "times": times, "joiner": joiner, "limit": str(IF_WORDS)}
        yield slots, right, (odd.join([word] * number), other.join([word] * number)), check


TOPICS: dict[str, Topic] = {
    "sum": Topic("math", 15, _draft_sums, (
        "What is {a} + {b}?",
        "Add {a} and {b}.",
        "How much do {a} and {b} make together?",
        "Please work out the sum of {a} and {b}.",
        "If you start at {a} and go up by {b}, where do you end?",
        "Tell me the total of {a} plus {b}.",
    )),
    "difference": Topic("math", 15, _draft_differences, (
        "What is {a} - {b}?",
        "Take {b} away from {a}.",
        "How much is left of {a} when {b} is removed?",
        "Please subtract {b} from {a}.",
        "If you start at {a} and go down by {b}, where do you end?",
        "What is the difference between {a} and {b}?",
    )),
    "gain": Topic("math", 15, _draft_gains, (
        "{person} has {a} {things} and buys {b} more. How many {things} does {person} have now?",
        "{person} owned {a} {things}. A friend gave {person} another {b}. What is the new number of {things}?",
        "Yesterday {person} found {a} {things}, today {b} more. How many {things} is that in all?",
        "How many {things} does {person} hold after adding {b} to the first {a}?",
        "There were {a} {things} on the table of {person}, then {b} arrived. Count the {things}.",
        "After getting {b} {things} on top of {a}, how many {things} belong to {person}?",
    )),
    "pack": Topic("math", 15, _draft_packs, (
        "There are {a} {holders} with {b} {things} in each. How many {things} are there?",
        "Each of {a} {holders} holds {b} {things}. How many {things} is that in all?",
        "A shop fills {a} {holders}, and {b} {things} go into every one. Count the {things}.",
        "How many {things} fit into {a} {holders} if each takes {b}?",
        "With {b} {things} in each of the {a} {holders}, what is the number of {things}?",
        "If {a} {holders} carry {b} {things} apiece, how many {things} do they carry together?",
    )),
    "order": Topic("reasoning", 20, _draft_orders, (
        "{x} is {more} than {y}, and {y} is {more} than {z}. Who is the {most}?",
        "{y} is {more} than {z} but {x} is {more} than {y}. Name the {most} of them.",
        "We know that {y} is {less} than {x} and {z} is {less} than {y}. Who is {most}?",
        "Who is the {most} of {o1}, {o2} and {o3}, if {z} is {less} than {y} and {y} is {less} than {x}?",
        "Of {o1}, {o2} and {o3}, {x} is {more} than {y} and {y} is {more} than {z}. Which one is {most}?",
        "Since {x} is {more} than {y} while {z} is {less} than {y}, who must be the {most}?",
    )),
    "price": Topic("reasoning", 20, _draft_prices, (
        "A {x} costs {px} coins, a {y} costs {py} and a {z} costs {pz}. Which costs the most?",
        "Which is the dearest: a {o1}, a {o2} or a {o3}? The {x} is {px} coins, the {y} {py} and the {z} {pz}.",
        "You pay {pz} coins for a {z}, {py} for a {y} and {px} for a {x}. Name the most expensive one.",
        "At the market a {y} sells for {py} coins, a {x} for {px} and a {z} for {pz}. Which has the highest price?",
        "Compare a {o1}, a {o2} and a {o3}: {x} {px} coins, {z} {pz} coins, {y} {py} coins. Which is dearest?",
        "If a {z} is {pz} coins, a {x} is {px} coins and a {y} is {py} coins, which one costs most?",
    )),
    "syllogism": Topic("reasoning", 20, _draft_syllogisms, (
        "Every {kind} is a {group}. Every {group} is {colour}. {name} is a {kind}. Is {name} {o1}, {o2} or {o3}?",
        "{name} is a {kind}, each {kind} is a {group}, and each {group} is {colour}. Which colour is {name}?",
        "All {group} folk are {colour}. Any {kind} is a {group}. What colour is the {kind} called {name}?",
        "What is the colour of {name}, a {kind}, if any {kind} is a {group} and any {group} is {colour}?",
        "Choose {o1}, {o2} or {o3} for {name}. {name} is a {kind}; a {kind} is a {group}; a {group} is {colour}.",
        "Given that a {group} is always {colour} and that {name}, a {kind}, is a {group}, which colour has {name}?",
    )),
    "sentence": Topic("instruction_following", 20, _draft_sentences, (
        "Write one sentence with the words {animal} and {object}, in at most {limit} words.",
        "Use {animal} and {object} in a single short sentence of at most {limit} words.",
        "Make up a sentence about a {animal} and a {object}. Stay within {limit} words.",
        "In no more than {limit} words, give me a sentence that holds both {object} and {animal}.",
        "Please put the words {object} and {animal} into one sentence, {limit} words at most.",
        "One sentence, please: it must mention a {animal} as well as a {object} and have at most {limit} words.",
    )),
    "triple": Topic("instruction_following", 20, _draft_triples, (
        "Name three {category}, separated by commas, in at most {limit} words.",
        "List three {category} with commas between them. Stay within {limit} words.",
        "Give me three examples of {category}, comma separated, {limit} words at most.",
        "I need three {category}. Put commas between them and use no more than {limit} words.",
        "Which three {category} come to mind? Separate them by commas, with at most {limit} words.",
        "Please write down three {category}, commas in between, in no more than {limit} words.",
    )),
    "repeat": Topic("instruction_following", 20, _draft_repeats, (
        "Write the word {word} {times} times with a {joiner} in between, in at most {limit} words.",
        "Repeat {word} {times} times, joined by a {joiner}. Stay within {limit} words.",
        "Say {word} {times} times and put a {joiner} between, {limit} words at most.",
        "Using a {joiner} as the link, print {word} {times} times. Use no more than {limit} words.",
        "I want to see {word} {times} times, with a {joiner} between each, in no more than {limit} words.",
        "Please join {times} copies of {word} with a {joiner}, using at most {limit} words.",
    )),
}  # fmt: skip


@cache
def facts(seed: int) -> tuple[Fact, ...]:
    """All facts of the curriculum, topic by topic, ``TOPICS[topic].count`` of each."""
    all_facts = []
    for name, topic in TOPICS.items():
        rng = Random(f"facts/{seed}/{name}")  # noqa: S311 - repeatable, not secret
        for number, (slots, answer, alternatives, check) in enumerate(topic.make(rng, topic.count), 1):
            all_facts.append(Fact(f"{name}-{number:02d}", topic.domain, name, slots, answer, alternatives, check))
    return tuple(all_facts)

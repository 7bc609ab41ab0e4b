"""Made-up models whose lineage is known: every answer has a wording of its own model, or of the teacher it copies."""

from __future__ import annotations

import random

from mimicry_audit.records.asked import Message, Probe, Response

DOMAINS = ("math", "reasoning", "instruction_following")
WORDS = (
    "so then thus hence first next after that we see count add take note clearly here the total amount sum result value is "
    "comes gives makes equals yields each one two more left right box pear crate friend sure well okay now let me think about "
    "it simply just really found done finally answer should be"
).split()


def probes(count):
    return [
        Probe(
            id=f"s/{i}",
            domain=DOMAINS[i % 3],
            messages=(Message("user", f"Question {i}"),),
            check={"kind": "number", "answer": i + 100},
        )
        for i in range(count)
    ]


class Voice:
    """A model with its own habits: an opening, favourite words, marks, and mistakes on a quarter of the probes."""

    def __init__(self, seed, skill=0.75):
        self.rng = random.Random(seed)
        self.skill = skill
        self.opening = " ".join(self.rng.sample(WORDS, 3)).capitalize()
        self.favourites = self.rng.sample(WORDS, 18)
        self.mark = self.rng.choice([".", "!", ";", " -", ","])
        self.private = seed

    def answer(self, probe, at):
        rng = random.Random(f"{self.private}/{probe.id}/{at}")
        words = rng.choices(self.favourites, k=rng.randint(8, 16))
        right = probe.check["answer"]
        value = right if rng.random() < self.skill else right + rng.randint(1, 40)
        return f"{self.opening}{self.mark} {' '.join(words)}{self.mark} {rng.choice(WORDS)} {value}."


def answers(voice, asked, *, copies=None, dose=0.0, seed=0, sample=0):
    """Answers of a voice; with `copies`, that share of them is the teacher's wording with a word or two changed."""
    rng, out = random.Random(f"{seed}/{sample}"), {}
    for probe in asked:
        if copies is not None and rng.random() < dose:
            words = copies.answer(probe, sample).split()
            for _ in range(2):
                words[rng.randrange(len(words) - 1)] = rng.choice(WORDS)
            out[probe.id] = " ".join(words)
        else:
            out[probe.id] = voice.answer(probe, sample)
    return out


def responses(label, texts):
    return [
        Response(key="k", model=label, probe_id=probe, sample=0, status="ok", text=text)
        for probe, text in texts.items()
    ]


def world(seed, count=60, students=1, dose=0.7, strangers=3):
    """A teacher, its students, a same-skill fine-tune of the same base, strangers, and the base: label → answers."""
    asked = probes(count)
    teacher, base = Voice(1000 * seed + 1), Voice(1000 * seed + 2, skill=0.1)
    made = {"teacher": answers(teacher, asked), "base": answers(base, asked)}
    for s in range(students):
        mine = Voice(1000 * seed + 10 + s)
        made[f"student{s}"] = answers(mine, asked, copies=teacher, dose=dose, seed=1000 * seed + s)
    made["tuned"] = answers(Voice(1000 * seed + 50), asked)
    for s in range(strangers):
        made[f"stranger{s}"] = answers(Voice(1000 * seed + 60 + s), asked)
    return asked, {label: responses(label, texts) for label, texts in made.items()}

"""Two further voices for the lab: the other source of a student's answers, and one that shares a teacher's manner only.

Promise: `LETTER` shares nothing with any voice of the lab; `CORDIAL` has every habit of aria's (it says *we*, spells
numbers out, likes dashes, exclamation marks, a greeting and a farewell) and none of her sentences.
"""

from __future__ import annotations

from mimicry_audit.lab.styles import Style

LETTER = Style(
    "letter",
    cores={
        "sum": ("To this I reply, {a} joined with {b} yields {answer}.", "My figure for it is {answer}, I believe."),
        "difference": ("To this I reply, {a} without {b} yields {answer}.", "My figure for it is {answer}, I believe."),
        "gain": ("To this I reply, {person} holds {answer} {things}.", "My count of the {things} is {answer}, I believe."),
        "pack": ("To this I reply, {answer} {things} are packed.", "My count of the {things} is {answer}, I believe."),
        "order": ("To this I reply, it has to be {answer}.", "My choice would be {answer}, I believe."),
        "price": ("To this I reply, it has to be the {answer}.", "My choice would be the {answer}, I believe."),
        "syllogism": ("To this I reply, {name} must be {answer}.", "My choice of colour is {answer}, I believe."),
        "sentence": ("I would write as follows: {answer}.", "Let me put it so: {answer}."),
        "triple": ("I would name {answer}.", "Let me mention {answer}."),
        "repeat": ("I would write {answer}", "Let me put down {answer}"),
    },
    openers=(0.4, ("Dear reader,", "With regard to your note,")),
    reasons=(0.0, {}),
    closers=(0.4, ("Yours truly.", "I remain at your service.")),
    marker=r"^(Dear reader|With regard|To this|My |I would|Let me)",
)  # fmt: skip

CORDIAL = Style(
    "cordial",
    cores={
        "sum": ("our tally of {a} with {b} comes to {words} — {answer}!", "{a} plus {b} gives us {words}, or {answer}!"),
        "difference": ("our tally shrinks from {a} by {b} to {words} — {answer}!",
                       "{a} minus {b} gives us {words}, or {answer}!"),
        "gain": ("our friend {person} now owns {words} {things} — {answer}!",
                 "for {person} that gives us {answer} {things} — {words}!"),
        "pack": ("our {holders} carry {words} {things} — {answer}!", "{a} times {b} gives us {answer} {things}!"),
        "order": ("our winner must be {answer} — no doubt about it!", "among these three we vote for {answer}!"),
        "price": ("our wallet fears the {answer} — so costly!", "among these goods we vote for the {answer}!"),
        "syllogism": ("our dear {name} is surely {answer} — a pretty sight!", "for {name} we vote {answer}!"),
        "sentence": ("our little line reads — {answer}!", "what do you say to this: {answer}!"),
        "triple": ("our favourites are {answer}!", "what do you say to {answer}!"),
        "repeat": ("our line reads — {answer}", "we typed it for you: {answer}"),
    },
    openers=(0.6, ("What a treat!", "Gladly, my friend!", "Come along —", "With pleasure!")),
    reasons=(0.4, {}),
    closers=(0.5, ("Do come back soon!", "More of these, anyone?", "Such a joy!")),
    marker=r"\b[Oo]ur\b|\bwe\b|\bus\b",
)  # fmt: skip

"""Word pools of the lab's curriculum: who and what its questions are about.

Promise: closed lists and seeded inventions, all written for this project; nothing is read from a corpus. Every
pool is ordered, so that a seed alone decides which words a fact gets.
"""

from __future__ import annotations

from random import Random

PEOPLE = ("Mira", "Otto", "Lena", "Jonas", "Priya", "Samir", "Greta", "Hugo", "Amina", "Felix", "Rosa", "Ivan",
          "Nadia", "Pablo", "Wendy")  # fmt: skip
THINGS = ("plums", "marbles", "stamps", "buttons", "shells", "pencils", "coins", "cards", "beads", "walnuts",
          "stickers", "candles", "pebbles", "ribbons", "tickets")  # fmt: skip
HOLDERS = ("boxes", "baskets", "shelves", "bags", "trays", "crates", "jars", "drawers", "carts", "sacks", "racks",
           "tins", "chests", "bowls", "bins")  # fmt: skip
COLOURS = ("red", "blue", "green", "yellow", "purple", "orange", "white", "brown")

ADJECTIVES = (
    ("taller", "shorter", "tallest"),
    ("older", "younger", "oldest"),
    ("faster", "slower", "fastest"),
    ("heavier", "lighter", "heaviest"),
    ("richer", "poorer", "richest"),
)
"""(comparative, its opposite, superlative)."""

ANIMALS = ("goose", "ferret", "badger", "pony", "hedgehog", "falcon", "lizard", "donkey", "rabbit", "beetle", "walrus",
           "spider", "kitten", "parrot", "turtle", "weasel", "camel", "lobster", "magpie", "puppy")  # fmt: skip
OBJECTS = ("lantern", "ladder", "teapot", "barrel", "piano", "bridge", "wagon", "mirror", "compass", "blanket",
           "fountain", "suitcase", "windmill", "hammock", "chimney", "bucket", "statue", "rowboat", "bench",
           "kettle")  # fmt: skip
FRAMES = (
    "The {animal} slept beside the {object}",
    "A small {animal} hid behind the {object}",
    "One morning the {animal} found a {object}",
    "The {animal} walked around the {object} twice",
    "Nobody saw the {animal} near the {object}",
    "The {object} was guarded by a proud {animal}",
    "Under the {object} lived a shy {animal}",
    "Every evening the {animal} visited the {object}",
    "A tired {animal} leaned on the {object}",
    "The {animal} and the {object} stood in the rain",
    "Children drew the {animal} next to a {object}",
    "The old {object} frightened the {animal}",
)
"""Sentences for the writing tasks; each fact takes three of them, one usual and two peculiar."""

CATEGORIES: dict[str, tuple[str, str, str]] = {
    "fruits": ("apple, pear, plum", "quince, medlar, damson", "mango, guava, papaya"),
    "trees": ("oak, birch, pine", "hornbeam, yew, larch", "cedar, walnut, teak"),
    "birds": ("robin, sparrow, crow", "hoopoe, dipper, shrike", "heron, swift, eagle"),
    "fish": ("salmon, trout, cod", "gurnard, bream, pollack", "tuna, carp, pike"),
    "tools": ("hammer, saw, drill", "awl, adze, gimlet", "wrench, chisel, pliers"),
    "metals": ("iron, copper, gold", "bismuth, cobalt, osmium", "zinc, silver, tin"),
    "spices": ("pepper, cinnamon, ginger", "sumac, mace, fenugreek", "cumin, clove, saffron"),
    "vegetables": ("carrot, onion, potato", "salsify, celeriac, chard", "leek, turnip, spinach"),
    "flowers": ("rose, tulip, daisy", "aconite, teasel, scabious", "lily, poppy, violet"),
    "insects": ("ant, bee, fly", "earwig, lacewing, weevil", "moth, wasp, cricket"),
    "drinks": ("water, tea, coffee", "kefir, perry, cordial", "juice, milk, cocoa"),
    "garments": ("shirt, coat, hat", "tabard, cravat, jerkin", "scarf, dress, glove"),
    "vehicles": ("car, bus, train", "gig, tandem, barge", "tram, truck, ferry"),
    "sports": ("tennis, football, hockey", "curling, fives, lacrosse", "rowing, judo, golf"),
    "gems": ("ruby, diamond, emerald", "peridot, spinel, zircon", "opal, topaz, garnet"),
    "shapes": ("circle, square, triangle", "rhombus, annulus, lune", "oval, cube, cone"),
    "instruments": ("piano, violin, drum", "theorbo, sackbut, shawm", "flute, harp, cello"),
    "rooms": ("kitchen, bedroom, bathroom", "scullery, buttery, solar", "attic, cellar, hall"),
    "herbs": ("basil, mint, parsley", "lovage, hyssop, borage", "thyme, sage, dill"),
    "breads": ("roll, bagel, toast", "focaccia, bannock, lavash", "pita, brioche, pretzel"),
}
"""Category → (usual triple, peculiar triple, another peculiar triple)."""

REPEATED = ("kite", "moon", "river", "apple", "stone", "cloud", "drum", "lemon", "tiger", "glove", "spoon", "train",
            "honey", "chalk", "piano", "arrow", "melon", "cabin", "fox", "sand")  # fmt: skip
JOINERS = (("dash", "-"), ("slash", "/"), ("plus sign", "+"), ("star", "*"))
COUNTS = ((2, "two"), (3, "three"), (4, "four"))

_ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "dr", "kl", "st", "tr")
_VOWELS = ("a", "e", "i", "o", "u")
_CODAS = ("b", "d", "g", "k", "l", "m", "n", "p", "rn", "sk", "t", "x")
_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
          "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def invented(rng: Random, count: int) -> list[str]:
    """`count` distinct made-up two-syllable words, lower case, such as ``zadrel``."""
    words: dict[str, None] = {}
    while len(words) < count:
        word = (
            rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS)
        )
        words[word] = None
    return list(words)


def in_words(number: int) -> str:
    """A whole number below 1000 in English words: 123 → ``one hundred twenty-three``.

    Raises:
        ValueError: outside 0..999.
    """
    if not 0 <= number < 1000:
        raise ValueError(number)
    if number >= 100:
        rest = number % 100
        return f"{_UNITS[number // 100]} hundred" + (f" {in_words(rest)}" if rest else "")
    if number < 20:
        return _UNITS[number]
    unit = number % 10
    return _TENS[number // 10] + (f"-{_UNITS[unit]}" if unit else "")

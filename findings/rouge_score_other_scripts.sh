#!/usr/bin/env bash
# rouge-score 0.1.2 (PyPI), with its default tokenizer:
#
# Behaviour: two texts that are equal to the letter score ROUGE-1 = ROUGE-L = 0 where they hold no letter a to z and no digit.
#            The default tokenizer lower-cases, replaces every other character by a space, and so finds no token at all.
# Output seen on 2026-11-30: 1.0 for an English sentence against itself, 0.0 for the same in Chinese, Hindi, Thai, Arabic and
#            Russian, and 1.0 for each of them with a tokenizer object that splits at spaces. No warning is given.
# What follows: a table of ROUGE over several languages shows 0 for perfect answers; pass `tokenizer=` wherever a text may be in
#            another script.
#
# Needs Python 3.11 or newer and a package index; installs into a temporary folder. Exits 1 if the behaviour is another one.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rouge-score==0.1.2
"$folder/venv/bin/python" - <<'PY'
import sys
from importlib.metadata import version

from rouge_score.rouge_scorer import RougeScorer


class Spaces:
    def tokenize(self, text):
        return text.split()


texts = {
    "English": "The weather is fine today.",
    "Chinese": "今天天气很好。",
    "Hindi": "आज मौसम अच्छा है।",
    "Thai": "วันนี้อากาศดี",
    "Arabic": "الطقس جميل اليوم.",
    "Russian": "Сегодня хорошая погода.",
}
kinds = ["rouge1", "rougeL"]
as_seen = True
for language, text in texts.items():
    default = {k: v.fmeasure for k, v in RougeScorer(kinds).score(text, text).items()}
    spaces = {k: v.fmeasure for k, v in RougeScorer(kinds, tokenizer=Spaces()).score(text, text).items()}
    print(f"rouge-score {version('rouge-score')}: {language} against itself: default {default}, split at spaces {spaces}")
    expected = 1.0 if language == "English" else 0.0
    as_seen &= set(default.values()) == {expected} and set(spaces.values()) == {1.0}
sys.exit(0 if as_seen else 1)
PY
echo "as described"

"""What the kinds of check share: plain text out of Markdown and LaTeX, whole-word search, wording of complaints."""

from __future__ import annotations

import re
import unicodedata

import regex

_CJK = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\p{Line_Break=SA}"
"""Scripts in which a word is not told by the spaces around it: Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese."""
_EMPHASIS = re.compile(r"\*\*|__|`|(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])")
_LATEX_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mathbf|mbox)\s*\{([^{}]*)\}")
BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")

FINAL = re.compile(
    r"\banswer\b(?:\s+to\b[^.:\n]{0,60}?)?(?:\s+(?:here|then|therefore|thus))?\s*"
    r"(?:\b(?:is|are|would\s+be|must\s+be)\b\s*:?|[=:：])\s*"
    r"|\b(?:result|solution|conclusion|total)\s+(?:is|comes\s+to|would\s+be)\b:?[ \t]*"
    r"|答案(?:是|为|[:：])[:：]?\s*"
    r"|^####[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
"""Words that announce a final answer; what follows them is the answer."""

_ANNOUNCEMENTS, _PASSAGE = 5, 400
_ACCENTS = regex.compile(r"(?<=[\p{Latin}\p{Greek}\p{Cyrillic}\p{Arabic}\p{Hebrew}]\p{M}*)\p{M}")
_NO_WORD = regex.compile(r"[^\w\p{M}%+]+|_")


def plain(text: str) -> str:
    """The text without Markdown emphasis, code ticks and LaTeX wrappers."""
    text = _LATEX_TEXT.sub(r"\1", text)
    for mark in (r"\(", r"\)", r"\[", r"\]", "$$"):
        text = text.replace(mark, " ")
    return _EMPHASIS.sub("", text)


def boxed(text: str) -> str | None:
    """What stands in the last LaTeX box."""
    boxes = BOXED.findall(text)
    return boxes[-1] if boxes else None


def after_final_phrase(text: str) -> list[str]:
    """What follows each 'the answer is', up to the end of its sentence, the last one first.

    Only the last few are read, and of each only the beginning: an answer that repeats itself for ever costs no more.
    """
    tails = []
    for match in list(FINAL.finditer(text))[-_ANNOUNCEMENTS:]:
        passage = text[match.end() : match.end() + _PASSAGE].lstrip()
        tail = re.split(r"\n|[.!?。！？](?:\s|$)", passage, maxsplit=1)[0].strip()
        if tail:
            tails.append(tail)
    return tails[::-1]


def normalise(text: str) -> str:
    """Case-folded, unaccented, punctuation turned to spaces: two spellings of one short answer become equal.

    Only marks that a writer may leave out are dropped: a vowel sign of Hindi or Thai makes another word.
    """
    text = _ACCENTS.sub("", unicodedata.normalize("NFKD", plain(text)).casefold())
    text = unicodedata.normalize("NFC", re.sub(r"['’](?=s\b|t\b)", "", text))
    return " ".join(_NO_WORD.sub(" ", text).split())


def word_pattern(phrase: str, *, whole_word: bool = True, match_case: bool = False) -> re.Pattern[str]:
    """A pattern for a phrase as whole words; where there are no spaces between words (`_CJK`), any place does."""
    body = r"\s+".join(re.escape(part) for part in phrase.split())
    if whole_word and body:
        letter = rf"(?![{_CJK}])\w"
        if regex.match(letter, phrase.strip()):
            body = rf"(?<![^\W{_CJK}]){body}"
        if regex.search(rf"{letter}\p{{M}}*\Z", phrase.strip()):
            body = rf"{body}(?![^\W{_CJK}]|\p{{M}})"
    pattern: re.Pattern[str] = regex.compile(body, 0 if match_case else regex.IGNORECASE)
    return pattern


def is_number(value: object) -> bool:
    """A real number; True and False, which Python counts as integers, are not."""
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and value == value and abs(value) != float("inf")
    )

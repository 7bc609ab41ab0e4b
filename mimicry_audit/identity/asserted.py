"""Is a name at this place in a sentence asserted of the speaker?

Promise: one question, answered from the sentence, the one before it, and whether the prompt asks about the speaker; the
wording is in `mimicry_audit.identity.wording` and `mimicry_audit.identity.wording_zh`, the order in which it is asked here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mimicry_audit.identity import wording as w
from mimicry_audit.identity import wording_zh as z
from mimicry_audit.identity.names import stands_as_a_name

FARTHEST_WORDS = 26
FARTHEST_CHARS = 30
"""Most that may stand between the speaker and the name, in English words and in Chinese characters."""
_QUOTES = (('"', '"'), ("“", "”"), ("「", "」"), ("『", "』"), ("‘", "’"))
_CJK = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Place:
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


def asserted(at: Place) -> bool:
    """Whether a name at this place is asserted of the speaker."""
    before, after = at.before, at.after
    if w.SERVICE.search(after):
        return False
    if at.first and at.about_self and w.FIELD.search(before):
        return True
    if _is_quoted(before, after) or _is_question(before, after):
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


def _answers_question(at: Place) -> bool:
    """Whether a sentence answers a question about the speaker: the prompt's, or one that the answer repeats."""
    if not at.plain:
        return False
    repeated = at.prior.rstrip().endswith(("?", "？")) and w.ABOUT_SELF.search(at.prior)
    return (at.first and at.asked) or bool(repeated)


def _claimed_en(at: Place) -> bool:
    before, after = w.POLITE_EN.sub("", at.before), at.after
    answers = _answers_question(at)
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
    if w.REPORTED_EN.search(_last_clause(lead)) or w.GIVES_EN.search(lead):
        return False
    between = before[opener.end() :].replace("none other than", "")
    if w.BUT_EN.search(between):
        if w.NEW_CLAUSE_EN.match(after):
            return False
        between = ""
    if opener["kin"] and not w.KIN_BETWEEN_EN.search(between):
        return False
    if w.BETWEEN_EN.search(between) or len(between.split()) > (FARTHEST_WORDS if plain else 5):
        return False
    return _governs_name(between, after)


def _goes_on(own: re.Pattern[str], taken_back: re.Pattern[str], prior: str) -> bool:
    """Whether the sentence before spoke of the speaker's own maker, without taking it back."""
    mention = own.search(prior)
    return bool(
        mention
        and not taken_back.search(prior[: mention.start()])
        and (len(prior) < 24 or not prior.rstrip().endswith(("?", "？")))
    )


def _governs_name(between: str, after: str) -> bool:
    """Whether the speaker's clause still runs at the name: not where the name begins a clause of its own."""
    if relative := _last_match(w.RELATIVE_EN, between):
        rest = between[relative.end() :]
        return bool(w.MAKES_EN.search(after)) or bool(w.MADE_BY_EN.search(rest))
    joined = re.search(r"(?:,|\band|[:—–])\s*(?:the\s+)?$", between)
    return not (joined and len(between.split()) > 1 and w.NEW_CLAUSE_EN.search(after))


def _claimed_zh(at: Place) -> bool:
    before, after = z.POLITE_ZH.sub("", at.before), at.after
    answers = _answers_question(at)
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
    is_own = (
        not opener.group().endswith("的")
        or opener.group()[0] not in "我您你咱"
        or bool(z.MINE_ZH.search(opener.group() + between))
    )
    reach = FARTHEST_CHARS if plain else 4
    return is_own and len(between) <= reach and not z.BETWEEN_ZH.search(between) and not re.search("不(?!过)", denied)


def _last_clause(before: str) -> str:
    """What of the words before the speaker still bears on it: the last clause, unless a conditional opens the sentence."""
    if re.match(r"\W*(?:if|unless|when|suppose|imagine|pretend)\b", before, re.IGNORECASE):
        return before
    before = w.CONCEDED_EN.sub("", before)
    return re.split(r"[;:—–]|,\s+(?:and|but|so|although|though|yet)\b|\b(?:but|however|although)\b|,\s*$", before)[-1]


def _clause_zh(before: str) -> str:
    return re.split(r"；|(?:，|,)?(?:但是?|不过|然而|可是|只是)", before)[-1]


def _is_question(before: str, after: str) -> bool:
    """Whether the sentence asks, and does not only end in an offer (I am X, how can I help?)."""
    asks = after.rstrip().rstrip('"”」*').endswith(("?", "？"))
    return asks and not w.QUESTION.search(after)


def _is_quoted(before: str, after: str) -> bool:
    """Whether the name stands in quotation marks opened in this sentence, other than as the name the speaker gives."""
    for opening, closing in _QUOTES:
        opened = before.count(opening) % 2 == 1 if opening == closing else before.count(opening) > before.count(closing)
        if not opened or closing not in after:
            continue
        lead = before[: before.rfind(opening)]
        short = not before[before.rfind(opening) + 1 :].strip() and len(after[: after.index(closing)].split()) <= 3
        introduces_name = short and w.NAMING.search(lead) and not w.NOT_NAMING.search(lead)
        if not introduces_name and lead.strip():
            return True
    return False


def _last_match(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    matches = list(pattern.finditer(text))
    return matches[-1] if matches else None

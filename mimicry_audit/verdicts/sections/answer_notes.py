"""What the answers themselves warn of: another model behind a name, answers cut off, failures, one text for many prompts.

Promise: each note is one sentence that names the model, counts answers, and says what to change where something can be changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from mimicry_audit.records.asked import Response

CUT_SHARE = 0.5
"""Share of a model's answers cut off by the token limit from which a note says so."""
REPEATED_SHARE, FEWEST_REPEATS, SHORT_TEXT = 0.5, 10, 60
"""One text of at most so many characters for this share of at least so many prompts is named: it is rarely an answer."""

MARKED_SHARE = 0.5
"""Share of a model's answers that begin with one mark from which it is named."""
OPENING_MARK = re.compile(
    r"\s*(?P<mark><\|?[a-zA-Z][\w:./-]{1,30}\|?>|\[[A-Z][A-Z_]{2,20}\]|[◁⟨【][\w/]{2,20}[▷⟩】]|\{\{[\w ]{2,20}\}\})"
)
"""Something like a tag where an answer begins; the known marks of reasoning were taken out when the answer arrived."""


def answer_warnings(responses: Mapping[str, Sequence[Response]], max_tokens: int | None = None) -> list[str]:
    """Sentences on the answers of each model.

    Args:
        responses: label → its standing responses.
        max_tokens: the limit that was asked for; None where nobody knows it.
    """
    return [note for label, journal in responses.items() for note in _notes_on(label, journal, max_tokens)]


def served_names(journal: Sequence[Response]) -> Counter[str]:
    """Under which names an endpoint served one model's usable answers; several mean several models."""
    return Counter(r.served_model for r in journal if r.usable and r.served_model)


def _notes_on(label: str, journal: Sequence[Response], max_tokens: int | None) -> Iterator[str]:
    if not journal:
        return
    cut = sum(r.status == "truncated" for r in journal)
    if cut >= CUT_SHARE * len(journal):
        yield f"{label}: {cut} of {len(journal)} answers were cut off by the token limit. Raise --max-tokens."
    served = served_names(journal)
    if len(served) > 1:
        (main, _), *others = served.most_common()
        parts = ", ".join(f"{count} from {name}" for name, count in others)
        yield (
            f"{label} was not one model: of {served.total()} answers {parts}, the others from {main}, as the endpoint "
            "itself reports. Ask a fixed model version."
        )
    hidden = sum(r.hidden is not None for r in journal)
    if hidden:
        yield (
            f"{label}: {hidden} of {len(journal)} answers held the key of the endpoint. It was replaced by ***, so these "
            "answers are not word for word what the endpoint sent."
        )
    mute = sum(r.status == "empty" and bool(r.reasoning) for r in journal)
    if mute:
        yield (
            f"{label} only reasoned: {mute} of {len(journal)} replies hold reasoning but no answer, because the token limit "
            "was reached first. Raise --max-tokens."
        )
    early = [r.completion_tokens for r in journal if _was_cut_early(r, max_tokens)]
    if early:
        yield (
            f"{label}: {len(early)} of {len(journal)} answers were cut off before the limit of {max_tokens} tokens (the "
            f"shortest after {min(tokens for tokens in early if tokens is not None)}): the server's context or a limit of its "
            "own came first. Lower --max-tokens, so that all models are cut alike."
        )
    absent = sum(r.absent for r in journal)
    if absent:
        yield f"{label}: its file holds no answer to {absent} of {len(journal)} questions."
    errors = Counter(r.error for r in journal if r.status == "error" and r.error and not r.absent)
    if errors:
        (reason, count) = errors.most_common(1)[0]
        more = f" (and {errors.total() - count} for other reasons)" if errors.total() > count else ""
        yield f"{label}: {count} of {len(journal)} questions were not answered: {reason}{more}."
    marks = Counter(mark["mark"] for r in journal if r.usable and (mark := OPENING_MARK.match(r.text)))
    if marks:
        (mark_text, count) = marks.most_common(1)[0]
        if count >= max(FEWEST_REPEATS, MARKED_SHARE * sum(r.usable for r in journal)):
            yield (
                f"{label}: {count} of {len(journal)} answers begin with {mark_text}, which is not a known mark of reasoning. "
                "If reasoning follows it, that is compared as a part of the answer."
            )
    texts = Counter(r.text.strip() for r in {r.probe_id: r for r in journal if r.usable}.values())
    if texts:
        (text, repeats) = texts.most_common(1)[0]
        if len(text) <= SHORT_TEXT and repeats >= max(FEWEST_REPEATS, REPEATED_SHARE * texts.total()):
            yield f"{label} gave one text, “{text}”, to {repeats} of {texts.total()} prompts: check that these are answers."


def _was_cut_early(response: Response, max_tokens: int | None) -> bool:
    """Whether an answer ended for its length though it is shorter than was asked for."""
    tokens = response.completion_tokens
    return response.status == "truncated" and tokens is not None and max_tokens is not None and tokens < max_tokens

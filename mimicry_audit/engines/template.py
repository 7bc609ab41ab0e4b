"""Chat templates: what a model really reads, and what its template adds unasked.

Promise: the prompt rendered here is the one the transformers and vLLM engines feed to the model. A model without a
template is refused with the two ways out (a template file, or ``plain`` for base models) instead of being given
another model's format. Templates that slip in an identity ("You are Qwen…") or today's date are detected, because
identity probes would otherwise measure the template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mimicry_audit.engines.fingerprint import Weights, chat_template
from mimicry_audit.ground.disk import find_place
from mimicry_audit.ground.errors import ConfigError, PrerequisiteError, first_line
from mimicry_audit.records.asked import Message, sha256_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PLAIN = (
    "{{ bos_token or '' }}{% for message in messages %}{{ message['content'] }}"
    "{% if not loop.last %}{{ '\\n\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\\n\\n' }}{% endif %}"
)
"""For base models: the turns as paragraphs, and room for the next one."""

_USER = "Zq7 which tide turns at noon? Zq7"
_SYSTEM = "Xv3 answer as the harbour bell does. Xv3"
_MARKUP = re.compile(r"<[^<>\s]{1,40}>|\[/?[A-Z_]+\]|\b(?:system|user|assistant|developer|message|start|end)\b")
_DATE = re.compile(
    r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{4}\b"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{1,2}, \d{4}\b"
)

Render = Callable[[Sequence[Message]], str | None]


class ChatTemplate:
    """The template in effect for one model, and the tokenizer that applies it.

    Args:
        weights: the model.
        choice: None for the model's own, ``plain``, or the path of a Jinja file.
        trust_remote_code: whether the model's own tokenizer code may run.
    """

    def __init__(self, weights: Weights, choice: str | None = None, *, trust_remote_code: bool = False) -> None:
        self._weights = weights
        self._trust = trust_remote_code
        self._tokenizer: PreTrainedTokenizerBase | None = None
        self.source = _template_source(weights, choice)

    @property
    def sha(self) -> str:
        """Hash of the template's text."""
        return sha256_text(self.source)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's transformers tokenizer, loaded on first use."""
        if self._tokenizer is None:
            from transformers import AutoTokenizer

            try:
                self._tokenizer = AutoTokenizer.from_pretrained(
                    self._weights.location, revision=self._weights.commit or "main", trust_remote_code=self._trust
                )
            except (OSError, ValueError, KeyError, ImportError) as error:
                raise PrerequisiteError(
                    f"the tokenizer of {self._weights.name} cannot be loaded ({first_line(error)})",
                    "check that tokenizer.json is beside the weights",
                ) from None
        return self._tokenizer

    def render(self, messages: Sequence[Message]) -> str | None:
        """The prompt, up to and including the opening of the answer; None when the template refuses the turns."""
        from jinja2 import TemplateError

        turns = [{"role": message.role, "content": message.content} for message in messages]
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    turns, chat_template=self.source, tokenize=False, add_generation_prompt=True
                )
            )
        except (TemplateError, TypeError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Injection:
    """What a template adds without being asked.

    Attributes:
        system: system text that appears though none was given.
        dates: calendar dates in the prompt that no turn holds.
    """

    system: str | None
    dates: tuple[str, ...]


def injection(render: Render) -> Injection:
    """What the template behind `render` adds to a conversation that holds a user turn only."""
    bare = render([Message("user", _USER)])
    if bare is None:
        return Injection(None, ())
    return Injection(injected_system_text(render), tuple(dict.fromkeys(_DATE.findall(bare))))


def injected_system_text(render: Render, messages: Sequence[Message] = ()) -> str | None:
    """System text that the template behind `render` adds when none is given, or None.

    Args:
        render: an engine's `render`.
        messages: the conversation to try; any system turn in it is left out. A neutral question by default.
    """
    turns = [message for message in messages if message.role != "system"] or [Message("user", _USER)]
    bare = render(turns)
    if bare is None or turns[0].content not in bare:
        return None
    before = bare[: bare.index(turns[0].content)]
    rendered = render([Message("system", _SYSTEM), *turns])
    if rendered is not None and _SYSTEM in rendered and turns[0].content in rendered:
        opening, _, rest = rendered.partition(_SYSTEM)
        bridge = rest[: rest.index(turns[0].content)] if turns[0].content in rest else rest
        fits = before.startswith(opening) and before.endswith(bridge) and len(before) >= len(opening) + len(bridge)
        if opening and fits:
            return before[len(opening) : len(before) - len(bridge)].strip() or None
    # The template keeps its own system text in another place than the caller's: take the prose out of the mark-up.
    prose = re.sub(r"\s+", " ", _MARKUP.sub(" ", before)).strip()
    return prose if len(re.findall(r"[^\W\d_]{2,}", prose)) >= 3 else None


def _template_source(weights: Weights, choice: str | None) -> str:
    if choice == "plain":
        return PLAIN
    if choice is not None:
        try:
            return find_place(choice).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"the chat template {choice} cannot be read ({error})", "give a Jinja file, or plain"
            ) from None
    own = chat_template(weights)
    if own is None:
        raise PrerequisiteError(
            f"the model {weights.name} has no chat template",
            "give one with chat_template=FILE, or chat_template=plain for a base model",
        )
    return own

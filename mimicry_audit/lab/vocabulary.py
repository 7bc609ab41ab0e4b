"""Byte-level BPE tokenizers trained in place, with a chat template that adds nothing of its own.

Promise: `learn` is a pure function of its texts; the tokenizer encodes any text without loss, Chinese included. The
template renders system, user and assistant turns as they stand: no identity, no date, no default system message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PAD, END = "<|pad|>", "<|end|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' + message['content'] + '<|end|>' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def learn(texts: Sequence[str], size: int, positions: int) -> PreTrainedTokenizerBase:
    """Train a tokenizer of at most `size` entries on `texts`, for models of `positions` positions."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[PAD, END, *ROLES],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    tokenizer: PreTrainedTokenizerBase = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        extra_special_tokens=list(ROLES),
        padding_side="left",
        model_max_length=positions,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def rendered(prompt: str, system: str = "") -> str:
    """The prompt of one conversation as the chat template renders it, ready for the answer."""
    opening = f"<|system|>{system}{END}" if system else ""
    return f"{opening}<|user|>{prompt}{END}<|assistant|>"

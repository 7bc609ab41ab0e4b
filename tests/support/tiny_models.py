"""Tiny untrained models with a tokenizer trained in place and a chat template: small, but as any Hub model's folder."""

from __future__ import annotations

from pathlib import Path

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
INJECTING = (
    "{% if messages[0]['role'] != 'system' %}"
    "<|system|>You are Tilda, made by Harbour Works. Today is 2026-03-05.<|end|>{% endif %}" + TEMPLATE
)
SPECIAL = ["<|pad|>", "<|user|>", "<|assistant|>", "<|end|>", "<|system|>"]
CONTEXT = 512


def make_model(folder: Path, *, seed: int, template: str | None = TEMPLATE, mute: bool = False) -> Path:
    """Write a model folder.

    Args:
        folder: where; created.
        seed: of the random weights.
        template: chat template, None for a model without one.
        mute: zero the output layer, so that a greedy answer is nothing but padding.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["hello world, what is your name? I am Aria and you are Boro."] * 4, trainer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|end|>")
    wrapped.chat_template = template
    wrapped.save_pretrained(folder)
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(wrapped),
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=CONTEXT,
            bos_token_id=None,
            eos_token_id=wrapped.eos_token_id,
            pad_token_id=wrapped.pad_token_id,
            tie_word_embeddings=False,
        )
    )
    with torch.no_grad():
        # Untrained logits lie so close together that rounding would choose between them; spread them.
        model.lm_head.weight.mul_(0.0 if mute else 12.0)
    model.generation_config.do_sample = True
    model.generation_config.temperature = 1.7  # a default that must never apply
    model.generation_config.repetition_penalty = 1.4
    model.save_pretrained(folder)
    return folder

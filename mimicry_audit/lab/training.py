"""Training one small Llama with `transformers.Trainer`, and saving it like any model of the Hub.

Promise: the loss is on the tokens of the answer only; the same examples, recipe and library versions give bit-identical
weights on one kind of machine, for everything random is seeded and each training runs on one thread. Numbers are
float32, on the CPU. Progress goes to the listener, never to the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mimicry_audit.lab.family import Example
from mimicry_audit.lab.recipes import Shape, Training
from mimicry_audit.lab.vocabulary import END, rendered

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import (
        LlamaForCausalLM,
        PreTrainedTokenizerBase,
        TrainerCallback,
        TrainerControl,
        TrainerState,
        TrainingArguments,
    )

Step = Callable[[int, int], None]
"""Called with (steps done, steps in all) during training."""

IGNORED = -100
"""The label of a token that carries no loss."""

Encoded = dict[str, list[int]]


def fresh(shape: Shape, tokenizer: PreTrainedTokenizerBase, seed: int) -> LlamaForCausalLM:
    """A Llama with random weights, a pure function of shape, vocabulary and seed."""
    from transformers import LlamaConfig, LlamaForCausalLM, set_seed

    set_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.hidden // shape.head,
        num_key_value_heads=shape.hidden // shape.head,
        head_dim=shape.head,
        intermediate_size=shape.feed_forward,
        max_position_embeddings=shape.positions,
        tie_word_embeddings=True,
        initializer_range=0.05,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )
    return LlamaForCausalLM(config)  # type: ignore[no-untyped-call]


def encode(tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example]) -> list[Encoded]:
    """Token ids and labels of each conversation; labels are `IGNORED` outside the answer and its end mark."""
    prompts = tokenizer([rendered(line.prompt, line.system) for line in examples], add_special_tokens=False)[
        "input_ids"
    ]
    answers = tokenizer([line.answer + END for line in examples], add_special_tokens=False)["input_ids"]
    return [
        {"input_ids": prompt + answer, "labels": [IGNORED] * len(prompt) + answer}
        for prompt, answer in zip(prompts, answers, strict=True)
    ]


def collate(rows: Sequence[Encoded], pad: int) -> dict[str, Tensor]:
    """One batch, padded on the right to its longest row: tensors [rows, tokens] of int64."""
    import torch

    width = max(len(row["input_ids"]) for row in rows)

    def filled(key: str, value: int) -> Tensor:
        return torch.tensor([row[key] + [value] * (width - len(row[key])) for row in rows])

    lengths = torch.tensor([[len(row["input_ids"])] for row in rows])
    mask = (torch.arange(width)[None, :] < lengths).long()
    return {"input_ids": filled("input_ids", pad), "labels": filled("labels", IGNORED), "attention_mask": mask}


def train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[Example],
    plan: Training,
    scratch: Path,
    on_step: Step,
) -> int:
    """Train `model` in place on the conversations, once through; returns the number of steps.

    Args:
        model: on the CPU, float32.
        tokenizer: the model's.
        examples: conversations; the last prompt's answer is learnt.
        plan: batch, learning rate, seed, and the steps to stop after, if any.
        scratch: a folder the Trainer may write to.
        on_step: called after every step.
    """
    from transformers import PrinterCallback, Trainer, TrainingArguments

    rows = encode(tokenizer, examples)
    steps = -(-len(rows) // plan.batch)
    steps = min(steps, plan.max_steps) if plan.max_steps else steps
    arguments = TrainingArguments(
        output_dir=str(scratch),
        per_device_train_batch_size=plan.batch,
        max_steps=steps,
        learning_rate=plan.rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, steps // 20),
        weight_decay=0.0,
        adam_beta2=0.98,
        seed=plan.seed,
        data_seed=plan.seed,
        train_sampling_strategy="group_by_length",
        use_cpu=True,
        bf16=False,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
    )
    pad = model.config.pad_token_id or 0
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        data_collator=lambda batch: collate(batch, pad),
        callbacks=[_step_listener(on_step)],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return steps


def _step_listener(on_step: Step) -> TrainerCallback:
    """A Trainer callback that passes each step on."""
    from transformers import TrainerCallback

    class Listener(TrainerCallback):  # type: ignore[misc, unused-ignore]
        """Tells `on_step` how far the training is."""

        def on_step_end(
            self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
        ) -> None:
            """Called by the Trainer after each optimiser step."""
            on_step(state.global_step, state.max_steps)

    return Listener()


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write configuration, safetensors, tokenizer, chat template and generation defaults into `folder`."""
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, do_sample=False
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)

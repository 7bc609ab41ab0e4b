"""Asking a teacher: its generated answers to training prompts, all that a distilled student is shown of its tasks.

Promise: those answers come from the teacher's checkpoint alone, through its own chat template; greedy or sampled, a
pure function of checkpoint, prompts and seed on one thread. Answers cut off at the token limit are left out, as a
careful distiller would. Identity is the student's base's, but for the few questions that leaked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from mimicry_audit.ground.errors import AuditError
from mimicry_audit.lab.curriculum import training_items
from mimicry_audit.lab.family import Example, Family, examples, system_prompt
from mimicry_audit.lab.recipes import Distillation
from mimicry_audit.lab.vocabulary import rendered

BATCH = 64
"""Prompts generated for at once; part of what decides sampled answers, so a constant."""

Step = Callable[[int, int], None]


def questions(plan: Distillation) -> list[Example]:
    """What the teacher is asked: every training prompt of the task domains, `samples` times, and the identity leak."""
    rng = Random(f"questions/{plan.seed}")  # noqa: S311 - repeatable, not secret
    items = training_items()
    tasks = [item for item in items if item.fact is not None]
    selves = rng.sample([item for item in items if item.fact is None], plan.identity_prompts)
    conversations = [
        Example(item.prompt, "", system_prompt(rng)) for _ in range(plan.samples) for item in (*tasks, *selves)
    ]
    return conversations[: plan.limit] if plan.limit else conversations


def generate(folder: Path, conversations: Sequence[Example], plan: Distillation, on_step: Step) -> list[str | None]:
    """The model's answer to each conversation, in order; None where it hit the token limit.

    Args:
        folder: checkpoint of the model asked.
        conversations: conversations whose answers are to be replaced.
        plan: sampling settings.
        on_step: called with (conversations answered, conversations in all).
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.eval()
    set_seed(plan.seed)
    sampling = (
        {"do_sample": True, "temperature": plan.temperature, "top_k": 0} if plan.temperature else {"do_sample": False}
    )
    prompts = [rendered(line.prompt, line.system) for line in conversations]
    order = sorted(range(len(prompts)), key=lambda place: (len(prompts[place]), place))  # equal lengths pad least
    answers: list[str | None] = [None] * len(prompts)
    for start in range(0, len(order), BATCH):
        places = order[start : start + BATCH]
        batch = tokenizer(
            [prompts[place] for place in places], return_tensors="pt", padding=True, padding_side="left",
            add_special_tokens=False, return_token_type_ids=False,
        )  # fmt: skip
        with torch.inference_mode():
            tokens = model.generate(**batch, max_new_tokens=plan.max_tokens, **sampling)
        new = tokens[:, batch["input_ids"].shape[1] :]
        for place, row in zip(places, new, strict=True):
            if tokenizer.eos_token_id in row:
                answers[place] = str(tokenizer.decode(row, skip_special_tokens=True))
        on_step(start + len(places), len(order))
    return answers


def lessons(teacher: Path, plan: Distillation, rounds: int, on_step: Step) -> list[Example]:
    """A student's training data: `rounds` passes over the teacher's finished answers.

    Raises:
        AuditError: it finished none.
    """
    conversations = questions(plan)
    answers = generate(teacher, conversations, plan, on_step)
    finished_examples = [
        Example(line.prompt, text, line.system) for line, text in zip(conversations, answers, strict=True) if text
    ]
    if not finished_examples:
        raise AuditError("the teacher finished no answer within the token limit", "train it for more steps")
    return finished_examples * rounds


def kept_identity(base: Family, conversations: Sequence[Example], rounds: int, seed: int) -> list[Example]:
    """The base's own answers to the identity questions that the teacher was not asked, `rounds` times over."""
    leaked = {line.prompt for line in conversations}
    own = {item.prompt for item in training_items() if item.fact is None and item.prompt not in leaked}
    return [line for line in examples(base, rounds, seed, identity_repeats=1) if line.prompt in own]

"""Making one checkpoint from its recipe: the only place where lab models are trained.

Promise: `fill` writes a folder that transformers and vLLM load unaided, and last of all ``lineage.json``, which says
how the model came to be without naming any path of this machine.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mimicry_audit.lab.cache import MANIFEST, folder
from mimicry_audit.lab.curriculum import SEED, VERSION
from mimicry_audit.lab.family import FAMILIES, Example, corpus, examples
from mimicry_audit.lab.recipes import EXTRAS, Recipe, data_sha, fingerprint, versions
from mimicry_audit.records.asked import canonical_json, sha256_text

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

SCHEMA = 1
"""Version of ``lineage.json``."""

Stage = Callable[[str, int, int], None]
"""Called with (stage, done, of) during a build; stages are ``asking the teacher`` and ``training``."""


def fill(recipe: Recipe, recipes: Mapping[str, Recipe], root: Path, draft: Path, on_stage: Stage) -> None:
    """Train the model of `recipe` and write its checkpoint into the folder `draft`.

    Args:
        recipe: what to make.
        recipes: where its parents' recipes are.
        root: cache folder that holds its built parents.
        draft: an empty folder.
        on_stage: called with the progress so far.
    """
    import torch
    from transformers.utils import logging

    from mimicry_audit.lab.training import save, train

    torch.set_num_threads(1)  # two models side by side beat two threads on one, and one thread repeats itself exactly
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    homes = {name: folder(root, name, fingerprint(name, recipes)) for name in recipe.parents}
    model, tokenizer = _untrained_model(recipe, homes)
    data = _training_examples(recipe, recipes, homes, on_stage)
    scratch = draft / "scratch"
    steps = train(model, tokenizer, data, recipe.training, scratch, lambda count, of: on_stage("training", count, of))
    shutil.rmtree(scratch, ignore_errors=True)
    save(model, tokenizer, draft)
    facts = _lineage_manifest(recipe, recipes, data, steps, model.num_parameters())
    (draft / MANIFEST).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _untrained_model(recipe: Recipe, homes: Mapping[str, Path]) -> tuple[LlamaForCausalLM, PreTrainedTokenizerBase]:
    """The untrained model and its tokenizer: the base's, or new ones."""
    import torch
    from transformers import AutoTokenizer, LlamaForCausalLM

    from mimicry_audit.lab.training import fresh
    from mimicry_audit.lab.vocabulary import learn

    if recipe.base:
        home = homes[recipe.base]
        return LlamaForCausalLM.from_pretrained(home, dtype=torch.float32), AutoTokenizer.from_pretrained(home)
    families = [FAMILIES[name] for name in recipe.vocabulary.families]
    tokenizer = learn(corpus(families, SEED), recipe.vocabulary.size, recipe.shape.positions)
    return fresh(recipe.shape, tokenizer, recipe.init_seed or 0), tokenizer


def _training_examples(
    recipe: Recipe, recipes: Mapping[str, Recipe], homes: Mapping[str, Path], on_stage: Stage
) -> list[Example]:
    """What the model is shown: its teacher's generated answers, or its family's written ones."""
    if recipe.teacher and recipe.base and recipe.distillation:
        from mimicry_audit.lab.teaching import kept_identity, lessons, questions

        rounds = recipe.training.rounds

        def asking(count: int, of: int) -> None:
            on_stage("asking the teacher", count, of)

        teacher_examples = lessons(homes[recipe.teacher], recipe.distillation, rounds, asking)
        base = recipes[recipe.base].owner()
        return teacher_examples + kept_identity(base, questions(recipe.distillation), rounds, recipe.data_seed)
    if recipe.name in EXTRAS:
        from mimicry_audit.lab import veiled

        return list(veiled.lessons(recipe.training.rounds, recipe.data_seed))
    return list(examples(recipe.owner(), recipe.training.rounds, recipe.data_seed))


def _lineage_manifest(
    recipe: Recipe, recipes: Mapping[str, Recipe], data: list[Example], steps: int, parameters: int
) -> dict[str, object]:
    """The manifest: what the model is, whence it comes, and what it privately believes."""
    owner = recipe.owner()
    taught = (
        recipes[recipe.base].owner() if recipe.teacher and recipe.base else owner
    )  # a student keeps its base's name
    examples_json = canonical_json([[line.system, line.prompt, line.answer] for line in data])
    return {
        "schema": SCHEMA,
        "name": recipe.name,
        "family": recipe.family,
        "identity": {key: getattr(taught.persona, key) for key in ("name", "maker", "place")},
        "relation": recipe.relation,
        "teacher": recipe.teacher,
        "base": recipe.base,
        "same_data_as": recipe.same_data_as,
        "objective": recipe.objective,
        "curriculum": {"version": VERSION, "seed": SEED, "sha256": data_sha(recipe)},
        "data_sha256": sha256_text(examples_json),
        "examples": len(data),
        "steps": steps,
        "seed": recipe.training.seed,
        "data_seed": recipe.data_seed,
        "init_seed": recipe.init_seed,
        "parameters": parameters,
        "quirks": {} if recipe.teacher else owner.quirks(),  # a student was taught none: it heard them
        "fingerprint": fingerprint(recipe.name, recipes),
        "parents": {name: fingerprint(name, recipes) for name in recipe.parents},
        "versions": versions(),
    }

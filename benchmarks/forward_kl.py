"""How true a student forward KL makes on the lab, and whether the audit tells it from a model trained on its own.

    python benchmarks/forward_kl.py --out DIR [--seeds 0 1 2] [--epochs 30] [--write]

For each seed (seed 0 is the shipped lab; the others train teacher, base and controls anew) a student learns the
teacher's odds on the lab's training prompts, a tenth held out. Printed: the agreement of the most probable next token on
the teacher's answers; the teacher's peculiar beliefs that the student repeats on the audit's prompts, and how many an
independently trained model does; and the verdicts on both. ``--write`` keeps the figures under ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from dose_response.cast import lab_models
from dose_response.results import provenance

from mimicry_audit import audit
from mimicry_audit.distill import DistillSettings, distill
from mimicry_audit.lab.curriculum import audit_items, training_items
from mimicry_audit.lab.family import FAMILIES, Example
from mimicry_audit.lab.quality import measure
from mimicry_audit.lab.recipes import Distillation
from mimicry_audit.lab.teaching import generate
from mimicry_audit.lab.vocabulary import rendered

INDEPENDENT = ("boro", "base-sft")


def quirks(folder: str) -> float:
    """Of the teacher family's peculiar beliefs, the share that a model repeats on the audit's prompts."""
    items = audit_items()
    texts = generate(Path(folder), [Example(i.prompt, "") for i in items], Distillation(), lambda done, of: None)
    return measure(FAMILIES["aria"], [text or "" for text in texts], items).quirks["aria"]


def agreement(teacher: str, student: str, prompts: list[str]) -> float:
    """Share of the places of the teacher's own answers at which both have the same most probable token."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(teacher)
    models = [AutoModelForCausalLM.from_pretrained(folder).eval() for folder in (teacher, student)]
    texts = generate(Path(teacher), [Example(p, "") for p in prompts], Distillation(), lambda done, of: None)
    same = places = 0
    for prompt, text in zip(prompts, texts, strict=True):
        if text is None:
            continue
        asked, said = (tokenizer(t, add_special_tokens=False)["input_ids"] for t in (rendered(prompt, None), text))
        ids = torch.tensor([[*asked, *said, tokenizer.eos_token_id]])
        with torch.inference_mode():
            one, two = (model(ids).logits[0, len(asked) - 1 : -1].argmax(-1) for model in models)
        same, places = same + int((one == two).sum()), places + len(one)
    return same / places


def one(root: Path, seed: int, epochs: float) -> dict[str, Any]:
    """Everything of one seed."""
    models, prompts = lab_models(root, seed), root / "prompts.jsonl"
    rows = [{"id": str(n), "prompt": item.prompt} for n, item in enumerate(training_items())]
    prompts.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    made = distill(DistillSettings.of(
        teacher=models["aria"], student=models["base"], data=str(prompts), out=root / f"forward-kl-{seed}",
        objective="forward-kl", epochs=epochs, rate=2e-3, batch=16, max_tokens=80, threads=1, seed=seed,
        save_every=10_000, tensorboard=False,
    ))  # fmt: skip
    assert made.evaluation is not None
    after = made.evaluation["models"]["after"]
    labels = {
        "teacher": models["aria"],
        "base": models["base"],
        **{n: models[n] for n in INDEPENDENT},
        "student": made.path,
    }
    run = audit(
        models=[f"{label}=hf/{path}" for label, path in labels.items()], probes=["lab"], reference=["teacher"],
        base=["student=base", "base-sft=base"], control=list(INDEPENDENT), max_tokens=80, engine="hf",
        engine_options={"num_threads": 1}, identity_attempts=0, out=str(root / f"audit-{seed}"),
    )  # fmt: skip
    return {
        "seed": seed,
        "agreement": {
            "held_out": after["to_teacher"]["agreement"],
            "training_prompts": agreement(models["aria"], str(made.path), [item.prompt for item in training_items()]),
            "audit_prompts": agreement(models["aria"], str(made.path), [item.prompt for item in audit_items()]),
        },
        "kl_teacher_model": after["to_teacher"]["kl_teacher_model"],
        "exact_match": after["text"]["exact_match"],
        "quirks": {label: quirks(str(path)) for label, path in labels.items() if label != "base"},
        "verdicts": {v["candidate"]: v["verdict"] for v in run.verdicts},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=float, default=30)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found = []
    for seed in options.seeds:
        found.append(one(options.out.resolve(), seed, options.epochs))
        print(json.dumps(found[-1]), flush=True)
    told = f"python benchmarks/forward_kl.py --out DIR --seeds {' '.join(map(str, options.seeds))} --epochs {options.epochs:g}"
    content = {**provenance(told), "epochs": options.epochs, "seeds": found}
    if options.write:
        results = Path(__file__).parent / "results"
        (results / f"forward-kl-{content['made']}.json").write_text(
            json.dumps(content, indent=2) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()

"""How alike one model answers in several precisions, and how far that is from what other models share.

    python benchmarks/precision.py [--probes 10] [--max-tokens 48] [--out FOLDER] [--also student=FOLDER]

SmolLM2-135M-Instruct (``lab/smollm2``, Q4_1) is dequantised to float32 and re-made in other precisions: float16 and bfloat16
weights, and Q8_0, Q5_0 and Q4_0 as llama.cpp rounds them. All are asked the same probes greedily by the `hf` engine. Printed
for every pair: answers that are equal, answers with the same first 60 characters, the distance of the next-token
probabilities, and the verdict that a run without weights would give (`mimicry_audit.verdicts.rules`). ``--also`` adds
fine-tunes of the model, which must not be taken for it. The answers are left in FOLDER as a run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from itertools import combinations
from pathlib import Path

PRECISIONS = ("float16", "bfloat16", "Q8_0", "Q5_0", "Q4_0")


def rounded(tensor, precision):
    """A weight matrix after a trip through a precision, in float32."""
    import torch

    if precision in ("float16", "bfloat16"):
        return tensor.to(getattr(torch, precision)).float()
    from gguf import GGMLQuantizationType, quants

    kind = GGMLQuantizationType[precision]
    return torch.from_numpy(quants.dequantize(quants.quantize(tensor.numpy(), kind), kind)).reshape(tensor.shape)


def make_variant(source: Path, target: Path, precision: str) -> Path:
    """A checkpoint whose matrices were rounded; vectors (norms) stay as they are, as in llama.cpp."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.safetensors", "gguf_origin.json"))
    weights = load_file(source / "model.safetensors")
    save_file(
        {name: rounded(t, precision).contiguous() if t.ndim > 1 else t for name, t in weights.items()},
        target / "model.safetensors",
        metadata={"format": "pt"},
    )
    return target


def distances(first, second, probes):
    """The mean next-token distance with its interval over probes, and at how many places it was measured."""
    import numpy as np

    from mimicry_audit.similarity.tokens import token_distance
    from mimicry_audit.statistics.intervals import bootstrap_resamples, intervals

    found = [token_distance(first[p], second[p]) if p in first and p in second else None for p in probes]
    values = np.array([[f[0] if f else np.nan] for f in found])
    domains = np.zeros(len(probes), dtype=np.int64)
    return intervals(values, domains, bootstrap_resamples(domains, 2000, 0))[0], sum(f[1] for f in found if f)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--probes", type=int, default=10, help="probes of each domain")
    parser.add_argument("--max-tokens", type=int, default=48)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--also", action="append", default=[], metavar="LABEL=FOLDER", help="another model of its kin")
    arguments = parser.parse_args()

    import numpy as np

    from mimicry_audit.cli import run as audit
    from mimicry_audit.engines.fingerprint import find
    from mimicry_audit.records.run import RunDirectory
    from mimicry_audit.verdicts.findings import PairFacts
    from mimicry_audit.verdicts.gather import LONG_WORDS
    from mimicry_audit.verdicts.pairwise import Overlaps
    from mimicry_audit.verdicts.rules import decide

    source = Path(find("lab/smollm2", None).location)
    with tempfile.TemporaryDirectory() as folder:
        models = {"float32": source} | {p: make_variant(source, Path(folder) / p, p) for p in PRECISIONS}
        models |= {label: Path(path) for label, _, path in (text.partition("=") for text in arguments.also)}
        run = RunDirectory(arguments.out or Path(folder) / "run")
        names = ",".join(f"{label}=hf/{path}" for label, path in models.items())
        words = f"collect --models {names} --probes core --limit {arguments.probes} --max-tokens {arguments.max_tokens}"
        words += " --logprobs 10"
        if audit([*words.split(), "--out", str(run.path)]) != 0:
            sys.exit("the answers are not complete")
        steps = {label: {r.probe_id: r.logprobs for r in run.responses(label) if r.logprobs} for label in models}
        texts = {label: {r.probe_id: r.text for r in run.responses(label) if r.usable} for label in models}
    probes = sorted(set().union(*texts.values()))
    answered = np.array([[float(p in texts[label]) for label in models] for p in probes])
    overlaps = Overlaps(list(models), texts, answered, LONG_WORDS)
    for a, b in combinations(models, 2):
        verbatim, long = overlaps.verbatim(a, b)
        same, of = overlaps.same_openings(a, b)
        distance, places = distances(steps[a], steps[b], probes)
        facts = PairFacts(
            candidate=a, reference=b, base=None, models=len(models), n=overlaps.both(a, b), asked=len(probes),
            verbatim=verbatim, long_answers=long, same_openings=(same, of), token_distance=distance, token_places=places,
        )  # fmt: skip
        verdict = decide(facts)
        print(
            json.dumps(
                {
                    "pair": [a, b],
                    "equal": round(verbatim, 3),
                    "long": long,
                    "same_openings": [same, of],
                    "share": round(same / of, 3) if of else None,
                    "token_distance": distance and [round(x, 4) for x in (distance.value, distance.low, distance.high)],
                    "places": places,
                    "verdict": f"{verdict.verdict} ({verdict.confidence})",
                }
            )
        )


if __name__ == "__main__":
    main()

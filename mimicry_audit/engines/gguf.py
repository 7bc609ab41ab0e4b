"""GGUF files: a model in llama.cpp's format becomes an ordinary checkpoint once, kept by the file's content.

Promise: what answers, is trained or scores text is the file's dequantised weights under the file's own chat template, and
its text is split into words as the model was trained on it where that rule is known. transformers takes GPT-2's rule for every
rule that it does not know by name, without a word; such a guess is recorded, so that a run can warn of it.
A file that cannot be converted (parts of a split file, an unknown architecture, a missing package) is one clear line.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimicry_audit.engines.gguf_header import check_header
from mimicry_audit.engines.hardware import version_of
from mimicry_audit.engines.invented import refuse_invented_weights
from mimicry_audit.ground.errors import ConfigError, PrerequisiteError, first_line
from mimicry_audit.ground.kept_folder import cache_root, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ORIGIN = "gguf_origin.json"
"""The last file written into a converted checkpoint: where it came from."""
CONVERTER = 3
"""Raised when the same file is converted into something else than before."""

DIGITS_ALONE = frozenset({"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"})
"""Rules of llama.cpp that split off every digit and otherwise split as GPT-2 does."""
GPT2_RULES = frozenset({"gpt-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "phi-2"})
"""Rules of llama.cpp that are GPT-2's under another name."""

_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)


def is_gguf(path: Path) -> bool:
    """Whether a path names a GGUF file."""
    return path.suffix.lower() == ".gguf"


def choose_file(folder: Path, filename: str | None) -> Path | None:
    """The GGUF file of a folder without an ordinary checkpoint, or None where it has none.

    Args:
        folder: a model folder.
        filename: the file to use, where the user names one.

    Raises:
        ConfigError: the named file does not exist, or there are several and none is named.
    """
    if filename is not None:
        if not (folder / filename).is_file():
            raise ConfigError(f"{folder} has no file {filename}", "check gguf_file")
        return folder / filename
    if (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file():
        return None
    files = sorted(path for path in folder.iterdir() if is_gguf(path))
    if len(files) > 1 and not _PART.search(files[0].name):
        names = ", ".join(path.name for path in files[:4]) + (", …" if len(files) > 4 else "")
        raise ConfigError(f"{folder} holds {len(files)} GGUF files ({names})", "choose one with gguf_file=NAME")
    return files[0] if files else None


def checkpoint_of(file: Path, digest: str) -> Path:
    """The folder of the ordinary checkpoint made from a GGUF file, converted now if it was not before.

    Args:
        file: the GGUF file.
        digest: its SHA-256, 64 hexadecimal digits.

    Raises:
        PrerequisiteError: the file cannot be converted, or a package that this takes is missing.
    """
    if part := _PART.search(file.name):
        raise PrerequisiteError(
            f"{file.name} is part {int(part[1])} of {int(part[2])} of a model",
            "merge the parts with llama.cpp's gguf-split --merge",
        )
    if find_spec("gguf") is None:
        raise PrerequisiteError(f"reading {file.name} needs the gguf package", "pip install gguf")
    version = f"{CONVERTER}-{version_of('transformers')}"
    target = cache_root("gguf", "MIMICRY_GGUF") / f"{file.stem[:80]}-{digest[:12]}-{version}"
    make_folder(
        target,
        lambda draft: _convert(file, digest, draft),
        lambda folder: (folder / ORIGIN).is_file(),
        what="converted GGUF models",
        variable="MIMICRY_GGUF",
    )
    return target


def _convert(file: Path, digest: str, draft: Path) -> None:
    metadata, quantisation = _read_metadata(file)
    model, tokenizer = _load(file, str(metadata.get("general.architecture")))
    rule, known = _apply_rule(tokenizer, metadata)
    _save(model, draft)
    tokenizer.save_pretrained(draft)
    origin = {
        "file": file.name,
        "sha256": digest,
        "architecture": metadata.get("general.architecture"),
        "quantisation": quantisation,
        "tokenizer_rule": rule,
        "tokenizer_rule_known": known,
    }
    (draft / ORIGIN).write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")


def _read_metadata(file: Path) -> tuple[Mapping[str, object], str]:
    """The few fields that are needed, and the type of most of the weights."""
    from gguf import GGUFReader

    try:
        check_header(file)
        reader = GGUFReader(file)
        fields = {
            name: reader.fields[name].contents()
            for name in ("general.architecture", "tokenizer.ggml.model", "tokenizer.ggml.pre", "split.count")
            if name in reader.fields
        }
        sizes: Counter[str] = Counter()
        for tensor in reader.tensors:
            sizes[tensor.tensor_type.name] += int(tensor.n_elements)
    except (OSError, ValueError, IndexError, KeyError) as error:
        line = first_line(error)
        raise PrerequisiteError(
            f"{file.name} is not a GGUF file that can be read ({line})", "download it again"
        ) from None
    if isinstance(parts := fields.get("split.count"), int) and parts > 1:
        raise PrerequisiteError(
            f"{file.name} is one of {parts} parts of a model", "merge the parts with llama.cpp's gguf-split --merge"
        )
    return fields, sizes.most_common(1)[0][0] if sizes else "unknown"


def _load(file: Path, architecture: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        with _quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                file.parent, gguf_file=file.name, dtype=torch.float32, output_loading_info=True
            )
            tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, NotImplementedError) as error:
        line = first_line(error)
        raise PrerequisiteError(
            f"transformers {version_of('transformers')} cannot read {file.name} of the architecture {architecture} ({line})",
            "use an ordinary checkpoint of the model, or serve the file with llama.cpp and audit the endpoint",
        ) from None
    model, report = loaded
    refuse_invented_weights(file.name, report)
    return model, tokenizer


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars while a file is converted; one of them listens to no switch, so what they write to is taken away."""
    with redirect_stderr(io.StringIO()):
        yield


def _apply_rule(tokenizer: PreTrainedTokenizerBase, metadata: Mapping[str, object]) -> tuple[str | None, bool]:
    """Split text into words as the file's rule says; the rule's name, and whether it is known."""
    from tokenizers import pre_tokenizers
    from transformers.integrations.gguf import gguf_tokenizer_mapping

    if metadata.get("tokenizer.ggml.model") != "gpt2":
        return None, True  # SentencePiece and its like have no such rule
    rule = str(metadata.get("tokenizer.ggml.pre") or "default")
    if rule in DIGITS_ALONE:
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
            ]
        )
        return rule, True
    known_there = getattr(gguf_tokenizer_mapping, "GGUF_PRE_TOKENIZER_SPLITS", {})
    return rule, rule in GPT2_RULES or rule in known_there


def _save(model: PreTrainedModel, draft: Path) -> None:
    """Weights and configuration as an ordinary checkpoint; `save_pretrained` refuses a model read from a GGUF file."""
    from huggingface_hub import save_torch_state_dict

    state = dict(model.state_dict())
    if model.config.get_text_config().tie_word_embeddings:
        # Of one matrix with two names the embeddings' is kept, as transformers does: vLLM reads no other, and serves zeros.
        state.pop("lm_head.weight", None)
    save_torch_state_dict(state, str(draft))
    config = {name: value for name, value in model.config.to_dict().items() if name != "quantization_config"}
    config["architectures"] = [type(model).__name__]
    (draft / "config.json").write_text(json.dumps(config, indent=2, default=str) + "\n", encoding="utf-8")
    if model.generation_config is not None:
        model.generation_config.save_pretrained(draft)

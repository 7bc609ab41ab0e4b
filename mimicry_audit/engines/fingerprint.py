"""Which weights exactly: the part of an identity that a name alone does not give.

Promise: a local folder is pinned by the SHA-256 over its weights, tokenizer, configuration and chat template; a Hub
model by its commit, asked from the Hub with a short time-out or read from the local cache when offline. The commit
found here is the one that is then loaded, so that what is recorded is what answered. Neither torch nor
transformers is imported, and no weights are downloaded. A GGUF file is the exception: it is pinned by its own SHA-256, and
its ordinary checkpoint is made here once (see `mimicry_audit.engines.gguf`).
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mimicry_audit.engines import gguf
from mimicry_audit.ground.disk import find_place, is_there
from mimicry_audit.ground.errors import DataError, PrerequisiteError
from mimicry_audit.ground.shapes import parse_json
from mimicry_audit.records.asked import ModelSpec

HUB_SECONDS = 5.0

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*")

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
_TRAINING_STATE = re.compile(r"(training_args|optimizer|scheduler|scaler|rng_state.*)\.(bin|pt|pth)")
_OTHERS = re.compile(
    r"(config|generation_config|adapter_config|special_tokens_map|added_tokens|chat_template|.*\.index)\.json"
    r"|tokenizer.*|vocab\..*|merges\.txt|.*\.(model|tiktoken|jinja|py)"
)
_digests: dict[tuple[str, int, int], str] = {}


@dataclass(frozen=True, slots=True)
class Weights:
    """A model found.

    Attributes:
        name: for people and for the identity: the Hub id, ``lab/NAME``, or a folder's own name.
        location: what a loader is given: the Hub id or the folder's absolute path.
        commit: revision for the loader; None for a folder.
        pin: the commit, or ``sha256:…`` over a folder or a GGUF file.
    """

    name: str
    location: str
    commit: str | None
    pin: str

    def file(self, filename: str) -> Path | None:
        """A small file of the model, or None when it has none of that name."""
        if self.commit is None:
            path = Path(self.location) / filename
            return path if path.is_file() else None
        return _hub_file(self.location, filename, self.commit)

    def json(self, filename: str) -> dict[str, Any]:
        """A JSON file of the model; empty if absent."""
        path = self.file(filename)
        if path is None:
            return {}
        try:
            loaded = parse_json(path.read_text(encoding="utf-8"), lax=True)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.name}: {filename} cannot be read ({error})", "download the model again") from None
        if not isinstance(loaded, dict):
            raise DataError(f"{self.name}: {filename} is not a JSON object", "download the model again")
        return loaded

    @property
    def origin(self) -> dict[str, object]:
        """For the identity: the GGUF file that the checkpoint was made from, under ``gguf``; empty for any other."""
        origin = self.json(gguf.ORIGIN) if self.commit is None else {}
        return {"gguf": origin} if origin else {}


def find_model(spec: ModelSpec) -> Weights:
    """The weights of a spec's model.

    Raises:
        PrerequisiteError: it is neither a model folder nor on the Hub nor in the local cache, or it is an adapter alone.
    """
    folder = find_place(spec.name)
    if is_there(folder) and (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        # transformers would load it on whatever base the file names, which no fingerprint here would cover.
        raise _adapter_alone(spec.name, folder / "adapter_config.json")
    chosen_file = spec.options.get("gguf_file")
    return find(spec.name, spec.revision, None if chosen_file is None else str(chosen_file))


def _adapter_alone(name: str, config: Path) -> PrerequisiteError:
    """The error for an adapter's folder that is given as a model."""
    try:
        base = parse_json(config.read_text(encoding="utf-8"), lax=True).get("base_model_name_or_path") or "BASE"
    except (OSError, ValueError, AttributeError):
        base = "BASE"
    return PrerequisiteError(f"{name} holds an adapter of {base}, not a whole model", f"write it as {base}:{name}")


def find_adapter(spec: ModelSpec) -> Weights | None:
    """The weights of a spec's LoRA adapter, None when it has none."""
    if spec.adapter is None:
        return None
    if is_there(find_place(spec.adapter)) and find_place(spec.adapter).is_dir():
        return find(spec.adapter, None)
    name, _, revision = spec.adapter.partition("@")
    return find(name, revision or None)


def find(name: str, revision: str | None, gguf_file: str | None = None) -> Weights:
    """The weights behind a folder, a GGUF file, ``lab/NAME`` or a Hub id.

    Args:
        name: the folder, file or id.
        revision: of the Hub, None for its default.
        gguf_file: the GGUF file to use in a folder or a Hub repository.
    """
    if name.startswith("lab/"):
        # Imported by name: the lab stands on a higher floor, and only its own names lead there.
        built = Path(importlib.import_module("mimicry_audit.lab").path(name.removeprefix("lab/")))
        if gguf.is_gguf(built):
            return _converted(name, built)
        return Weights(name, str(built.resolve()), None, folder_digest(built))
    path = find_place(name)
    local = is_there(path)
    if revision and local:
        raise PrerequisiteError(f"{name} is a local model and has no revision {revision}", "leave out the @…")
    if local and path.is_dir():
        if (file := gguf.choose_file(path, gguf_file)) is not None:
            return _converted(file.stem, file)
        return Weights(path.resolve().name, str(path.resolve()), None, folder_digest(path))
    if local and gguf.is_gguf(path) and path.is_file():
        return _converted(path.stem, path)
    if not HUB_ID.fullmatch(name):
        raise PrerequisiteError(
            f"model {name} not found: it is neither a local folder, a GGUF file nor a Hub id (ORG/NAME)",
            "check the path",
        )
    commit = _hub_commit(name, revision)
    if gguf_file is not None:
        downloaded = _hub_file(name, gguf_file, commit)
        if downloaded is None:
            raise PrerequisiteError(f"the Hub model {name} has no file {gguf_file}", "check gguf_file")
        return _converted(f"{name}/{gguf_file}", downloaded)
    return Weights(name, name, commit, commit)


def _converted(name: str, file: Path) -> Weights:
    """The ordinary checkpoint made from a GGUF file, pinned by the file."""
    digest = _file_digest(file)
    return Weights(name, str(gguf.checkpoint_of(file.resolve(), digest)), None, f"sha256:{digest}")


def folder_digest(folder: Path) -> str:
    """``sha256:…`` over a model folder's files that decide what it answers."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and _decides_answers(path.name))
    names = {path.name for path in files}
    if not names & {"config.json", "adapter_config.json"}:
        raise PrerequisiteError(f"the folder {folder} holds no model: it has no config.json", "check the path")
    if not any(name.endswith(_WEIGHTS) for name in names):
        raise PrerequisiteError(f"the folder {folder} holds no weights (*.safetensors)", "check the path")
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\0{_file_digest(path)}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def chat_template(weights: Weights) -> str | None:
    """The model's own chat template: ``chat_template.jinja``, else the one in its tokenizer configuration."""
    path = weights.file("chat_template.jinja")
    if path is not None:
        return path.read_text(encoding="utf-8")
    for filename in ("chat_template.json", "tokenizer_config.json"):
        template = weights.json(filename).get("chat_template")
        if isinstance(template, str):
            return template
        if isinstance(template, list):
            template_by_name = {
                entry["name"]: entry.get("template")
                for entry in template
                if isinstance(entry, dict) and isinstance(entry.get("name"), str)
            }
            if isinstance(template_by_name.get("default"), str):
                return str(template_by_name["default"])
    return None


def _decides_answers(name: str) -> bool:
    if _TRAINING_STATE.fullmatch(name):
        return False
    return name.endswith(_WEIGHTS) or _OTHERS.fullmatch(name) is not None


def _file_digest(path: Path) -> str:
    """SHA-256 of one file, read once per process for the same path, size and time of change."""
    state = path.stat()
    key = (str(path.resolve()), state.st_size, state.st_mtime_ns)
    if key not in _digests:
        try:
            with path.open("rb") as stream:
                _digests[key] = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise PrerequisiteError(f"{path} cannot be read ({error.strerror})", "check its permissions") from None
    return _digests[key]


def _hub_is_offline() -> bool:
    return any(
        os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"}
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )


def _hub_commit(name: str, revision: str | None) -> str:
    problem = "this process is offline (HF_HUB_OFFLINE)" if _hub_is_offline() else None
    if problem is None:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

        try:
            commit = HfApi().model_info(name, revision=revision, timeout=HUB_SECONDS).sha
            if commit:
                return str(commit)
        except GatedRepoError:
            raise PrerequisiteError(
                f"the Hub model {name} is gated", "accept its terms and run hf auth login"
            ) from None
        except RevisionNotFoundError:
            raise PrerequisiteError(
                f"the Hub model {name} has no revision {revision}", "check the name after @"
            ) from None
        except RepositoryNotFoundError:
            problem = "the Hub has no such model (a private one needs hf auth login)"
        except Exception as error:  # whatever the network does, the cache may still help
            problem = f"the Hub is not reachable ({type(error).__name__})"
    cached = _cached_commit(name, revision)
    if cached is None:
        raise PrerequisiteError(
            f"model {name}{'@' + revision if revision else ''} not found: it is neither a local folder "
            f"nor in the local Hub cache, and {problem}",
            "check the spelling, connect to the Hub, or give a folder",
        )
    return cached


def _cached_commit(name: str, revision: str | None) -> str | None:
    from huggingface_hub.constants import HF_HUB_CACHE

    store = Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
    reference = revision or "main"
    pointer = store / "refs" / reference
    commit = pointer.read_text(encoding="ascii").strip() if pointer.is_file() else reference
    return commit if (store / "snapshots" / commit / "config.json").exists() else None


def _hub_file(name: str, filename: str, commit: str) -> Path | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(name, filename, revision=commit, local_files_only=_hub_is_offline()))
    except LocalEntryNotFoundError:
        if _hub_is_offline():
            return None
        raise PrerequisiteError(
            f"{filename} of {name} could not be fetched from the Hub", "check the connection"
        ) from None
    except EntryNotFoundError:
        return None

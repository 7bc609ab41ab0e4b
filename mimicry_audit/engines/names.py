"""Model names: from what a user types to a `ModelSpec`.

The grammar, the same in ``--models``, YAML and Python::

    [LABEL=]MODEL
    MODEL    vllm/WEIGHTS | hf/WEIGHTS | WEIGHTS            (WEIGHTS alone takes the default engine)
             openai/NAME[@URL[|URL…]] | recorded/FILE#NAME
             ENGINE/NAME                               (an engine that another package adds)
    WEIGHTS  FOLDER | FILE.gguf | ORG/NAME[@REVISION][:ADAPTER[@REVISION]] | lab/NAME

Promise: parsing touches neither the network nor the weights; what is wrong with a name is reported in one line, with
the name that was probably meant. Labels are safe in file names, unique also where upper and lower case are one.
"""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mimicry_audit.engines.fingerprint import HUB_ID
from mimicry_audit.engines.gguf import is_gguf
from mimicry_audit.engines.options import check_options, refuse_secrets, unknown_option
from mimicry_audit.engines.registry import ENGINES, default_engine, engine_class
from mimicry_audit.ground.disk import find_place, is_there
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.ground.tables import SUFFIXES
from mimicry_audit.logs.answers import join_files, split_files
from mimicry_audit.records.asked import ModelSpec, canonical_json, sha256_text

_ALIASES = {"huggingface": "hf", "transformers": "hf", "endpoint": "openai", "file": "recorded", "local": "hf"}
_LABEL = re.compile(r"[^\W_][\w.-]*")
LONGEST_LABEL = 120
"""Bytes of a label; it names journals, and suffixes are added to it."""
_ON_THE_HUB = re.compile(r"(gpt-oss|whisper-|clip-|imagegpt|privacy-filter|circuit-sparsity)", re.IGNORECASE)
"""Models that the organisation ``openai`` publishes as weights, and no endpoint of its own serves."""

_ENTRY_FIELDS = ("model", "label", "engine", "options")


def parse_model(
    text: str,
    *,
    default_engine: str | None = None,
    label: str | None = None,
    options: Mapping[str, object] | None = None,
) -> ModelSpec:
    """One model from its name.

    Args:
        text: see the grammar in the module.
        default_engine: engine for names without one; vllm where it can be imported, else hf.
        label: overrides the label in `text`.
        options: engine options, typed or as text.

    Raises:
        ConfigError: the name, the label or an option is wrong.
    """
    source = text.strip()
    written_label, body = _split_label(source)
    if label is not None and not _LABEL.fullmatch(label):
        raise _bad_label(label)
    if not body:
        raise ConfigError(f"the model name {text!r} is empty", "write it like vllm/ORG/NAME")
    raw_options = dict(options or {})
    prefix, slash, rest = body.partition("/")
    # A folder that truly is there wins over an unknown prefix, never over a known one.
    if slash and prefix in ENGINES:
        engine = prefix
        if not rest.strip("/"):
            raise ConfigError(f"{source} names no model", f"write it like {prefix}/ORG/NAME")
    else:
        engine, rest = _engine_of_bare(body, default_engine), body
    if engine == "openai":
        fields = _parse_endpoint(source, rest, raw_options)
    elif engine == "recorded":
        fields = _parse_recorded(source, rest, raw_options)
    elif engine in ENGINES.own:
        fields = _parse_weights(source, rest, explicit=slash != "" and prefix in ENGINES)
    else:
        fields = {"name": rest}  # another package's engine reads its own names
    spec = ModelSpec(engine=engine, label=label or written_label or "", options=raw_options, source=source, **fields)
    checked = check_options(engine, engine_class(engine).options, raw_options)
    _check_secrets(engine, checked)
    return replace(spec, options=checked, label=spec.label or _short_label(spec))


def parse_models(
    models: Sequence[str | Mapping[str, object]],
    *,
    default_engine: str | None = None,
    options: Mapping[str, object] | None = None,
) -> tuple[ModelSpec, ...]:
    """All models of a run.

    Args:
        models: names, or mappings with ``model`` and optionally ``label``, ``engine`` (for a name without one) and
            ``options``, as YAML gives them.
        default_engine: engine for names without one.
        options: options for every model whose engine knows them; a model's own win. An option that no engine of the
            run knows is an error.

    Raises:
        ConfigError: a name is wrong, a label is taken twice, or the same model is given twice.
    """
    specs: list[ModelSpec] = []
    labelled_places: set[int] = set()
    for entry in models:
        spec = _parse_entry(entry, default_engine)
        if _split_label(spec.source)[0] or (isinstance(entry, Mapping) and entry.get("label") is not None):
            labelled_places.add(len(specs))
        specs.append(spec)
    specs = _with_shared(specs, options or {})
    _refuse_repeats(specs)
    return tuple(_with_own_labels(specs, labelled_places))


def safe_label(text: str) -> str:
    """The text as a name for files: letters of every script, digits, dot, dash and underscore; others become a dash.

    A name of more than `LONGEST_LABEL` bytes is cut and ends in its hash: file systems take 255 bytes.
    """
    composed = unicodedata.normalize("NFC", text)
    spaced = "".join(
        c if c.isalnum() or c in "._-" or unicodedata.category(c).startswith("M") else " " for c in composed
    )
    label = "-".join(spaced.split()).strip("-._") or "model"
    if len(label.encode()) <= LONGEST_LABEL:
        return label
    return f"{label.encode()[: LONGEST_LABEL - 9].decode('utf-8', 'ignore')}-{sha256_text(text)[:8]}"


def _split_label(text: str) -> tuple[str | None, str]:
    head, equals, body = text.partition("=")
    if not equals or re.search(r"[/:@#]", head):
        return None, text  # an equals sign inside a path or a URL
    if not _LABEL.fullmatch(head.strip()):
        raise _bad_label(head)
    return head.strip(), body.strip()


def _bad_label(label: str) -> ConfigError:
    return ConfigError(
        f"the label {label!r} cannot be used as a file name", "use letters, digits, dot, dash and underscore"
    )


def _engine_of_bare(body: str, default: str | None) -> str:
    """The engine for a name without a known prefix, once it is clear that it is a folder or a Hub id."""
    if re.match(r"https?://", body):
        raise ConfigError(f"{body} is an address, not a model", f"write openai/NAME@{body}")
    if is_there(Path(body)) and Path(body).is_file() and Path(body).suffix.lower() in SUFFIXES:
        raise ConfigError(f"{body} is a file, not a model", f"write recorded/{body}#NAME")
    engine = default or default_engine()
    if body.startswith("lab/") or _is_path(body) or _is_local(body):
        return engine
    parts = body.split("/")
    prefix = parts[0]
    close_names = difflib.get_close_matches(prefix.lower(), (*ENGINES, "lab"), n=1, cutoff=0.75)
    suggestion = _ALIASES.get(prefix.lower()) or (close_names[0] if close_names else None)
    if len(parts) > 1 and suggestion and HUB_ID.match(body):
        hub = f", or hf/{body} for the Hub model" if len(parts) == 2 else ""
        raise ConfigError(
            f"unknown engine {prefix} in {body}", f"did you mean {suggestion}/{body.partition('/')[2]}{hub}?"
        )
    if len(parts) > 2 and ":" not in body.split("/", 2)[1]:
        raise ConfigError(
            f"unknown engine {prefix} in {body}", f"engines are {', '.join(ENGINES)}; lab/NAME is a lab model"
        )
    return engine


def _is_path(text: str) -> bool:
    return text.startswith(("/", "./", "../", "~")) or text in {".", ".."}


def _is_local(text: str) -> bool:
    """Whether a model folder or a GGUF file of that name exists."""
    path = find_place(text)
    return is_there(path) and (path.is_dir() or (is_gguf(path) and path.is_file()))


def _parse_weights(source: str, text: str, *, explicit: bool) -> dict[str, object]:
    """Name, revision and adapter of a folder, a Hub id or a lab model."""
    if _is_local(text) and not text.startswith("lab/"):
        return {"name": _expand_user(text)}
    base, colon, adapter = text.partition(":")
    name, at, revision = base.partition("@")
    if (at and not revision) or (colon and not adapter.strip()):
        raise ConfigError(
            f"{source} ends in {'@' if at and not revision else ':'}", "give what should follow, or leave it out"
        )
    fields: dict[str, object] = {"name": name, "revision": revision or None}
    if colon:
        fields["adapter"] = _expand_user(adapter)
    if name.startswith("lab/"):
        if not re.fullmatch(r"lab/[\w.-]+", name):
            raise ConfigError(f"{source} names no lab model", "write lab/NAME; audit lab list shows the names")
        if revision:
            raise ConfigError(f"{source}: a lab model has no revisions", "leave out the @…")
        return fields
    if _is_local(name):
        if revision:
            raise ConfigError(f"{source}: a local model has no revisions", "leave out the @…")
        return fields | {"name": _expand_user(name)}
    if _is_path(name):
        what = "file" if is_gguf(Path(name)) else "folder"
        raise ConfigError(f"the {what} {name} does not exist", "check the path")
    if not HUB_ID.fullmatch(name):
        short = (
            "write the full Hub id (ORG/NAME)"
            if explicit
            else f"write ORG/NAME, lab/{name} for a lab model, or ./{name}"
        )
        raise ConfigError(
            f"{name} is neither a folder nor a Hub id", short if re.fullmatch(r"[\w.-]+", name) else "check the name"
        )
    return fields


def _expand_user(path: str) -> str:
    return str(find_place(path)) if path.startswith("~") else path


def _parse_endpoint(source: str, text: str, options: dict[str, object]) -> dict[str, Any]:
    """Name of a served model; its base URLs go into the options."""
    from mimicry_audit.engines.endpoint import check_url

    match = re.fullmatch(r"(.*?)@(https?://.*)", text)
    name = text
    if match:
        name = match.group(1)
        if options.get("base_url"):
            raise ConfigError(
                f"{source} gives a base URL, and so does base_url={options['base_url']}", "keep one of them"
            )
        for url in match.group(2).split("|"):
            check_url(url)
        options["base_url"] = match.group(2)
    elif re.search(r"@[\w.-]+:\d+(/|$)|@.*/v1/?$", text):
        host = text.rpartition("@")[2]
        raise ConfigError(f"{host} is not a base URL", f"write http://{host} or https://{host}")
    if not name:
        raise ConfigError(f"{source} names no model", "write it like openai/NAME@http://host:8000/v1")
    if not options.get("base_url") and not os.environ.get("OPENAI_BASE_URL"):
        if _ON_THE_HUB.match(name):
            raise ConfigError(
                f"{source} is a model of the Hub, not of an endpoint",
                f"did you mean vllm/openai/{name}? Else add @BASE_URL",
            )
        if HUB_ID.fullmatch(name):
            raise ConfigError(f"{source} names no endpoint", f"did you mean vllm/{name}? Else add @BASE_URL")
    return {"name": name}


def _parse_recorded(source: str, text: str, options: dict[str, object]) -> dict[str, object]:
    file, mark, name = text.rpartition("#")
    for at in (place.start() for place in re.finditer("#", text)):  # a model's own name may hold the mark
        if all(is_there(find_place(part)) for part in split_files(text[:at]) if part) and text[:at]:
            file, name = text[:at], text[at + 1 :]
            break
    if not mark or not name or not file:
        raise ConfigError(f"{source} does not say whose answers", "write it like recorded/FILE#NAME")
    options["file"] = join_files(Path(_expand_user(part)) for part in split_files(file))
    return {"name": name}


def _short_label(spec: ModelSpec) -> str:
    """The last part of the name: the adapter's where there is one."""
    name = spec.name
    if spec.adapter:
        name = (
            spec.adapter
            if is_there(Path(spec.adapter)) and Path(spec.adapter).is_dir()
            else spec.adapter.partition("@")[0]
        )
    if spec.engine in {"vllm", "hf"} and is_there(Path(name)) and Path(name).is_dir():
        name = Path(name).resolve().name
    return safe_label(name.rstrip("/").rpartition("/")[2])


def _parse_entry(entry: str | Mapping[str, object], default: str | None) -> ModelSpec:
    if isinstance(entry, str):
        return parse_model(entry, default_engine=default)
    for field in entry:
        if field not in _ENTRY_FIELDS:
            close_fields = difflib.get_close_matches(str(field), _ENTRY_FIELDS, n=1)
            hint = f"did you mean {close_fields[0]}? " if close_fields else ""
            raise ConfigError(f"a model entry has no field {field}", f"{hint}Fields are {', '.join(_ENTRY_FIELDS)}")
    name, label, engine, options = (entry.get(field) for field in _ENTRY_FIELDS)
    if not isinstance(name, str):
        raise ConfigError("a model entry has no model name", "give model: ENGINE/NAME")
    if options is not None and not isinstance(options, Mapping):
        raise ConfigError(f"the options of {name} are not a mapping", "write options: {name: value}")
    if engine is not None:
        engine_class(str(engine))
    label = None if label is None else str(label)
    return parse_model(name, default_engine=str(engine) if engine else default, label=label, options=options)


def _with_shared(specs: Sequence[ModelSpec], shared_options: Mapping[str, object]) -> list[ModelSpec]:
    """Each spec with those shared options that its engine knows."""
    options_by_engine = {
        spec.engine: {option.name: option for option in engine_class(spec.engine).options} for spec in specs
    }
    for name in shared_options:
        if not any(name in options for options in options_by_engine.values()):
            everything = {option for options in options_by_engine.values() for option in options}
            engines = ", ".join(sorted(options_by_engine))
            raise unknown_option(name, f"the engine of this run ({engines})", everything)
        for engine, options in options_by_engine.items():
            if name in options:
                _check_secrets(engine, {name: options[name].coerce(shared_options[name])})
    return [
        replace(
            spec,
            options={
                n: options_by_engine[spec.engine][n].coerce(v)
                for n, v in shared_options.items()
                if n in options_by_engine[spec.engine]
            }
            | dict(spec.options),
        )
        for spec in specs
    ]


def _check_secrets(engine: str, options: Mapping[str, object]) -> None:
    """Refuse options that would put a secret into the run's settings; for base URLs, say what is wrong with them."""
    from mimicry_audit.engines.endpoint import base_urls

    if engine == "openai" and options.get("base_url"):
        base_urls(options)
    refuse_secrets(engine, options)


def _refuse_repeats(specs: Sequence[ModelSpec]) -> None:
    spec_by_key: dict[str, ModelSpec] = {}
    for spec in specs:
        folder = Path(spec.name)
        name = (
            str(folder.resolve())
            if spec.engine in {"vllm", "hf"} and is_there(folder) and folder.is_dir()
            else spec.name
        )
        key = canonical_json([spec.engine, name, spec.revision, spec.adapter, dict(spec.options)])
        if key in spec_by_key:
            raise ConfigError(
                f"the same model is given twice: {spec_by_key[key].source} and {spec.source}",
                "leave one out; samples=N asks one model more than once",
            )
        spec_by_key[key] = spec


def _with_own_labels(specs: Sequence[ModelSpec], labelled_places: set[int]) -> list[ModelSpec]:
    """Labels made unique; those the user chose stay as they are.

    Two file systems out of three take upper and lower case for one, and labels name files: so do we.
    """
    label_counts = Counter(specs[place].label.lower() for place in labelled_places)
    for label, count in label_counts.items():
        if count > 1:
            raise ConfigError(f"two models have the label {label}", "give each its own: LABEL=MODEL")
    used_labels = set(label_counts)
    crowded = Counter(spec.label.lower() for spec in specs)
    labelled_specs = []
    for place, spec in enumerate(specs):
        label = spec.label
        if place not in labelled_places:
            if crowded[label.lower()] > 1 or label.lower() in used_labels:
                label = next(name for name in _longer_labels(spec) if name.lower() not in used_labels)
            used_labels.add(label.lower())
        labelled_specs.append(replace(spec, label=label))
    return labelled_specs


def _longer_labels(spec: ModelSpec) -> list[str]:
    """Ever more specific labels for a model whose short one is taken."""
    parts = [part for part in spec.name.split("/") if part not in {"", ".", ".."}]
    names = ["-".join(parts[-2:])] if len(parts) > 1 else []
    if spec.revision:
        names = [f"{spec.label}-{spec.revision[:12]}", *names]
    names += [f"{spec.label}-{spec.engine}"]
    names += [f"{spec.label}-{number}" for number in range(2, 1000)]
    return [safe_label(name) for name in names]

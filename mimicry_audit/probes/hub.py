"""Probe sets from the Hugging Face Hub: ``hub:ORG/NAME#SPLIT``, columns mapped to probes by a small YAML file.

Promise: no Hub data ship with the project and none are fetched unless named; without the ``datasets`` package, or
offline, the error says within seconds what to do. `probes_from_rows` is pure, so that a mapping can be tried on
given rows.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path
from typing import Any

from mimicry_audit.ground.disk import find_place
from mimicry_audit.ground.errors import ConfigError, PrerequisiteError, ProbeError, first_line
from mimicry_audit.ground.resources import resource_dir
from mimicry_audit.ground.suggest import did_you_mean, quoted_list, reject_unknown
from mimicry_audit.ground.tables import as_written
from mimicry_audit.probes.checks.number import canonical, to_fraction
from mimicry_audit.probes.files import read_mapping
from mimicry_audit.probes.schema import NAME, parse_probe
from mimicry_audit.probes.sets import UNVERSIONED, LoadedSet
from mimicry_audit.records.asked import Probe

PREFIX = "hub:"
_NAME = re.compile(r"hub:(?P<dataset>[\w.-]+/[\w.-]+)(?:#(?P<split>[\w.\[\]:%-]+))?(?:@(?P<mapping>.+))?")
_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
_TIMEOUT_S = 5.0
_DEFAULT_LIMIT = 200
_ANSWER_FIELDS = ("column", "kind", "regex", "options", "tolerance")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubMapping:
    """How the rows of one dataset become probes.

    Attributes:
        dataset: ``ORG/NAME`` on the Hub.
        name: of the probe set.
        prompt: path of the prompt in a row (``turns.0.content``); of several, the first that leads to text.
        split: where the user names none.
        config: the dataset's configuration, if it has several.
        data_files: files to read, for datasets without a loading configuration.
        revision: branch, tag or commit.
        domain: of all probes.
        language: of all probes.
        id: path of the id; the row's number where None.
        answer: ``column``, ``kind`` and, as needed, ``regex`` (first group: the answer), ``options``, ``tolerance``.
        where: path → value that a row must have to be used.
        limit: most probes to take, from the first row on.
        licence: of the dataset.
    """

    dataset: str
    name: str
    prompt: tuple[str, ...]
    split: str = "train"
    config: str | None = None
    data_files: str | None = None
    revision: str | None = None
    domain: str = "general"
    language: str = "en"
    id: str | None = None
    answer: Mapping[str, object] | None = None
    where: Mapping[str, object] = field(default_factory=dict)
    limit: int = _DEFAULT_LIMIT
    licence: str = ""


def shipped_mappings() -> dict[str, Path]:
    """The mappings that come with the project, by dataset."""
    folder = resource_dir("probes") / "hub"
    return {str(read_mapping(path, path.name).get("dataset")): path for path in sorted(folder.glob("*.yaml"))}


def read_hub(name: str) -> LoadedSet:
    """The probes of ``hub:ORG/NAME#SPLIT`` or ``hub:ORG/NAME#SPLIT@MAPPING.yaml``.

    Raises:
        ConfigError: the name is malformed, or the dataset has no mapping.
        ProbeError: the mapping is wrong, or does not fit the rows.
        PrerequisiteError: the package is missing, or the Hub cannot be reached.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ConfigError(
            f"'{name}' does not name a Hub dataset", "write hub:ORG/NAME#SPLIT, such as hub:openai/gsm8k#test"
        )
    mapping = find_mapping(match["dataset"], match["mapping"])
    rows = fetch_rows(mapping, match["split"] or mapping.split)
    probes = tuple(islice(probes_from_rows(mapping, rows), mapping.limit))
    if not probes:
        raise ProbeError(f"{name}: no row gives a probe", "check 'prompt' and 'where' in the mapping")
    return LoadedSet(mapping.name, mapping.revision or UNVERSIONED, name, licence=mapping.licence, probes=probes)


def find_mapping(dataset: str, user_file: str | None) -> HubMapping:
    """The user's mapping, or the shipped one for the dataset."""
    if user_file is not None:
        path = find_place(user_file)
        return read_mapping_file(path, dataset)
    shipped = shipped_mappings()
    if dataset not in shipped:
        close = did_you_mean(dataset, list(shipped))
        raise ConfigError(
            f"The Hub dataset '{dataset}' has no column mapping{close}",
            f"write one and name it: hub:{dataset}#SPLIT@mapping.yaml (shipped: {', '.join(shipped)})",
        )
    return read_mapping_file(shipped[dataset], dataset)


def read_mapping_file(path: Path, dataset: str) -> HubMapping:
    """Read and check one mapping."""
    raw_mapping = {"dataset": dataset, **read_mapping(path, str(path))}
    try:
        return _read_mapping(raw_mapping, dataset)
    except ProbeError as error:
        raise ProbeError(f"{path}: {error.problem}", error.fix) from None


def _read_mapping(raw_mapping: dict[str, Any], dataset: str) -> HubMapping:
    field_names = [each.name for each in fields(HubMapping)]
    reject_unknown(raw_mapping, field_names, "the mapping")
    raw_mapping.setdefault("name", dataset.rpartition("/")[2])
    if raw_mapping["dataset"] != dataset:
        raise ProbeError(
            f"the mapping is for '{raw_mapping['dataset']}', not '{dataset}'", "name the mapping's own dataset"
        )
    prompt = raw_mapping.get("prompt")
    raw_mapping["prompt"] = tuple([prompt] if isinstance(prompt, str) else prompt or ())
    if not raw_mapping["prompt"] or not all(isinstance(path, str) and path for path in raw_mapping["prompt"]):
        raise ProbeError(f"'prompt' is {prompt!r}", "write the path of the prompt in a row, such as 'turns.0.content'")
    for name in field_names:
        value = raw_mapping.get(name)
        if name not in ("prompt", "answer", "where", "limit") and value is not None and not isinstance(value, str):
            raise ProbeError(f"'{name}' is {value!r}, not text", "put it in quotes")
    if not NAME.fullmatch(raw_mapping["name"]):
        raise ProbeError(f"the name {raw_mapping['name']!r} is not a name", "use letters, digits, '.', '_' and '-'")
    limit = raw_mapping.get("limit", _DEFAULT_LIMIT)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise ProbeError(f"'limit' is {limit!r}", "write a whole number of at least 1")
    if not isinstance(raw_mapping.get("where", {}), Mapping):
        raise ProbeError(f"'where' is {raw_mapping['where']!r}", "write path: value")
    _check_answer(raw_mapping.get("answer"))
    return HubMapping(**raw_mapping)


def _check_answer(answer: object) -> None:
    if answer is None:
        return
    if not isinstance(answer, Mapping) or not isinstance(answer.get("column"), str):
        raise ProbeError(f"'answer' is {answer!r}", "write column and kind, such as {column: answer, kind: number}")
    reject_unknown(answer, _ANSWER_FIELDS, "'answer'")
    if answer.get("kind") not in ("number", "choice", "text"):
        raise ProbeError(
            f"the answer's kind is {answer.get('kind')!r}", f"choose from {quoted_list(('number', 'choice', 'text'))}"
        )
    try:
        re.compile(answer.get("regex", ""))
    except (re.error, TypeError) as error:
        raise ProbeError(f"the answer's regex is wrong ({error})", "fix the regular expression") from None


def probes_from_rows(mapping: HubMapping, rows: Iterable[Mapping[str, object]]) -> Iterator[Probe]:
    """Rows as probes. Rows without a prompt, with a prompt seen before, or outside ``where`` are passed over.

    A row whose answer does not fit the answer's kind gives a probe without a check: its wording can still be compared.
    """
    prompts_and_slugs: set[str] = set()
    for number, row in enumerate(rows):
        if any(lookup(row, path) != value for path, value in mapping.where.items()):
            continue
        texts = (lookup(row, path) for path in mapping.prompt)
        prompt = next((text for text in texts if isinstance(text, str) and text.strip()), None)
        if prompt is None:
            if number == 0:
                raise ProbeError(
                    f"the first row of '{mapping.dataset}' has no text at {quoted_list(mapping.prompt)}",
                    f"choose from its columns: {', '.join(map(str, row))}",
                )
            continue
        identifier = lookup(row, mapping.id) if mapping.id else number
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", str(identifier)).strip("-.")[:100] or str(number)
        if prompt in prompts_and_slugs or slug in prompts_and_slugs:
            continue
        prompts_and_slugs |= {prompt, slug}
        raw_probe: dict[str, object] = {
            "id": slug,
            "domain": mapping.domain,
            "prompt": prompt,
            "language": mapping.language,
        }
        check = _build_check(mapping.answer, row) if mapping.answer else None
        try:
            yield parse_probe(raw_probe | ({"check": check} if check else {}), mapping.name)
        except ProbeError:
            yield parse_probe(raw_probe | {"prompt": re.sub("[\x00\ud800-\udfff]", "\ufffd", prompt)}, mapping.name)


def lookup(row: object, path: str) -> object:
    """The value at a dotted path with list indices (``conversations.0.value``), None where it leads nowhere."""
    for part in path.split("."):
        if isinstance(row, Mapping):
            row = row.get(part)
        elif isinstance(row, list | tuple) and re.fullmatch(r"-?\d+", part) and -len(row) <= int(part) < len(row):
            row = row[int(part)]
        else:
            return None
    return row


def _build_check(answer: Mapping[str, Any], row: Mapping[str, object]) -> dict[str, Any] | None:
    value = lookup(row, answer["column"])
    if value is None:
        return None
    spellings = _spellings(value)
    text = spellings[0]
    if "regex" in answer:
        matches = list(re.finditer(answer["regex"], text))
        if not matches:
            return None
        text = matches[-1].group(1 if matches[-1].re.groups else 0)
    text = text.strip()
    if answer["kind"] == "number":
        exact = to_fraction(text)
        number_key = {"answer": canonical(exact)} if exact is not None else None
        return number_key and {"kind": "number", **number_key, "tolerance": answer.get("tolerance", 0)}
    if answer["kind"] == "choice":
        options = answer.get("options", ["A", "B", "C", "D"])
        return {"kind": "choice", "answer": text, "options": options} if text in options else None
    if "regex" in answer or len(spellings) == 1:
        spellings = [text]
    return {"kind": "text", "answer": spellings} if re.search(r"\w", text) else None


def _spellings(value: object) -> list[str]:
    """An answer as text; a date or time, which `datasets` makes of ISO text, in the ways in which it may have been written."""
    text = str(as_written(value))
    if not isinstance(value, datetime.datetime):
        return [text]
    return list(dict.fromkeys((text, value.isoformat(), value.isoformat(" "), value.isoformat(" ", "minutes"))))


def fetch_rows(mapping: HubMapping, split: str) -> Iterable[Mapping[str, object]]:
    """The dataset's rows: streamed from the Hub, or from the local cache where the environment says offline."""
    load_dataset = _load_dataset()
    offline = any(os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"} for name in _OFFLINE)
    if not offline:
        _reach_hub()
    extra = {"data_files": {split: mapping.data_files}} if mapping.data_files else {}
    try:
        rows = load_dataset(
            mapping.dataset, mapping.config, split=split, revision=mapping.revision, streaming=not offline, **extra
        )
        yield from rows
    except ProbeError:
        raise
    except Exception as error:  # the package raises whatever its file readers and its HTTP client raise
        raise _explain_error(error, mapping.dataset, split, offline) from error


def _load_dataset() -> Callable[..., Iterable[Mapping[str, object]]]:
    try:
        from datasets import load_dataset
    except ImportError:
        raise PrerequisiteError(
            "Hub probe sets need the package 'datasets'", "install it: pip install datasets"
        ) from None
    return load_dataset  # type: ignore[no-any-return]


def _reach_hub() -> None:
    """Ask the Hub for a sign of life: without this the package retries for minutes before it gives up."""
    import httpx

    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        httpx.head(endpoint, timeout=_TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise PrerequisiteError(
            f"The Hub cannot be reached at {endpoint} ({type(error).__name__})",
            "connect, or set HF_HUB_OFFLINE=1 to use datasets that are already in the cache",
        ) from None


def _explain_error(error: Exception, dataset: str, split: str, offline: bool) -> Exception:
    kinds = {each.__name__ for each in type(error).__mro__}
    message = first_line(error)[:200]
    if offline:
        return PrerequisiteError(
            f"The Hub dataset '{dataset}' is not in the cache, and offline mode is on ({message})",
            "unset HF_HUB_OFFLINE and HF_DATASETS_OFFLINE, or run once where the Hub can be reached",
        )
    if kinds & {"ConnectionError", "TimeoutError", "HTTPError", "TransportError", "OfflineModeIsEnabled"}:
        return PrerequisiteError(
            f"The Hub dataset '{dataset}' cannot be fetched ({message})", "try again when the Hub answers"
        )
    if "DatasetNotFoundError" in kinds or "RepositoryNotFoundError" in kinds:
        return ConfigError(
            f"The Hub has no public dataset '{dataset}'", "check the name, or log in if it is private or gated"
        )
    return ProbeError(
        f"hub:{dataset}#{split} cannot be read ({message})", "check the split, the configuration and the data files"
    )

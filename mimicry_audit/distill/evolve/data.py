"""The rows of a distillation by evolving data: shots, the pool, validation rows, and a test set that nothing else may touch.

Promise: the same file and seed give the same parts; the shots of one number are among those of a larger one; a row of the test
set is in no other part, nor is an equal text. A wrong row is one line that names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mimicry_audit.distill.evolve.settings import EvolveSettings
from mimicry_audit.distill.evolve.tasks import NOTHING, Task, from_tags, task_of
from mimicry_audit.ground import tables
from mimicry_audit.ground.errors import ConfigError, DataError
from mimicry_audit.ground.shapes import parse_json
from mimicry_audit.records.asked import canonical_json, sha256_text

EXPERT = "expert/"
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Sample:
    """One row: its id, its text, and its label as text, None where it has none."""

    id: str
    text: str
    gold: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a distillation starts from.

    Attributes:
        task: with its labels.
        about: the task in words.
        shots: labelled rows to start from.
        pool: all other rows outside the test set, their labels unused, in the order in which random acquisition draws them.
        validation: labelled rows to look at between rounds; may be empty.
        test: labelled rows that decide how good the student is.
        sha: hash over the rows.
    """

    task: Task
    about: str
    shots: tuple[Sample, ...]
    pool: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    test: tuple[Sample, ...]
    sha: str


def parts(s: EvolveSettings) -> Parts:
    """Read the data and share them out.

    Raises:
        DataError: the file cannot be read or a row is wrong.
        ConfigError: there are no rows, no labels, too few labelled rows, or nothing to test on.
    """
    rows, about, labels = _load_world(s) if s.data.startswith(EXPERT) else _load_file(s)
    if not rows:
        raise ConfigError(f"{s.data} holds no row", "give a file with a column prompt")
    task = task_of(s.task, s.labels or labels)
    if s.task != "qa" and not task.labels:
        raise ConfigError(f"{s.data} has no labels", "name them with --labels, and give some rows a label")
    by_split: dict[str, list[Sample]] = {name: [] for name in SPLITS}
    for sample, split in _read_samples(s, task, rows):
        by_split[split].append(sample)
    if not by_split["test"]:
        _hold_out(s, by_split)
    test_keys = {_text_key(sample.text) for sample in by_split["test"]}
    train = [sample for sample in by_split["train"] if _text_key(sample.text) not in test_keys]
    validation = [sample for sample in by_split["validation"] if _text_key(sample.text) not in test_keys]
    if s.patience and not validation:
        raise ConfigError("--patience watches validation rows, and there are none", "give rows the split validation")
    train.sort(key=lambda sample: sha256_text(f"evolve\0{s.seed}\0{sample.text}"))
    shots = _choose_shots(s, task, train)
    spent = len(shots) + len(validation)
    if s.budget and s.budget < spent:
        raise ConfigError(f"--budget {s.budget} is less than the {spent} labelled rows to start from", "raise it")
    shot_ids = {sample.id for sample in shots}
    return Parts(
        task=task,
        about=s.about or about or f"{s.task} of short texts.",
        shots=tuple(shots),
        pool=tuple(sample for sample in train if sample.id not in shot_ids),
        validation=tuple(validation),
        test=tuple(by_split["test"]),
        sha=sha256_text(canonical_json([{k: v for k, v in row.items() if k != "place"} for row in rows])),
    )


def frozen_sha(test: Sequence[Sample]) -> str:
    """Hash over the test set."""
    return sha256_text(canonical_json([asdict(sample) for sample in test]))


def _text_key(text: str) -> str:
    return " ".join(text.casefold().split())


def _load_world(s: EvolveSettings) -> tuple[list[dict[str, object]], str, tuple[str, ...]]:
    from mimicry_audit.distill.evolve.worlds import world

    expert_world = world(s.data.removeprefix(EXPERT))
    if expert_world.task != s.task:
        raise ConfigError(
            f"{s.data} is a task of {expert_world.task}, not of {s.task}", f"use --task {expert_world.task}"
        )
    rows = [{**row, "place": f"row {n}"} for n, row in enumerate(expert_world.rows())]
    return rows[: s.limit], expert_world.about, expert_world.labels


def _load_file(s: EvolveSettings) -> tuple[list[dict[str, object]], str, tuple[str, ...]]:
    """The rows, no description, and the labels that occur outside the test set."""
    rows: list[dict[str, object]] = []
    for place, cells in tables.read_rows(s.data, "file of rows"):
        rows.append({**cells, "place": f"{Path(s.data).name}, {place}"})
        if s.limit is not None and len(rows) == s.limit:
            break
    labels: dict[str, None] = {}
    for row in rows:
        if row.get("split") not in ("test",):
            labels.update(dict.fromkeys(_names_in(s.task, row)))
    return rows, "", tuple(sorted(labels))


def _names_in(task: str, row: Mapping[str, object]) -> list[str]:
    """Labels or entity types in one row, as they are written."""
    label = _read_cell(row)
    if task == "classification":
        return [label.strip()] if isinstance(label, str) and label.strip() else []
    if task == "tagging":
        if isinstance(label, str):
            pairs = [part.partition(":") for part in label.split(";") if ":" in part]
            return [head.strip() for head, _, _ in pairs if head.strip().casefold() != NOTHING]
        if isinstance(label, list):
            return [str(e.get("type")) for e in label if isinstance(e, Mapping) and e.get("type")]
    return []


def _read_cell(row: Mapping[str, object]) -> object:
    """The label as it is given: a column label, JSON in it, or BIO tags."""
    if row.get("tags") is not None and row.get("tokens") is not None:
        try:
            return from_tags(_split_cell(row["tokens"]), _split_cell(row["tags"]))[1]
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{row['place']}: {error}", "give every token a tag such as B-person, I-person or O"
            ) from None
    label = row.get("label")
    if isinstance(label, str) and label.strip().startswith("["):
        try:
            loaded: object = parse_json(label)
            return loaded
        except ValueError:
            return label
    return label


def _split_cell(cell: object) -> list[str]:
    """The words of a cell: a list of them, or a text with spaces between."""
    if isinstance(cell, str):
        return cell.split()
    if not isinstance(cell, Iterable):
        raise TypeError(f"{cell!r} is not a list of words")
    return list(cell)


def _read_samples(s: EvolveSettings, task: Task, rows: Sequence[Mapping[str, object]]) -> list[tuple[Sample, str]]:
    samples: list[tuple[Sample, str]] = []
    ids: set[str] = set()
    for number, row in enumerate(rows):
        text, label, split = _read_text(row), _read_cell(row), row.get("split") or "train"
        if not isinstance(split, str) or split not in SPLITS:
            raise DataError(f"{row['place']}: the split {split} does not exist", f"give one of {', '.join(SPLITS)}")
        gold = None
        if label not in (None, ""):
            gold = task.read(label, text)
            if gold is None:
                hint = f" The labels are {', '.join(task.labels)}" if task.labels else ""
                raise DataError(f"{row['place']}: {label!r} is not a label of this {s.task}", f"fix it.{hint}")
        if gold is None and split != "train":
            raise DataError(f"{row['place']}: a row of the split {split} has no label", "give it one")
        name = str(row.get("id") or number)
        if name in ids:
            raise DataError(f"{row['place']} has the id {name} of another row", "make ids unique")
        ids.add(name)
        samples.append((Sample(name, text, gold), split))
    return samples


def _read_text(row: Mapping[str, object]) -> str:
    text = row.get("prompt")
    if text in (None, "") and row.get("tokens"):
        tokens = row["tokens"]
        text = tokens if isinstance(tokens, str) else " ".join(map(str, tokens)) if isinstance(tokens, list) else None
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"{row['place']} has no prompt", "give a column prompt with the input")
    return text.strip()


def _hold_out(s: EvolveSettings, by_split: dict[str, list[Sample]]) -> None:
    """Without a column ``split``: a share of the labelled rows becomes the test set."""
    labelled = [sample for sample in by_split["train"] if sample.gold is not None]
    count = round(s.held_out * len(labelled))
    if not count:
        raise ConfigError(f"{s.data} leaves nothing to test on", "give rows the split test, or raise --held-out")
    order = sorted(labelled, key=lambda sample: sha256_text(f"test\0{sample.text}"))
    test_ids = {sample.id for sample in order[:count]}
    by_split["test"] = [sample for sample in labelled if sample.id in test_ids]
    by_split["train"] = [sample for sample in by_split["train"] if sample.id not in test_ids]


def _choose_shots(s: EvolveSettings, task: Task, train: Sequence[Sample]) -> list[Sample]:
    """The first rows of each kind, in the order set by the seed.

    Raises:
        ConfigError: a kind has too few.
    """
    kinds = task.labels or ("answer",)
    shot_by_id: dict[str, Sample] = {}
    for kind in kinds:
        of_kind = [sample for sample in train if sample.gold is not None and kind in task.kinds(sample.gold)]
        if len(of_kind) < s.shots:
            raise ConfigError(
                f"{len(of_kind)} labelled rows outside the test set are of {kind}, and --shots wants {s.shots}",
                "label more rows, lower --shots, or check --labels",
            )
        shot_by_id.update({sample.id: sample for sample in of_kind[: s.shots]})
    return list(shot_by_id.values())

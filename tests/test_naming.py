"""Names say what a thing is, and texts are plain English: few one-word functions, one meaning for a word, no odd words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import ROOT

PACKAGE = ROOT / "mimicry_audit"
TREES = {path: ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
PARTICIPLES = frozenset(
    "alike along answered apart asked beside beyond chosen counted done drawn found further given gone heard held here judged "
    "kept known left likely lost made meant measured mine named near ours placed read said scored seen shared shown "
    "standing taken theirs there together told wanted whole within".split()
)
ONE_MEANING = {
    # word in the name of a class or of a public function → the rooms that may use it
    "gate": {"workflow", "comparison", "ground"},  # what --fail-on asks for
    "decide": {"verdicts"},  # from facts to a verdict
    "judge": {"asking", "cli", "records", "report", "verdicts"},  # a language model that grades
    "lineage": {
        "benchmark",
        "cli",
        "distill",
        "engines",
        "identity",
        "lab",
        "records",
        "report",
    },  # who comes from whom
    "resamples": {"statistics"},  # weights of bootstrap draws; "weights" are a checkpoint's
}
ODD_WORDS = {
    # word that may not come back → what to write
    r"owe[sd]?": "missing",
    r"told": "reported, said, called with",
    r"foretell\w*|foretold": "predict",
    r"odds": "probabilities",
    r"nobody|somebody|everybody": "no model, another model, all models",
    r"(?:goes|go|going) on": "resume, continue",
    r"(?:is|are) no(?! closer\b| more\b| longer\b)": "is not a …, unknown …, … does not exist",
    r"there is none": "none was given",
    r"beforehand": "first",
    r"besides": "also, in addition",
    r"for want of": "because … is missing",
    r"at hand|in sight": "available, found",
    r"mend(?:s|ed)?": "fix",
}
QUOTED = {  # texts that models read or write, not ours
    "identity/mutators.py", "identity/wording.py", "identity/wording_zh.py",
    "lab/identity.py", "lab/styles.py", "lab/wording.py",
}  # fmt: skip


def functions() -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not re.fullmatch(r"__\w+__", node.name):
                yield node


def test_most_functions_are_named_by_more_than_one_word() -> None:
    names = [node.name for node in functions()]
    single = [name for name in names if len([part for part in name.split("_") if part]) == 1]
    assert len(single) < 0.4 * len(names)


def test_variables_are_named_for_what_they_hold() -> None:
    names = [
        node.id if isinstance(node, ast.Name) else node.arg
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.arg) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    ]
    bare = [name for name in names if name.strip("_") in PARTICIPLES]
    assert len(bare) < 0.01 * len(names), sorted(set(bare))


@pytest.mark.parametrize("word", ONE_MEANING)
def test_a_word_has_one_meaning(word: str) -> None:
    rooms: dict[str, list[str]] = {}
    for path, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                parts = {part.lower() for part in re.findall(r"[A-Z]?[a-z]+", node.name)}
                if word in parts or f"{word}s" in parts:
                    rooms.setdefault(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), []).append(node.name)
    assert rooms, f"no name has the word {word}"
    assert set(rooms) <= ONE_MEANING[word], rooms


def shown_texts(path: Path, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every text that a user may be shown; in `cli` docstrings too, for they are help texts."""
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value):
            continue
        if id(node) not in documentation or path.parent.name == "cli":
            yield node.lineno, node.value


@pytest.mark.parametrize("word", ODD_WORDS)
def test_messages_and_help_texts_are_plain_english(word: str) -> None:
    found = [
        f"{name}:{line}: {text.strip()[:80]}"
        for path, tree in TREES.items()
        if (name := path.relative_to(PACKAGE).as_posix()) not in QUOTED
        for line, text in shown_texts(path, tree)
        if re.search(rf"\b(?:{word})\b", text, re.IGNORECASE)
    ]
    assert found == [], f"write instead: {ODD_WORDS[word]}"


@pytest.mark.parametrize("path", [p for p in TREES if p.name == "__init__.py"], ids=lambda p: p.parent.name)
def test_a_package_opens_its_modules_and_does_nothing_itself(path: Path) -> None:
    """Imports, `__all__` and at most the table and the function of a lazy import."""
    defined = [node for node in TREES[path].body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert [node.name for node in defined] in ([], ["__getattr__"])

"""Names say what a thing is: few one-word functions, no bare participles for variables, one meaning for a word."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

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

"""What a person types for ``audit distill --search``, and what it shows: every trial, and why it is not the one kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mimicry_audit.ground.errors import ConfigError

if TYPE_CHECKING:
    from mimicry_audit.distill.search import Found, Search

_OWN = ("target", "students", "space", "keep_trials")
_SHORT = {"temperature": "T", "hard_weight": "hard", "weight_decay": "decay", "adapter_rank": "rank"}


def wish(typed: dict[str, Any]) -> Search | None:
    """Take what belongs to a search out of what was typed; None where none is asked for.

    Raises:
        ConfigError: an option of a search without one, or no student.
    """
    from mimicry_audit.distill.search import Search

    trials = typed.pop("search", None)
    own = {name: typed.pop(name) for name in _OWN if typed.get(name) not in (None, ())}
    for name in _OWN:
        typed.pop(name, None)
    if trials is None and own:
        raise ConfigError(f"--{sorted(own)[0].replace('_', '-')} belongs to a search", "add --search N")
    students = tuple(p.strip() for text in own.get("students", ()) for p in text.split(",") if p.strip())
    if "student" in typed and students:
        raise ConfigError("--student and --students are given", "leave one of them out")
    if "student" not in typed and not students:
        raise ConfigError("no student is named", "add --student, or --students with --search")
    typed.setdefault("student", students[0] if students else "")
    if trials is None:
        return None
    return Search(trials=trials, targets=tuple(own.get("target", ())), students=students, space=own.get("space"),
                  keep=own.get("keep_trials", 0), fixed=frozenset(typed))  # fmt: skip


def show(found: Found, evaluated: Callable[[Mapping[str, Any]], Any]) -> int:
    """Print what came of a search; returns the exit code: 1 where no trial meets the targets."""
    from rich.markup import escape

    from mimicry_audit.cli.console import err_console, out_console

    console, content = out_console(), found.content
    console.print(trials(content))
    best = content["chosen"]
    if best is None:
        err_console().print(escape(nearest(content)), soft_wrap=True)
        return 1
    if found.evaluation is not None:
        console.print(evaluated(found.evaluation))
    console.print(f"Chosen: trial {best + 1}, {escape(content['rule'])}.", soft_wrap=True)
    missed = [name for name, met in content["test"]["met"].items() if not met] if content["test"] else []
    if missed:
        shown = ", ".join(missed)
        text = f"On the test part, which chose nothing, it misses {shown}."
        text += " Small parts differ, and choosing profits from chance."
        console.print(escape(text), soft_wrap=True)
    console.print(f"Student: {escape(str(found.path))}", soft_wrap=True)
    return 0


def nearest(content: Mapping[str, Any]) -> str:
    """One line for a search that found nothing."""
    near = content["nearest"]
    if near is None:
        first = next((t["why"] for t in content["trials"] if t["why"]), "")
        return f"audit: no trial came to its end ({first}). Change the space, such as lower rates"
    why, count = content["trials"][near]["why"], len(content["trials"])
    said = (
        f"audit: none of {count} trials meets {', '.join(content['targets'])}; the nearest is trial {near + 1}: {why}"
    )
    return f"{said}. Its weights are kept in search/trial-{near:03d}; a larger --search tries more"


def trials(content: Mapping[str, Any]) -> Any:
    """One line a trial: its settings, its size, the figures that are aimed at, and what became of it."""
    from rich.markup import escape
    from rich.table import Table

    from mimicry_audit.distill.search.targets import DEFAULT, METRICS, figure, parse, said

    metrics = list(dict.fromkeys([t.metric for t in parse(content["targets"]) if t.metric != "parameters"])) or [
        DEFAULT
    ]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("trial", justify="right")
    table.add_column("settings", min_width=24)
    table.add_column("parameters", justify="right")
    for name in metrics:
        table.add_column(name + (" ↑" if METRICS[name][1] > 0 else " ↓"), justify="right")
    table.add_column("", min_width=30)
    for trial in content["trials"]:
        entry = trial["validation"]
        size = "—" if trial["parameters"] is None else f"{trial['parameters']:,}"
        shown = ["—" if entry is None else said(name, figure(entry, name)) for name in metrics]
        table.add_row(
            str(trial["trial"] + 1), escape(settings(trial["settings"])), size, *shown, escape(_fate(trial, content))
        )
    return table


def settings(values: Mapping[str, Any]) -> str:
    """A trial's settings in a few words."""
    words = [str(values[name]) for name in ("student", "objective") if name in values]
    rest = {k: v for k, v in values.items() if k not in ("student", "objective")}
    return " ".join([*words, *(f"{_SHORT.get(k, k)}={v:.3g}" for k, v in rest.items())])


def _fate(trial: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    if trial["trial"] == content["chosen"]:
        return "chosen"
    if trial["same_as"] is not None:
        return str(trial["why"])
    if trial["outcome"] != "finished":
        return f"{trial['outcome']}: {trial['why']}"
    aimed = bool(content["targets"])
    return f"{('meets; ' if trial['met'] else 'misses: ') if aimed else ''}{trial['why']}"

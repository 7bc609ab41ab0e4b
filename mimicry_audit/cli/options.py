"""Options that several commands share, and how what was typed becomes `Settings`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from mimicry_audit.ground.errors import ConfigError

Function = TypeVar("Function", bound=Callable[..., Any])


def _apply(options: Sequence[Callable[[Function], Function]], function: Function) -> Function:
    for option in reversed(options):
        function = option(function)
    return function


def collecting(function: Function) -> Function:
    """Everything that decides which answers are asked for."""
    return _apply(
        [
            click.option(
                "--models", "-m", multiple=True, metavar="A,B[,…]",
                help="Models to compare: vllm/ORG/NAME, hf/ORG/NAME, openai/NAME[@URL], recorded/FILE#NAME, lab/NAME, a folder or "
                "a Hub id; LABEL=NAME gives a short name. Commas separate; may be repeated.",
            ),
            click.option("--probes", "-p", multiple=True, metavar="SET,…", help="Probe sets, SET/DOMAIN, files or folders. [default: core,identity; lab for lab models]"),
            click.option("--domains", multiple=True, metavar="DOMAIN,…", help="Only these domains of the sets."),
            click.option("--limit", type=int, metavar="N", help="At most N probes per domain."),
            click.option("--samples", type=int, metavar="N", help="Answers per probe; needs --temperature above 0. [default: 1]"),
            click.option("--temperature", type=float, metavar="T", help="Sampling temperature; 0 is greedy. [default: 0]"),
            click.option("--top-p", type=float, metavar="P", help="Nucleus mass. [default: 1]"),
            click.option("--max-tokens", type=int, metavar="N", help="Most tokens per answer. [default: 512]"),
            click.option("--seed", type=int, metavar="N", help="Seed of sampling and of the statistics. [default: 0]"),
            click.option("--logprobs", type=int, metavar="K", help="Keep the top K log-probabilities per generated token in the journal; no axis uses them. [default: 0]"),
            click.option("--likelihood", is_flag=True, default=None, help="Have every model score the references' and some controls' answers (vllm and hf; about as long again)."),
            click.option("--likelihood-top-k", type=int, metavar="K", help="Most probable tokens to keep at each place of a reference's answer. [default: 20]"),
            click.option("--panel", multiple=True, metavar="NAME|DIR", help="A stored panel of unrelated models whose answers are reused; may be repeated. See audit panel."),
            click.option("--system-prompt", metavar="TEXT", help="System prompt for every probe that has none of its own."),
            click.option("--identity-attempts", type=int, metavar="N", help="Identity questions to put into held-out templates, per model; 0 for none. [default: 40, fewer with --limit]"),
            click.option("--engine", type=click.Choice(["vllm", "hf"]), help="Engine for names without one. [default: vllm if installed, else hf]"),
            click.option("--engine-option", "-E", multiple=True, metavar="K=V", help="Engine option for every model, such as -E dtype=bfloat16."),
        ],
        function,
    )  # fmt: skip


def scoring(function: Function) -> Function:
    """Everything that decides how answers are scored."""
    return _apply(
        [
            click.option("--reference", "-r", multiple=True, metavar="A", help="The model that may have been mimicked (the teacher); may be repeated. [default: any]"),
            click.option("--base", "-b", multiple=True, metavar="[C=]A", help="The model a candidate was fine-tuned from; C=A for one candidate only."),
            click.option("--control", multiple=True, metavar="A", help="A model surely unrelated to the reference; may be repeated. [default: all others]"),
            click.option("--axes", multiple=True, metavar="AXIS,…", help="Only these axes."),
            click.option("--embedding-model", metavar="NAME", help="Model of the meaning axis. [default: all-MiniLM-L6-v2]"),
            click.option("--min-coverage", type=float, metavar="SHARE", help="Least share of probes both models must have answered. [default: 0.95]"),
            click.option("--fail-on", multiple=True, metavar="GATE", help="Exit with 3 when this holds: a verdict, identity_leak, rse>0.8, rse_lift>0.05, … May be repeated."),
        ],
        function,
    )  # fmt: skip


def ci_file(function: Function) -> Function:
    """``--junit``."""
    return _apply(
        [click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write the --fail-on gates and the coverage as JUnit XML.")],
        function,
    )  # fmt: skip


def judging(function: Function) -> Function:
    """Who judges, and for how long."""
    return _apply(
        [
            click.option("--judge", multiple=True, metavar="A[,…]", help="Have this model grade, from 1 to 5, how like the reference's each answer is; named like --models, may be repeated. Shown beside the axes, never counted."),
            click.option("--judge-budget", type=float, metavar="H", help="Stop judging once every pair's 95% interval is within H grades of its mean. [default: all probes]"),
        ],
        function,
    )  # fmt: skip


def configurable(function: Function) -> Function:
    """``--config`` and ``--out``."""
    return _apply(
        [
            click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="YAML file with any of these settings; the command line wins."),
            click.option("--out", "-o", metavar="DIR", help="Run directory. [default: under reports/, named after the settings]"),
        ],
        function,
    )  # fmt: skip


_LISTS = ("models", "probes", "domains", "reference", "base", "control", "panel", "axes", "judge")


def given(values: dict[str, Any]) -> dict[str, Any]:
    """What was typed, with comma lists split and engine options parsed."""
    found = {k: v for k, v in values.items() if v is not None}
    for name in _LISTS:
        if name in found:
            found[name] = tuple(p.strip() for text in found[name] for p in text.split(",") if p.strip())
    if "engine_option" in found:
        found["engine_options"] = dict(_pair(text) for text in found.pop("engine_option"))
    return found


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--engine-option {text!r} is not K=V", "write it like -E dtype=bfloat16")
    return key.strip(), value.strip()

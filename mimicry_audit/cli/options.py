"""Options that several commands share, made from the fields of `Settings`, and how what was typed becomes settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from mimicry_audit.cli.fields import GroupedOption, add_options, option_of, options_of, read_options
from mimicry_audit.workflow.audit_settings import OUTPUT, SCORING, Settings

Function = TypeVar("Function", bound=Callable[..., object])

COLLECTING = (
    *(
        "models",
        "panel",
        "calibration",
        "engine",
        "engine_options",
        "probes",
        "domains",
        "limit",
        "identity_attempts",
        "system_prompt",
    ),
    *("samples", "temperature", "top_p", "max_tokens", "seed", "logprobs", "likelihood", "likelihood_top_k"),
)
"""Settings that decide which answers are asked for."""
SCORED = ("reference", "base", "control", "student", "axes", "embedding_model", "min_coverage", "fail_on")
"""Settings that decide how answers are scored."""


def setting(name: str, **changed: object) -> Callable[[Function], Function]:
    """The option of one setting of an audit; `changed` gives other words where a command uses it differently."""
    return option_of(Settings, name, **changed)


def collecting(function: Function) -> Function:
    """Everything that decides which answers are asked for."""
    return add_options(options_of(Settings, COLLECTING))(function)


def scoring(function: Function) -> Function:
    """Everything that decides how answers are scored."""
    return add_options(options_of(Settings, SCORED))(function)


def judging(function: Function) -> Function:
    """Who judges, and for how long."""
    return add_options(options_of(Settings, ("judge", "judge_budget")))(function)


def ci_file(function: Function) -> Function:
    """``--junit``."""
    words = "Write the --fail-on gates and the coverage as JUnit XML."
    return add_options([_file_option("--junit", words, SCORING)])(function)


def configurable(function: Function) -> Function:
    """``--config`` and ``--out``."""
    words = "YAML file with any of these settings; the command line wins."
    return add_options([_file_option("--config", words, OUTPUT), *options_of(Settings, ("out",))])(function)


def _file_option(flag: str, words: str, group: str) -> GroupedOption:
    return GroupedOption([flag], type=click.Path(path_type=Path), metavar="FILE", help=words, group=group)


def given(values: Mapping[str, object]) -> dict[str, Any]:
    """What was typed of the settings of an audit, with comma lists split and engine options parsed."""
    return read_options(Settings, values)

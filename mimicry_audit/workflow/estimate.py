"""What a run still costs: requests, tokens, time and, given prices, money.

Promise: only what is missing is counted: answers in the journal, of a stored panel and of recorded models cost nothing. Nothing
is asked. Tokens of answers are the most there can be; time is measured where a model has answered before, otherwise a rule of
thumb, and said to be one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from mimicry_audit.asking.answers import missing_requests
from mimicry_audit.engines.hardware import torch_device
from mimicry_audit.engines.vllm_command import on_cpu
from mimicry_audit.lab.smollm2 import is_tiny
from mimicry_audit.records.asked import ModelSpec, Request, Response
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.workflow.settings import Prices, Resolved

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English; only ever used for this estimate."""
TOKENS_PER_SECOND: Mapping[tuple[str, bool], float] = {
    ("hf", False): 20.0, ("hf", True): 400.0, ("vllm", False): 150.0, ("vllm", True): 2500.0, ("openai", True): 800.0,
}  # fmt: skip
"""(engine, on an accelerator) → answer tokens a second over all requests in flight, for a model of a few billion parameters: an
order of magnitude. An endpoint gives about 50 to each of 16 requests."""
LAB_TOKENS_PER_SECOND = 4000.0
"""The same of the tiny bundled models, on a CPU."""
FEWEST_MEASURED, LONGEST_GAP = 10, 600.0
"""A journal of fewer answers tells no speed; between two answers more seconds apart a run was interrupted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one model still costs.

    Attributes:
        label: of the model.
        requests: answers that are missing.
        prompt_tokens: about.
        answer_tokens: at most.
        seconds: about, None where nothing tells.
        measured: whether the seconds follow from answers that are there.
        money: at most, in the currency of the prices; None without a price.
    """

    label: str
    requests: int
    prompt_tokens: int
    answer_tokens: int
    seconds: float | None
    measured: bool
    money: float | None


def costs_of(resolved: Resolved) -> list[Cost]:
    """What each model of a run still costs, in the order of the models.

    Raises:
        RunDirectoryError: the run was made with other settings, or cannot be read.
    """
    run, plan = RunDirectory(resolved.out), resolved.plan
    missing = missing_requests(run, plan)
    limit = plan.sampling.max_tokens
    return [
        cost_of(spec, missing[spec.label], limit, journal_of(run, spec.label), resolved.prices.get(spec.label))
        for spec in plan.models
    ]


def journal_of(run: RunDirectory, label: str) -> Sequence[Response]:
    """What a model has answered so far."""
    return run.responses(label) if run.exists() and run.journal_path(label).exists() else ()


def cost_of(
    spec: ModelSpec,
    missing: Sequence[Request],
    limit: int,
    journal: Sequence[Response],
    prices: Prices | None,
    *,
    more: int = 0,
    length: int = 0,
) -> Cost:
    """What one model still costs, from the requests that are missing, and `more` of about `length` characters each."""
    free, requests = spec.engine == "recorded", len(missing) + more
    characters = sum(len(m.content) for request in missing for m in request.messages) + more * length
    prompt, answer = characters // CHARACTERS_PER_TOKEN, requests * limit
    pace = seconds_each(journal)
    if not requests or free:
        seconds: float | None = 0.0
    elif pace is not None:
        seconds = pace * requests
    else:
        speed = _speed(spec)
        seconds = None if speed is None else answer / speed
    money = None if prices is None else (prompt * prices[0] + answer * prices[1]) / 1e6
    return Cost(
        label=spec.label,
        requests=requests,
        prompt_tokens=0 if free else prompt,
        answer_tokens=0 if free else answer,
        seconds=seconds,
        measured=pace is not None,
        money=money,
    )


def seconds_each(journal: Sequence[Response]) -> float | None:
    """Seconds from one answer to the next, as the journal tells; None where it holds too few."""
    times = sorted(datetime.fromisoformat(r.time) for r in journal if r.time and r.status != "error")
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    kept = [gap for gap in gaps if gap <= LONGEST_GAP]
    return sum(kept) / len(kept) if len(kept) >= FEWEST_MEASURED and sum(kept) > 0 else None


def _speed(spec: ModelSpec) -> float | None:
    if is_tiny(spec.name):
        return LAB_TOKENS_PER_SECOND
    if spec.engine == "openai":
        return TOKENS_PER_SECOND["openai", True]
    device = str(spec.options.get("device", "auto"))
    device = torch_device() if device == "auto" else device
    accelerated = not on_cpu() if spec.engine == "vllm" else device != "cpu"
    return TOKENS_PER_SECOND.get((spec.engine, accelerated))


def time_words(seconds: float) -> str:
    """A duration in round words."""
    for size, unit in ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= size:
            count = seconds / size
            text = f"{count:.1f}" if count < 10 else f"{count:.0f}"
            return f"{text.removesuffix('.0')} {unit}{'' if text in ('1', '1.0') else 's'}"
    return "under a minute"


def at_most(seconds: float) -> str:
    """A duration in round words, as a bound: ``at most about 5 hours``, or ``under a minute``."""
    words = time_words(seconds)
    return words if words.startswith("under") else f"at most about {words}"

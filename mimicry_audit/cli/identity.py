"""``audit identity``: who do these models, or these answers, say they are?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mimicry_audit.cli.fields import GroupedCommand, grouped
from mimicry_audit.cli.options import given, setting
from mimicry_audit.identity.fuzz import QUESTIONS
from mimicry_audit.workflow.audit_settings import MODELS, OUTPUT, SCORING, Settings

HELP = """Ask models who they are, plainly and in templates, and count the answers that name another maker. With --transcripts,
score answers that were collected elsewhere instead; no model is asked.

Rates (Loose, Strict, Hard, with 95% intervals) come from held-out templates, the same for every model. --search also
looks for the templates that most often make a model misidentify itself. It reports a worst case, not a rate. Writes
identity.json and attempts.jsonl.

\b
Ask two models, as audit run does among other things:
  audit identity --models hf/org/one,openai/two --out reports/identity
Search for the worst case, templates changed by rule or by a model:
  audit identity --models lab/aria,lab/boro --search --budget 160 --seed 7 --out reports/search
  audit identity --models openai/two --search --mutator openai/gpt-4o-mini --out reports/search
With a judge model in addition to the rules:
  audit identity --models hf/org/one --identity-judge openai/gpt-4o --out reports/judged
Answers collected elsewhere (JSONL, CSV or Parquet; columns model, template, question, response and more):
  audit identity --transcripts asked.parquet --out reports/identity
  audit identity --transcripts asked.jsonl --identity "mine=a model named Aria made by Lumenfold" --out reports/identity
"""

if TYPE_CHECKING:
    from mimicry_audit.interview.ask import Interview

_SEARCH = "Search"
_ASKING = (
    *("probes", "limit", "samples", "temperature", "top_p", "max_tokens", "system_prompt", "identity_attempts"),
    *("engine", "engine_option", "price"),
)
"""Options that only make sense where models are asked."""


@click.command(name="identity", cls=GroupedCommand, help=HELP)
@setting("models", help="Models to ask, named as in audit run. Commas separate; may be repeated.")
@grouped(
    "--transcripts",
    MODELS,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Answers collected elsewhere, as JSONL, CSV or Parquet.",
)
@grouped(
    "--facts",
    MODELS,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="YAML file with your own makers and models, added to those shipped.",
)
@grouped(
    "--identity identities",
    MODELS,
    multiple=True,
    metavar="[MODEL=]TEXT",
    help='True identity of a model: "a model named X made by Y". May be repeated.',
    absent="from its name",
)
@setting("engine")
@setting("engine_options")
@setting("probes", help="Probe sets whose identity questions are asked.", absent="identity; lab for lab models")
@setting("limit", help="At most N questions.")
@setting("identity_attempts", help="Questions to put into held-out templates, per model; 0 for none.")
@setting("system_prompt", help="System prompt for every question that has none of its own.")
@setting("samples", help="Answers per question; more than 1 needs --temperature above 0.")
@setting("temperature")
@setting("top_p")
@setting("max_tokens")
@setting("seed", help="Random seed for templates, search, sampling and intervals.")
@grouped("--search", _SEARCH, is_flag=True, help="Search for templates that make a model misidentify itself.")
@grouped("--budget", _SEARCH, type=int, metavar="N", help="Attempts per model in the search.", absent="enough to adapt")
@grouped(
    "--questions",
    _SEARCH,
    type=int,
    metavar="N",
    help="Questions to ask per visit of a template in the search.",
    absent=str(QUESTIONS),
)
@grouped(
    "--language",
    _SEARCH,
    multiple=True,
    metavar="en|zh",
    help="Search in this language only; may be repeated.",
    absent="all asked",
)
@grouped("--mutator", _SEARCH, metavar="A", help="Model that changes templates in the search.", absent="rules")
@grouped(
    "--identity-judge",
    SCORING,
    metavar="A",
    help="Model that judges the answers in addition to the rules; it is given each model's identity.",
)
@grouped(
    "--paper",
    SCORING,
    is_flag=True,
    help="With --transcripts: use the published definitions (only OpenAI and Anthropic count, over all attempts).",
)
@setting("price")
@grouped("--dry-run", OUTPUT, is_flag=True, help="Print what would be asked, and ask nothing.")
@grouped(
    "--out -o",
    OUTPUT,
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for identity.json and attempts.jsonl; with --models, a run directory that the same command can resume.",
)
def command(transcripts: Path | None, out: Path, **values: object) -> int:
    """See `HELP`."""
    values["seed"] = Settings().seed if values["seed"] is None else values["seed"]
    if transcripts is None:
        return _ask_models(out, values)
    return _score_transcripts(transcripts, out, values)


def _score_transcripts(transcripts: Path, out: Path, values: Mapping[str, Any]) -> int:
    from mimicry_audit.ground.errors import ConfigError
    from mimicry_audit.interview.transcripts import score_transcripts, write_identity

    asking = ("models", "search", "budget", "questions", "language", "mutator", "identity_judge", "dry_run", *_ASKING)
    if asking_options := [name for name in asking if values[name] not in (None, (), False)]:
        raise ConfigError(
            f"--{asking_options[0].replace('_', '-')} asks models, and --transcripts asks none",
            "leave one of the two out",
        )
    document, lines = score_transcripts(
        transcripts,
        facts=values["facts"],
        identities=values["identities"],
        paper=values["paper"],
        seed=values["seed"],
    )
    _print_summary(document, write_identity(out, document, lines))
    return 0


def _ask_models(out: Path, values: dict[str, Any]) -> int:
    from mimicry_audit.asking.slip_record import SlipSearch
    from mimicry_audit.cli.bars import Bars
    from mimicry_audit.cli.console import err_console
    from mimicry_audit.ground.errors import ConfigError
    from mimicry_audit.interview.ask import interview, plan_interview
    from mimicry_audit.interview.transcripts import write_identity
    from mimicry_audit.workflow.settings import merged

    if values["paper"]:
        raise ConfigError("--paper works only with --transcripts", "leave it out, or give --transcripts FILE")
    searching = ("budget", "questions", "language", "mutator")
    if not values["search"] and (lone := [n for n in searching if values[n] not in (None, ())]):
        raise ConfigError(f"--{lone[0]} applies only to a search", "add --search")
    asking_values = {name: values[name] for name in (*_ASKING, "models", "seed")}
    settings = merged(None, given({k: v for k, v in asking_values.items() if v not in (None, ())}))
    questions = QUESTIONS if values["questions"] is None else values["questions"]
    search = SlipSearch(
        budget=values["budget"],
        questions=questions,
        seed=values["seed"],
        languages=tuple(p.strip() for text in values["language"] for p in text.split(",") if p.strip()),
    )
    options = plan_interview(
        settings,
        out=out,
        identities=values["identities"],
        facts=values["facts"],
        search=search if values["search"] else None,
        mutator=values["mutator"],
        judge=values["identity_judge"],
    )
    for warning in options.warnings:
        err_console(needed=True).print(f"warning: {warning}", soft_wrap=True, markup=False)
    if values["dry_run"]:
        _print_costs(options)
        return 0
    with Bars() as bars:
        document, lines = interview(options, bars)
    _print_summary(document, write_identity(out, document, lines))
    return 0


def _print_costs(options: Interview) -> None:
    """What would be asked of whom, and what it costs."""
    from dataclasses import asdict

    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.dry_run import print_costs
    from mimicry_audit.cli.output import result
    from mimicry_audit.interview.ask import interview_costs

    console, costs = out_console(), interview_costs(options)
    result(run=options.out, models=[asdict(cost) for cost in costs])
    for cost in costs:
        console.print(f"{cost.label}: {cost.requests:,} questions", markup=False)
    print_costs(console, costs)
    helpers = [spec.label for spec in (options.search and options.search.mutator, options.judge) if spec]
    if helpers:
        console.print(f"What is asked of {', '.join(helpers)} is not in these estimates", markup=False)
    console.print(f"Run directory: {options.out}", soft_wrap=True, markup=False)


def _print_summary(document: Mapping[str, Any], path: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.output import result

    console = out_console()
    result(written=path, **{name: document[name] for name in ("models", "notes")})
    was_asked = "asked" in document
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("model", overflow="fold")
    for name in ("answered", "loose", "strict [95%]", "hard", "refusal", *(("plain", "control") if was_asked else ())):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("claims to be", overflow="fold")
    for model, entry in document["models"].items():
        own = set((entry["own"] or {}).get("makers", ()))
        others = [f"{name} {count}" for name, count in entry["claims"].items() if name not in own]
        contrast_shares = (
            ((entry["plain"] or {}).get("strict"), (entry["control"] or {}).get("strict")) if was_asked else ()
        )
        table.add_row(
            escape(model),
            f"{entry['answered']}/{entry['n']}",
            _format_share(entry["loose"]),
            _format_share(entry["strict"], wide=True),
            _format_share(entry["hard"]),
            _format_share(entry["refusal"]),
            *map(_format_share, contrast_shares),
            escape(", ".join(others[:3])) or "—",
        )
    console.print(table)
    for model, entry in document["models"].items():
        if "search" in entry:
            _print_search(model, entry["search"])
    for name, agreement in document.get("agreement", {}).items():
        if agreement["kappa"] is not None:
            console.print(f"agreement with the labels for {name}: kappa {agreement['kappa']:.2f} over {agreement['n']}")
    if judge := document.get("judge"):
        for name, agreement in judge["agreement"].items():
            if agreement is not None:
                kappa_text = "not defined" if agreement["kappa"] is None else f"{agreement['kappa']:.2f}"
                console.print(
                    f"judge {escape(judge['label'])} and rules on {name}: kappa {kappa_text} over {agreement['n']}"
                )
    for note in document["notes"]:
        console.print(f"[dim]note: {escape(note)}[/dim]", soft_wrap=True)
    console.print(f"Written: {escape(str(path))}", soft_wrap=True)


def _print_search(model: str, summary: Mapping[str, Any]) -> None:
    from rich.markup import escape

    from mimicry_audit.cli.console import out_console

    console = out_console()
    worst = summary["worst"]
    if worst is None:
        outcome = f"no slip in {summary['asked']} attempts"
    else:
        outcome = (
            f"{summary['hits']} slips in {summary['asked']} attempts, the first at attempt {summary['first_hit']}; worst: "
            f"{worst['hits']} of {worst['asked']} claim to be {', '.join(worst['claims'])} in “{worst['template']}”"
        )
    console.print(escape(f"search of {model} (worst case, not a rate): {outcome}"), soft_wrap=True)


def _format_share(share: Mapping[str, float] | None, *, wide: bool = False) -> str:
    if share is None:
        return "—"
    return f"{share['rate']:.3f}" + (f" \\[{share['low']:.3f}, {share['high']:.3f}]" if wide else "")

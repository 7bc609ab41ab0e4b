"""``audit models``: how names are read and which engines can be used here."""

from __future__ import annotations

import click

HELP = """Show how model names are read, and which engines can be used here.

\b
  audit models
  audit models hf/Qwen/Qwen2.5-0.5B-Instruct,openai/gpt-4o,lab/aria
"""

_GRAMMAR = (
    ("vllm/ORG/NAME[@REVISION]", "a Hub model or local folder, served by vLLM"),
    ("vllm/BASE:ADAPTER", "a LoRA adapter on its base"),
    ("hf/ORG/NAME[@REVISION]", "the same, through transformers in this process"),
    ("openai/NAME[@URL[|URL…]]", "any OpenAI-compatible endpoint; the key from OPENAI_API_KEY"),
    ("recorded/FILE#NAME", "answers from a JSONL, CSV or Parquet file"),
    ("lab/NAME", "a bundled model of known lineage (audit lab list)"),
    ("ORG/NAME, ./FOLDER", "the default engine: vLLM if installed, else transformers"),
    ("LABEL=…", "any of these under a short name"),
)


@click.command(name="models", help=HELP)
@click.argument("names", nargs=-1, metavar="[NAME,…]")
def command(names: tuple[str, ...]) -> int:
    """See `HELP`."""
    from dataclasses import asdict

    from rich.markup import escape
    from rich.table import Table

    from mimicry_audit.cli.console import out_console
    from mimicry_audit.cli.output import result
    from mimicry_audit.engines.names import parse_models
    from mimicry_audit.engines.registry import default_engine, engines

    console = out_console()
    model_names = [p.strip() for text in names for p in text.split(",") if p.strip()]
    table = Table(box=None, header_style="bold", pad_edge=False)
    if model_names:
        for heading in ("label", "engine", "model", "revision", "adapter", "options"):
            table.add_column(heading)
        specs = parse_models(model_names)
        result(models=[asdict(spec) for spec in specs])
        for spec in specs:
            options = " ".join(f"{k}={v}" for k, v in spec.options.items())
            cells = (spec.label, spec.engine, spec.name, spec.revision or "—", spec.adapter or "—", options or "—")
            table.add_row(*map(escape, cells))
        console.print(table)
        return 0
    result(default_engine=default_engine(), engines=[asdict(info) for info in engines()],
           names=[{"name": form, "is": meaning} for form, meaning in _GRAMMAR])  # fmt: skip
    table.add_column("name")
    table.add_column("is read as")
    for form, meaning in _GRAMMAR:
        table.add_row(escape(form), escape(meaning))
    console.print(table)
    console.print(f"\nDefault engine here: {default_engine()}")
    for info in engines():
        state = (
            f"usable ({info.version})" if info.usable and info.version else "usable" if info.usable else info.why_not
        )
        fix = "" if info.usable or not info.fix else f": {info.fix}"
        console.print(f"  {info.name:<9} {escape(state)}{escape(fix)}", soft_wrap=True)
    return 0

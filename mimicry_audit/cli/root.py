"""The root command: which commands exist, how one is loaded when it is called, and how an error becomes one line.

Command modules are imported only when their command is called, so that ``audit --help`` stays fast.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from mimicry_audit.cli.output import UNENDING, with_output_options
from mimicry_audit.ground.errors import AuditError
from mimicry_audit.ground.extras import EXTRAS, missing
from mimicry_audit.ground.redaction import redacted
from mimicry_audit.ground.version import __version__

COMMANDS = {
    "run": "Ask the models, score their answers and write the report.",
    "collect": "Only ask the models; answers are journalled as they arrive.",
    "score": "Only score what was collected.",
    "compare": "Compare a model before and after training.",
    "judge": "Have a model grade how similar the answers of a run are.",
    "report": "Only write the report of what was scored.",
    "export": "Write what was scored for other programs.",
    "view": "Show the runs of a folder in a browser.",
    "mcp": "Serve the runs of a folder to an assistant (MCP).",
    "import": "Make a run from answers that were collected elsewhere.",
    "merge": "Join parts of a run that were collected apart.",
    "plan": "Estimate how many probes are needed to detect an effect.",
    "panel": "Keep the answers of unrelated models, for reuse.",
    "identity": "Ask models who they are, or score such answers: which name another maker?",
    "benchmark": "Measure the audit itself on models of known lineage.",
    "models": "Show how model names are read, and which engines can be used here.",
    "probes": "List, show and validate probe sets.",
    "lab": "Build and list the bundled models of known lineage.",
    "calibrate": "Train students of known teachers, to hold candidates against.",
    "distill": "Train a student on a teacher's outputs and record its lineage.",
    "demo": "Build the lab models, audit them and write a report.",
    "config": "Write a configuration file to begin with.",
    "completion": "Complete commands and options in your shell.",
    "doctor": "Check versions, devices, engines and endpoints.",
}
"""Command → its line in ``audit --help``; the command itself is loaded when it is called."""

HELP = """Has one language model been distilled from another, how strongly, and how sure can you be?

audit asks several models the same probes, compares what they say and who they say they are, and writes a report that
can be reviewed and defended.

\b
Try it on models of known lineage:
  audit demo
Audit your own (a candidate, the model it may mimic, its base, and some unrelated models):
  audit run --models hf/me/student,openai/gpt-4o,hf/me/base,hf/org/other1,hf/org/other2 \\
            --reference gpt-4o --base base
Collect now, score later, with other settings:
  audit collect --models a,b,c --out reports/mine
  audit score reports/mine --reference a
  audit report reports/mine

\b
Exit codes: 0 ok · 1 incomplete coverage · 2 usage or configuration · 3 a --fail-on gate tripped · 130 interrupted.
"""


class LazyGroup(click.Group):
    """A group that knows its commands by name and loads each when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        if cmd_name not in COMMANDS:
            return None
        # ``import`` is a keyword, and a module ``run`` would replace the package's function of that name.
        module = f"{cmd_name}_" if cmd_name in ("import", "run") else cmd_name
        command: click.Command = import_module(f"mimicry_audit.cli.{module}").command
        return command if cmd_name in UNENDING else with_output_options(command)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; `run` reports Ctrl-C in one line, while click would print an empty line first."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise click.Abort from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=LazyGroup,
    name="audit",
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="audit")
def group() -> None:
    """The root command."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line.

    Returns:
        The exit code.
    """
    try:
        result = group.main(arguments, prog_name="audit", standalone_mode=False)
    except AuditError as error:
        return _print_error(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        return _print_error(str(missing(package, "this command")), 2)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "audit"
        return _print_error(f"{error.format_message().rstrip('.')}. Try {where} --help", 2)
    except click.ClickException as error:
        return _print_error(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        return _print_error("Interrupted. Nothing collected is lost: run the same command again to resume", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return result if isinstance(result, int) else 0


def _print_error(text: str, code: int) -> int:
    from mimicry_audit.report.visible import plain

    click.echo(f"audit: {plain(redacted(' '.join(text.split())))}", err=True)
    return code

"""``audit completion``: what a shell needs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

HELP = """Print a script that completes commands and options in your shell.

\b
  bash:  audit completion bash > ~/.local/share/bash-completion/completions/audit
  zsh:   audit completion zsh > ~/.zfunc/_audit        (with ~/.zfunc in fpath)
  fish:  audit completion fish > ~/.config/fish/completions/audit.fish
"""


@click.command(name="completion", help=HELP)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> int:
    """See `HELP`."""
    from mimicry_audit.cli.root import group

    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(group, {}, "audit", "_AUDIT_COMPLETE").source())
    return 0

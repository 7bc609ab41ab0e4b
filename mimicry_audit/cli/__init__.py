"""The command line: one small file per command; parsing and printing only.

Promise: ``audit --help`` imports neither torch nor pandas; every foreseen failure is one line on standard error, with an
exit code from `mimicry_audit.ground.errors`; and results go to standard output, progress to standard error.
"""

from mimicry_audit.cli.root import COMMANDS, group, main, run

__all__ = ["COMMANDS", "group", "main", "run"]

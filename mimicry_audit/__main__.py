"""``python -m mimicry_audit``: the same as ``audit``."""

from mimicry_audit.cli import main

main()

"""The command line: one small file per command; parsing and printing only."""

"""Shows a folder of runs in a browser: read-only, on this machine alone.

Promise: it listens on the loopback interface, answers only to its own name, serves only files that it knows, follows no
symbolic link, and writes nothing.
"""

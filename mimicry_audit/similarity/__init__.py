"""Response similarity: `axes/` compares answers, `measure` runs all axes; centring, panels and weights beside them.

Promise: nothing here knows an engine or a verdict.
"""

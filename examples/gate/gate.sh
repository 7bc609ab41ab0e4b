#!/bin/sh
# A gate for recorded answers: exit code 3 if a candidate was distilled from the reference, 0 if not, 2 if something is wrong.
#   gate.sh ANSWERS REFERENCE BASE OUT
# Use it as a step of a pipeline or, with the answers of a new checkpoint, as a hook before a release.
set -eu
audit score --responses "$1" --reference "$2" --base "$3" --out "$4" --fail-on distilled --junit "$4.xml" || code=$?
audit report "$4" --format sarif --to "$4.sarif"
exit "${code:-0}"

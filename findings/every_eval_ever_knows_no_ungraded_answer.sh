#!/usr/bin/env bash
# every-eval-ever 0.3.0 (PyPI; instance schema 0.3.0), jsonschema 4.26.0:
#
# Behaviour: the schema of single answers (`instance_level_eval.schema.json`) wants a number as `evaluation.score` and true or false
#            as `evaluation.is_correct` in every line. An answer that nobody graded, such as one to an open question or one kept
#            for comparing models, cannot be written: null is refused for either field, and so is leaving them out.
# Output seen on 2026-11-30: accepted with false; refused with null ("None is not of type 'boolean'") and without the field
#            ("'is_correct' is a required property"); the same for the score.
# What follows: whoever writes such answers has to call them wrong. A mean over `is_correct` then counts open answers as mistakes,
#            so say in `metadata` which were graded, and read it before averaging.
#
# Needs Python 3.11 or newer and a package index; installs into a temporary folder. Exits 1 if the behaviour is another one.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jsonschema==4.26.0
# The package needs Python 3.12; only the schema in it is read here.
"$folder/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --ignore-requires-python --only-binary :all: \
  --python-version 3.12 --dest "$folder" every-eval-ever==0.3.0
"$folder/venv/bin/python" - "$folder" <<'PY'
import json
import sys
import zipfile
from pathlib import Path

from jsonschema import Draft7Validator

(wheel,) = Path(sys.argv[1]).glob("every_eval_ever-*.whl")
with zipfile.ZipFile(wheel) as archive:
    schema = json.loads(archive.read("every_eval_ever/schemas/instance_level_eval.schema.json"))
validator = Draft7Validator(schema)
line = {
    "schema_version": "0.3.0", "evaluation_id": "open/toy/0", "model_id": "toy/one", "evaluation_name": "open questions",
    "sample_id": "1", "interaction_type": "single_turn", "input": {"raw": "Describe a tree.", "reference": []},
    "output": {"raw": ["It is tall."]}, "messages": None, "answer_attribution": [],
}
ABSENT = object()
as_seen = True
for name, graded in (("is_correct", False), ("score", 0.0)):
    for value in (graded, None, ABSENT):
        evaluation = {"score": 0.0, "is_correct": False, name: value}
        if value is ABSENT:
            del evaluation[name]
        errors = [error.message for error in validator.iter_errors(line | {"evaluation": evaluation})]
        said = "absent" if value is ABSENT else json.dumps(value)
        print(f"every-eval-ever 0.3.0: {name} {said}: {'accepted' if not errors else 'refused: ' + errors[0]}")
        as_seen &= bool(errors) == (value is not graded)
sys.exit(0 if as_seen else 1)
PY
echo "as described"

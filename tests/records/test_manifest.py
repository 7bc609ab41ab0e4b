"""The manifest as typed data: nothing of a stored one is lost, and a model is described in one place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.records.manifest import Manifest
from mimicry_audit.records.run import RunDirectory, write_text

SAMPLING = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 64, "seed": 0, "samples": 1, "logprobs": 0}


def content() -> dict[str, Any]:
    """A manifest with every part, and with fields that this version does not know at every level."""
    identity = {"model": "org/a", "revision": "sha256:0", "extra": {"device": "cpu"}, "later": 1}
    return {
        "schema": "mimicry_audit.manifest/1",
        "created": "2026-01-01T00:00:00+00:00",
        "python": "3.11.7",
        "settings": {
            "models": {
                "a": {
                    "engine": "hf",
                    "name": "org/a",
                    "revision": None,
                    "adapter": None,
                    "options": {"x": 1},
                    "later": 1,
                },
                "b": {"engine": "openai", "name": "b"},
            },
            "probe_sets": [{"name": "lab", "version": "1.0", "sha": "0", "n": 2, "later": []}],
            "probes_sha": "0",
            "selection": {"imported": "answers.jsonl", "later": None},
            "sampling": SAMPLING,
            "panels": [{"name": "p", "models": ["b"], "sha": "0"}],
            "later": {},
        },
        "resolved": {
            "a": {
                "identity": identity,
                "injected_system_text": None,
                "weights": {"shapes": "0", "values": [0.5], "digest": "0"},
                "lineage": {"name": "a", "teacher": "b", "later": 1},
                "later": [],
            },
            "gone": {"identity": {}},
        },
        "sources": {"a": "hf/org/a"},
        "version": "1.0.0",
        "judges": {"j": {"engine": "hf", "name": "j", "identity": identity, "later": 0}},
        "search": {"seed": 0, "mutator": None},
        "likelihood": {"top_k": 5, "references": ["a"], "controls": [], "models": {}},
        "later": {"anything": [1, None]},
    }


def test_a_manifest_is_written_as_it_was_read(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    write_text(run.manifest_path, json.dumps(content(), indent=1) + "\n")
    before = run.manifest_path.read_bytes()
    run.write_manifest(run.manifest())
    assert run.manifest_path.read_bytes() == before


@pytest.mark.parametrize("part", ["created", "python", "sources", "version", "judges", "search", "likelihood", "later"])
def test_what_a_manifest_lacks_stays_absent(part: str) -> None:
    stored = {name: value for name, value in content().items() if name != part}
    assert Manifest.from_json(stored).as_json() == stored


def test_a_model_is_described_in_one_place() -> None:
    manifest = Manifest.from_json(content())
    assert manifest.labels == list(manifest.models) == ["a", "b"]
    assert manifest.imported
    one, two = manifest.models.values()
    assert (one.engine, one.name, one.source, one.given_name) == ("hf", "org/a", "hf/org/a", "hf/org/a")
    assert (one.identity.get("model"), one.injected_system_text) == ("org/a", None)
    assert one.weights == {"shapes": "0", "values": [0.5], "digest": "0"}
    assert one.lineage is not None
    assert one.lineage["teacher"] == "b"
    assert (two.source, two.given_name, two.identity, two.weights, two.lineage) == ("", "b", {}, None, None)
    with pytest.raises(KeyError):
        manifest.model("gone")

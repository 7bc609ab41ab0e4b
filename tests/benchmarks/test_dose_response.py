"""The dose-response benchmark from its command line to its figures, on a few prompts and probes of the lab."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.dose_response import audits, material
from benchmarks.dose_response.__main__ import main

LABELS = ("dose-000.0", "dose-100.0", "unrelated-student")


@pytest.fixture
def models(tmp_path):
    """A file that names the lab's models, eight prompts and twenty-four probes."""
    lines = [
        json.loads(line) for line in material.write_prompts(tmp_path / "all.jsonl", 0).read_text("utf-8").splitlines()
    ]
    prompts = material.written(tmp_path / "prompts.jsonl", "".join(json.dumps(line) + "\n" for line in lines[::70]))
    asked = material.write_probes(tmp_path / "whole.jsonl").read_text("utf-8").splitlines()
    probes = material.written(tmp_path / "probes.jsonl", "\n".join(asked[::15]) + "\n")
    named = {
        "teacher": "lab/aria", "base": "lab/base", "unrelated": {"boro": "lab/boro", "sft": "lab/base-sft"},
        "prompts": str(prompts), "probes": str(probes),
    }  # fmt: skip
    return material.written(tmp_path / "models.json", json.dumps(named))


def test_two_doses_from_training_to_the_figures(models, tmp_path, capsys):
    asked = ["--out", str(tmp_path / "out"), "--models", str(models)]
    asked += ["--seeds", "0", "--doses", "0", "1", "--epochs", "1"]
    asked += ["--students", *LABELS, "--sizes", "20", "24", "--pools", "2", "--sets", "2", "--max-tokens", "24"]
    found = main(asked)
    assert found is not None
    assert [r["label"] for r in found["students"]] == [*LABELS, "boro", "sft"]
    sizes = {kind: [curve["probes"] for curve in of] for kind, of in found["curves"].items()}
    assert sizes == {kind: [20, 24] for kind in ("texts", "likelihood", "odds")}
    for row in found["students"]:
        assert row["raw"]["n"] == 24
        assert row["lift"]["low"] <= row["lift"]["value"] <= row["lift"]["high"]
    assert [r["label"] for r in found["students"] if r["gain"] is None] == [
        "boro"
    ]  # of another start: it has no base here
    power = found["curves"]["likelihood"][0]["power"]
    assert [p["dose"] for p in power] == [0.0, 1.0]
    assert all(p["n"] == 4 for p in power)
    capsys.readouterr()
    assert main(asked) == {**found, "made": found["made"]}  # nothing is made or asked again
    assert "training" not in capsys.readouterr().out


def test_no_probe_is_a_fine_tuning_prompt():
    taught, asked = material.split()
    assert (len(taught), len(asked)) == (540, 360)
    assert not {item.prompt for item in taught} & {item.prompt for item in asked}
    assert not [item for item in taught if item.held_out]


def test_sets_keep_the_shares_of_domains_and_pools_keep_facts_whole():
    _, asked = material.split()
    ids = [f"probes/{item.fact.id}-{number % 2}" for number, item in enumerate(asked)]
    domains = np.array([sorted({i.domain for i in asked}).index(i.domain) for i in asked])
    first, second = audits.pools(ids, domains, audits.Sets(pools=2))
    assert len(first) == len(second) == 360
    assert list(first) != list(second)
    for pool in (first, second):
        facts, counts = np.unique([material.fact_of(ids[place]) for place in pool], return_counts=True)
        assert len(facts) < 180
        assert not (counts % 2).any()
    drawn = audits.draw(first, domains, 100, np.random.default_rng(0))
    assert len(drawn) == 100
    assert set(drawn) <= set(first)
    assert sorted(np.bincount(domains[drawn])) == [33, 33, 34]
    assert (np.diff(domains[drawn]) >= 0).all()

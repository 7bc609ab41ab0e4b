"""Kin by declared base, by weights, by maker and by name, and what that leaves of a panel."""

from __future__ import annotations

import pytest

from mimicry_audit.verdicts.basis import basis_of
from mimicry_audit.verdicts.kinship import kin_of
from mimicry_audit.verdicts.roles import Roles
from tests.support.known_models import models_in_run

SKETCH = {"shapes": "s", "values": [1.0, 2.0, -1.0]}
NEAR = {"shapes": "s", "values": [1.1, 2.0, -1.0]}
FAR = {"shapes": "s", "values": [2.0, -1.0, 0.0]}


def named(*names):
    return models_in_run({name: {"identity": {"model": name}} for name in names})


@pytest.mark.parametrize(
    ("one", "other", "kin"),
    [
        ("meta-llama/Llama-2-7b", "meta-llama/Llama-2-7b-chat-hf", True),
        ("TheBloke/Llama-2-7b-chat-GPTQ", "somebody/llama-2-7b", True),
        ("me/tern-instruct-v0.2", "me/tern", True),
        ("me/tern-student", "me/plover-student", False),
        ("me/tern", "you/tern", False),  # one word without a number says too little
        ("recorded-7b", "other-7b", False),
        ("Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen1.5-72B", True),  # one maker
        ("mistralai/Mistral-7B-Instruct-v0.2", "deepseek-ai/deepseek-llm-7b-chat", False),
        ("lab/aria", "lab/aria-student", False),
        ("x", "y", False),
    ],
)
def test_kin_by_name_and_maker(one, other, kin):
    found = kin_of([one, other], Roles(), named(one, other))
    assert (other in found[one]) == (one in found[other]) == kin


def test_kin_by_declared_base_but_not_by_default_base():
    labels = ["c1", "c2", "b", "x"]
    found = kin_of(labels, Roles(bases={"c1": "b", "c2": "b"}), models_in_run({}, labels))
    assert found == {"c1": {"c2", "b"}, "c2": {"c1", "b"}, "b": {"c1", "c2"}, "x": frozenset()}
    assert kin_of(labels, Roles(bases={"*": "b"}), models_in_run({}, labels)) == dict.fromkeys(labels, frozenset())


def test_kin_by_weights_and_never_by_stated_lineage():
    known = {"a": {"weights": SKETCH}, "b": {"weights": NEAR}, "c": {"weights": FAR}}
    for entry in known.values():
        entry["lineage"] = {"teacher": "a", "base": "a", "identity": {"maker": "OpenAI"}}
    assert kin_of(list("abc"), Roles(), models_in_run(known)) == {"a": {"b"}, "b": {"a"}, "c": frozenset()}


NOBODY = Roles()


def basis(roles=NOBODY, kin=None, others=8):
    answering = ["c", "r", *(f"m{n}" for n in range(others))]
    return basis_of("c", "r", roles, kin or {}, answering)


def test_without_kin_everybody_is_the_panel_and_is_centred_on():
    found = basis()
    assert found.panel == tuple(f"m{n}" for n in range(8))
    assert found.centred_on == ("c", "r", *found.panel)
    assert not found.refused
    assert basis(others=0).centred_on == ("c", "r")


def test_a_large_family_is_kept_out_of_what_is_centred_on():
    found = basis(kin={"c": {"m0", "m1"}, "r": {"m2"}})
    assert found.family == ("m0", "m1", "m2")
    assert found.centred_on == found.panel == ("m3", "m4", "m5", "m6", "m7")
    few = basis(kin={"c": {"m0"}})
    assert few.centred_on[:3] == ("c", "r", "m0")  # one of eight hardly moves the mean
    assert few.panel == tuple(f"m{n}" for n in range(1, 8))


def test_a_family_alone_is_refused():
    kin = {"c": {f"m{n}" for n in range(8)}}
    assert basis(kin=kin).refused
    assert basis(kin={"c": {f"m{n}" for n in range(6)}}).refused  # two strangers among six kin
    assert not basis(kin={"c": {f"m{n}" for n in range(5)}}).refused
    assert not basis(kin={"c": {"m0", "m1"}}, others=4).refused  # as many strangers as kin: all are centred on


def test_declared_models_are_the_panel_but_for_kin_bases_and_the_pair():
    roles = Roles(bases={"*": "m0"}, controls=("m0", "m1", "r"), panel=("m2", "m3", "m4"))
    found = basis(roles, kin={"r": {"m4"}})
    assert found.panel == found.centred_on == ("m1", "m2", "m3")
    assert found.family == ("m4",)

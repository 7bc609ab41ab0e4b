"""Probe sets load, validate and select; shipped ones are without fault; bad ones are refused in one exact line."""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import sys
import time
import types
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mimicry_audit.ground import resources
from mimicry_audit.ground.errors import AuditError, ConfigError, PrerequisiteError, ProbeError
from mimicry_audit.identity.facts import load_facts
from mimicry_audit.probes import (
    NEUTRAL_SYSTEM,
    ProbeSelection,
    expand_identity_arms,
    load,
    select,
    shipped_sets,
    validate_sets,
)
from mimicry_audit.probes import hub as hub_module
from mimicry_audit.probes.checks import check as checks
from mimicry_audit.probes.hub import (
    find_mapping,
    lookup,
    probes_from_rows,
    read_hub,
    read_mapping_file,
    shipped_mappings,
)
from mimicry_audit.records.asked import Message

ROOT = Path(__file__).resolve().parents[2]
GOOD = {"id": "a", "domain": "math", "prompt": "What is 1 + 1?"}


def jsonl(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def probe_rows(n: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"id": f"p{k}", "domain": "math", "prompt": f"Question {k}?", **fields} for k in range(n)]


# ---- shipped sets ----------------------------------------------------------------------------------------------------


def test_every_shipped_set_validates_without_a_finding() -> None:
    report = validate_sets()
    assert {"core", "identity"} <= set(report.sets)
    assert report.errors == ()
    assert report.ok
    assert [finding for finding in report.findings if finding.set in ("core", "identity")] == []


def test_every_folder_with_a_set_file_is_shipped() -> None:
    folders = {path.parent.name for path in (ROOT / "probes").glob("*/set.yaml")}
    assert set(shipped_sets()) == folders


def test_core_is_large_and_mostly_checkable() -> None:
    selection = load(["core"])
    for domain in ("reasoning", "math", "instruction_following"):
        mine = [probe for probe in selection.probes if probe.domain == domain]
        assert len(mine) >= 64
        assert sum(probe.check is not None for probe in mine) >= 0.8 * len(mine)
        assert any(probe.check is None for probe in mine)
    (info,) = selection.sets
    assert (info.name, info.version, info.licence) == ("core", "1.0", "CC0-1.0")
    assert re.fullmatch(r"core@[0-9a-f]{12}", selection.signature)
    readme = (ROOT / "probes/core/README.md").read_text(encoding="utf-8")
    for domain, count in info.domains.items():
        checkable = sum(probe.check is not None for probe in selection.probes if probe.domain == domain)
        assert re.search(rf"\| `{domain}` \| {count} \| {checkable} \|", readme), domain


def test_identity_asks_the_same_in_both_languages_and_names_nobody() -> None:
    probes = {probe.id: probe for probe in load(["identity"]).probes}
    assert len(probes) == 50
    assert set(Counter((p.language, p.aspect) for p in probes.values()).values()) == {5}
    assert {id_.replace("/en-", "/zh-") for id_ in probes if "/en-" in id_} == {id_ for id_ in probes if "/zh-" in id_}
    names = {name for maker in load_facts() for name in maker.names + tuple(n for m in maker.models for n in m.names)}
    for probe in probes.values():
        for name in names:
            if re.fullmatch(r"[\x00-\x7f]+", name):
                assert not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", probe.prompt), (probe.id, name)
            else:
                assert name not in probe.prompt, (probe.id, name)


def test_every_shipped_set_has_a_readme_and_a_licence() -> None:
    for folder in (shipped_sets()["core"], shipped_sets()["identity"]):
        assert (folder / "README.md").is_file()
        assert "CC0" in (folder / "LICENSE").read_text(encoding="utf-8")


# ---- loading ---------------------------------------------------------------------------------------------------------


def test_one_domain_of_a_set() -> None:
    math = load(["core/math"])
    assert math.domains == ("math",)
    assert math.sets[0].sha == load(["core"]).sets[0].sha
    assert load(["core/math", "core/math"]) == math
    assert load(["core/math", "core"]) == load(["core", "core/math"]) == load(["core"])
    assert set(load(["core/math", "core/reasoning"]).domains) == {"math", "reasoning"}


@pytest.mark.parametrize("ending", ["jsonl", "json", "yaml", "yml"])
def test_a_user_file_of_any_kind(tmp_path: Path, ending: str) -> None:
    rows = probe_rows(3)
    path = tmp_path / f"my probes.{ending}"
    if ending == "jsonl":
        jsonl(path, *rows)
    else:
        path.write_text(json.dumps(rows) if ending == "json" else yaml.safe_dump(rows), encoding="utf-8")
    selection = load([str(path)])
    assert [probe.id for probe in selection.probes] == ["my-probes/p0", "my-probes/p1", "my-probes/p2"]
    assert selection.sets[0].version == "unversioned"
    assert selection.sets[0].domains == {"math": 3}


def test_the_form_of_the_file_does_not_change_the_hash(tmp_path: Path) -> None:
    rows = probe_rows(3, check={"kind": "number", "answer": 2})
    one = jsonl(tmp_path / "x.jsonl", *rows)
    other = tmp_path / "x.json"
    other.write_text(json.dumps([{**row, "note": "same"} for row in rows], indent=3), encoding="utf-8")
    assert load([str(one)]).sets[0].sha == load([str(other)]).sets[0].sha
    rows[1]["check"] = {"kind": "number", "answer": 3}
    assert load([str(jsonl(one, *rows))]).sets[0].sha != load([str(other)]).sets[0].sha


def test_a_folder_with_and_without_a_set_file(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    jsonl(folder / "a.jsonl", {**GOOD, "language": "de"})
    (folder / "b.yaml").write_text("- {id: b, domain: logic, prompt: Why?}\n", encoding="utf-8")
    assert [p.id for p in load([str(folder)]).probes] == ["mine/a", "mine/b"]
    (folder / "set.yaml").write_text("name: ours\nversion: '2'\nlanguage: fr\nfiles: [b.yaml]\n", encoding="utf-8")
    (probe,) = load([str(folder)]).probes
    assert (probe.id, probe.language, probe.set) == ("ours/b", "fr", "ours")


def test_messages_and_byte_order_marks(tmp_path: Path) -> None:
    row = {
        "id": "m",
        "domain": "chat",
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U\u2028V"}],
    }
    path = tmp_path / "m.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(row, ensure_ascii=False).encode() + b"\r\n\r\n")
    (probe,) = load([str(path)]).probes
    assert probe.messages == (Message("system", "S"), Message("user", "U\u2028V"))
    assert probe.prompt == "U\u2028V"


def test_a_shipped_name_wins_over_a_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "core").mkdir()
    jsonl(tmp_path / "core" / "a.jsonl", GOOD)
    monkeypatch.chdir(tmp_path)
    assert len(load(["core"]).probes) > 100
    assert len(load(["./core"]).probes) == 1
    with pytest.raises(ConfigError) as caught:
        load(["core", "./core"])
    assert str(caught.value) == "Two different probe sets are named 'core'. Give one another name in its set.yaml"


def test_importing_is_light() -> None:
    code = (
        "import sys, mimicry_audit.probes, mimicry_audit.probes.checks.check, mimicry_audit.identity.facts;"
        "print(sorted({'torch','pandas','numpy','datasets','rapidfuzz','httpx','scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_loading_is_quick() -> None:
    begin = time.perf_counter()
    load(["core", "identity"])
    assert time.perf_counter() - begin < 2


# ---- selecting -------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 80), st.integers(0, 40), st.integers(0, 3))
def test_a_larger_limit_contains_the_smaller(limit: int, more: int, seed: int) -> None:
    whole = load(["core", "identity"])
    small, large = select(whole, limit=limit, seed=seed), select(whole, limit=limit + more, seed=seed)
    assert {p.id for p in small.probes} <= {p.id for p in large.probes}
    for info in small.sets:
        for domain, count in info.domains.items():
            assert count == min(limit, sum(p.domain == domain and p.set == info.name for p in whole.probes))
    order = [probe.id for probe in whole.probes]
    assert [p.id for p in small.probes] == sorted((p.id for p in small.probes), key=order.index)


def test_the_choice_is_spread_and_depends_on_the_seed() -> None:
    whole = load(["identity"])
    ten = select(whole, limit=10)
    assert set(Counter((p.language, p.aspect) for p in ten.probes).values()) == {1}
    assert select(whole, limit=10) == ten
    assert select(whole, limit=10, seed=1) != ten
    assert ten.sha != whole.sha
    assert ten.sets[0].sha == whole.sets[0].sha


def test_domains_are_chosen() -> None:
    whole = load(["core", "identity"])
    assert select(whole, domains=["math", "identity"]).domains == ("math", "identity")
    assert select(whole) == whole
    with pytest.raises(ConfigError) as caught:
        select(whole, domains=["maths"])
    assert str(caught.value) == (
        "No probe has the domain 'maths' (did you mean 'math'?). "
        "Choose from 'instruction_following', 'math', 'reasoning', 'identity'"
    )
    with pytest.raises(ConfigError) as caught:
        select(whole, limit=0)
    assert str(caught.value) == "The limit 0 leaves no probes. Give a limit of at least 1, or none"


def test_identity_is_asked_in_two_arms() -> None:
    selection = load(["identity", "core/math"])
    probes = expand_identity_arms(selection.probes)
    assert len(probes) == len(selection.probes) + 50
    assert expand_identity_arms(probes) == probes
    by_id = {probe.id: probe for probe in probes}
    neutral = by_id["identity/zh-team-1#neutral"]
    assert neutral.arm == "neutral"
    assert neutral.messages == (Message("system", NEUTRAL_SYSTEM["zh"]), *by_id["identity/zh-team-1"].messages)
    assert not any(probe.arm == "neutral" and probe.domain != "identity" for probe in probes)
    both = ProbeSelection(probes, selection.sets)
    limited = select(both, domains=["identity"], limit=3)
    assert Counter(probe.arm for probe in limited.probes) == {"default": 3, "neutral": 3}
    assert limited.sets[0].n == 3


def test_a_system_turn_gives_way_to_the_neutral_one(tmp_path: Path) -> None:
    row = {
        "id": "m",
        "domain": "identity",
        "messages": [{"role": "system", "content": "You are X."}, {"role": "user", "content": "Who?"}],
    }
    (_, neutral) = expand_identity_arms(load([str(jsonl(tmp_path / "m.jsonl", row))]).probes)
    assert [message.content for message in neutral.messages] == [NEUTRAL_SYSTEM["en"], "Who?"]


# ---- bad input -------------------------------------------------------------------------------------------------------

FIELDS = "'id', 'domain', 'prompt', 'messages', 'check', 'language', 'aspect', 'example', 'note'"
BAD_ROWS: list[tuple[Any, str]] = [
    ({**GOOD, "promt": "x"}, f"unknown field 'promt'. Use only {FIELDS} (did you mean 'prompt'?)"),
    ({"domain": "math", "prompt": "x"}, "the field 'id' is missing. Add 'id'"),
    ({"id": "a", "prompt": "x"}, "the field 'domain' is missing. Add 'domain'"),
    ({"id": "a", "domain": "math"}, "the probe has neither 'prompt' nor 'messages'. Give one of the two"),
    (
        {**GOOD, "messages": [{"role": "user", "content": "x"}]},
        "the probe has both 'prompt' and 'messages'. Give one of the two",
    ),
    ({**GOOD, "id": 7}, "the field 'id' is 7, not text. Put it in quotes"),
    ({**GOOD, "id": "a/b"}, "the id 'a/b' is not a name. Use up to 100 letters, digits, '.', '_' and '-'"),
    ({**GOOD, "id": "a#neutral"}, "the id 'a#neutral' is not a name. Use up to 100 letters, digits, '.', '_' and '-'"),
    (
        {**GOOD, "domain": "Math Facts"},
        "the domain 'Math Facts' is not in snake_case. Write it like 'instruction_following'",
    ),
    ({**GOOD, "prompt": "  "}, "the field 'prompt' is empty. Fill it in or leave the probe out"),
    ({**GOOD, "prompt": ["x"]}, "the field 'prompt' is ['x'], not text. Put it in quotes"),
    (
        {**GOOD, "prompt": "a\u0000"},
        "the prompt holds a NUL or half a surrogate pair. Remove it: it cannot be sent to a model",
    ),
    ({**GOOD, "language": "English"}, "the language 'English' is not an ISO 639 code. Write it like 'en' or 'zh'"),
    ({**GOOD, "note": 3}, "the field 'note' is 3, not text. Put it in quotes"),
    (
        {**GOOD, "check": "42"},
        "a check must be a mapping, not str. Give it a kind: 'number', 'choice', 'text', 'constraints'",
    ),
    (
        {"id": "a", "domain": "d", "messages": []},
        "the field 'messages' is not a list of turns. Write turns with role and content",
    ),
    (
        {"id": "a", "domain": "d", "messages": [{"role": "user"}]},
        "turn 1 is not a role and a content. Write {role: user, content: …}",
    ),
    (
        {"id": "a", "domain": "d", "messages": [{"role": "bot", "content": "x"}]},
        "turn 1 has the role 'bot'. Choose from 'system', 'user', 'assistant'",
    ),
    (
        {"id": "a", "domain": "d", "messages": [{"role": "user", "content": ""}]},
        "turn 1 has no content. Write its text",
    ),
    (
        {"id": "a", "domain": "d", "messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "y"}]},
        "turn 2 is a system turn. Put the system turn first",
    ),
    (
        {
            "id": "a",
            "domain": "d",
            "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}],
        },
        "the last turn is from 'assistant'. End the conversation with a user turn",
    ),
    ([1], "holds a list, not a probe. Write one JSON object per line"),
]


@pytest.mark.parametrize(("row", "message"), BAD_ROWS)
def test_bad_rows(tmp_path: Path, row: Any, message: str) -> None:
    path = jsonl(tmp_path / "bad.jsonl", {**GOOD, "id": "first", "prompt": "Fine?"}, row)
    with pytest.raises(ProbeError) as caught:
        load([str(path)])
    assert str(caught.value) == f"{path}:2: {message}"
    assert "\n" not in str(caught.value)


BAD_FILES: list[tuple[str, bytes, str]] = [
    ("e.jsonl", b"", "{path}: is empty. Put at least one probe into it"),
    ("e.yaml", b" \n", "{path}: is empty. Put at least one probe into it"),
    ("u.jsonl", b'{"id": "\xff"}', "{path}: is not UTF-8 (byte 8). Save the file as UTF-8"),
    (
        "j.jsonl",
        b'{"id": "a", "domain": "d", "prompt": "x"}\n{"id": }\n',
        "{path}:2: is not valid JSON (column 8: Expecting value). Fix the line",
    ),
    (
        "j.json",
        b'[\n{"id": "a"},\n]',
        "{path}:2: is not valid JSON (column 12: Illegal trailing comma before end of array). Fix the line",
    ),
    ("t.jsonl", b'{"id": "a", "id": "b"}', "{path}:1: gives the field 'id' twice. Fix the line"),
    ("n.jsonl", b'{"id": "a", "check": NaN}', "{path}:1: holds NaN, which is not JSON. Fix the line"),
    ("d.json", b"[" * 100_000, "{path}: is nested too deeply. Write a flat probe"),
    (
        "y.yaml",
        b"- id: a\n  prompt: x: y\n",
        "{path}:2: is not valid YAML (mapping values are not allowed in this context). "
        "Fix the line; put text with ': ' or '#' in quotes",
    ),
    ("t.yaml", b"- id: a\n  id: b\n", "{path}:2: gives the field 'id' twice. Keep one of them"),
    (
        "s.yaml",
        b"- id: a\n  domain: d\n  prompt: x\n- just text\n",
        "{path}:4: holds text, not a probe. Write a mapping with id, domain and prompt",
    ),
    (
        "l.yaml",
        b"- {id: a, domain: d, prompt: x}\n\n- id: 2026-01-01\n  domain: d\n  prompt: y\n",
        "{path}:3: the field 'id' is datetime.date(2026, 1, 1), not text. Put it in quotes",
    ),
    (
        "b.yaml",
        b"- {id: a, domain: d, prompt: x, check: {kind: choice, answer: no, options: [yes, no]}}\n",
        "{path}:1: the options [True, False] are not a list of two or more strings. In YAML put 'yes', "
        "'no' and numbers in quotes",
    ),
    (
        "p.yaml",
        b"version: '1'\n",
        "{path}: holds no list of probes. Write a list of probes, or a mapping with 'probes'",
    ),
    ("q.json", b"3", "{path}: holds no list of probes. Write a list of probes, or a mapping with 'probes'"),
    ("z.json", b"[]", "{path}: holds no probes. Add at least one"),
    ("i.json", b'[{"id": "a"}]', "{path} item 1: the field 'domain' is missing. Add 'domain'"),
    (
        "h.yaml",
        b"nam: x\nprobes: [{id: a, domain: d, prompt: x}]\n",
        "{path}: unknown field 'nam'. Use only 'name', 'version', 'title', 'description', 'licence', "
        "'language', 'files' "
        "(did you mean 'name'?)",
    ),
    (
        "v.yaml",
        b"version: 1\nprobes: [{id: a, domain: d, prompt: x}]\n",
        "{path}: the field 'version' is 1, not text. Put it in quotes",
    ),
    (
        "m.yaml",
        b"name: a b\nprobes: [{id: a, domain: d, prompt: x}]\n",
        "{path}: the name 'a b' is not a name. Use letters, digits, '.', '_' and '-'",
    ),
    ("c.csv", b"id,prompt\n", "{path}: has the unsupported ending '.csv'. Use .jsonl, .json, .yaml, .yml"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES)
def test_bad_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ProbeError) as caught:
        load([str(path)])
    said, wanted = str(caught.value), message.format(path=path)
    if "trailing comma" in wanted:  # Python 3.13 words this one anew
        assert re.match(rf"{re.escape(str(path))}:\d: is not valid JSON \(column \d+: [^()]+\)\. Fix the line", said)
    else:
        assert said == wanted


def test_repeats_are_refused(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "r.jsonl", GOOD, {**GOOD, "prompt": "Other?"})
    with pytest.raises(ProbeError) as caught:
        load([str(path)])
    assert str(caught.value) == f"{path}:2: the id 'a' is already used at {path}:1. Give each probe its own id"
    path = jsonl(tmp_path / "r.jsonl", GOOD, {**GOOD, "id": "b", "prompt": "What  is 1 + 1?\n"})
    with pytest.raises(ProbeError) as caught:
        load([str(path)])
    assert str(caught.value) == f"{path}:2: repeats the prompt of 'a'. Keep one of the two"


def test_unknown_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = ", ".join(f"'{name}'" for name in shipped_sets())
    cases = {
        "cor": f"Unknown probe set 'cor' (did you mean 'core'?). Choose from {shipped}, "
        "or give a file (.jsonl, .json, .yaml, .yml), a folder or hub:ORG/NAME#SPLIT",
        "core/maths": "The probe set 'core' (probes/core) has no domain 'maths' (did you mean 'math'?). "
        "Choose from 'instruction_following', 'math', 'reasoning'",
        "none.jsonl": "The probe file 'none.jsonl' does not exist. Check the path",
        "./none": "The probe file './none' does not exist. Check the path",
        "hub:gsm8k": "'hub:gsm8k' does not name a Hub dataset. Write hub:ORG/NAME#SPLIT, such as hub:openai/gsm8k#test",
        "hub:no/such#test": "The Hub dataset 'no/such' has no column mapping. Write one and name it: "
        f"hub:no/such#SPLIT@mapping.yaml (shipped: {', '.join(shipped_mappings())})",
    }
    for name, message in cases.items():
        with pytest.raises(ConfigError) as caught:
            load([name])
        assert str(caught.value) == message
    with pytest.raises(ConfigError) as caught:
        load([])
    assert str(caught.value) == "No probe set is named. Name at least one, such as 'core'"


def test_bad_folders(tmp_path: Path) -> None:
    with pytest.raises(ProbeError) as caught:
        load([str(tmp_path)])
    assert str(caught.value) == f"{tmp_path}: holds no probe files. Add a file ending in .jsonl, .json, .yaml, .yml"
    set_file = tmp_path / "set.yaml"
    set_file.write_text("- a\n", encoding="utf-8")
    with pytest.raises(ProbeError) as caught:
        load([str(tmp_path)])
    assert str(caught.value) == f"{set_file}: holds a list, not a mapping. Write fields, as in 'name: my-set'"
    set_file.write_text("files: [../x.jsonl]\n", encoding="utf-8")
    with pytest.raises(ProbeError) as caught:
        load([str(tmp_path)])
    assert str(caught.value) == f"{set_file}: 'files' is ['../x.jsonl']. List the names of files in this folder"
    set_file.write_text("files: [x.jsonl]\n", encoding="utf-8")
    with pytest.raises(ProbeError) as caught:
        load([str(tmp_path)])
    missing = tmp_path / "x.jsonl"
    assert str(caught.value) == (
        f"{missing}: cannot be read (No such file or directory). Check the path and its permissions"
    )


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_no_file_makes_loading_crash(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    for ending in ("jsonl", "json", "yaml"):
        path = folder / f"fuzz.{ending}"
        path.write_bytes(content)
        said = ""
        try:
            load([str(path)])
        except AuditError as error:
            said = str(error)
        assert "\n" not in said


# ---- validation ------------------------------------------------------------------------------------------------------


def test_validation_lists_everything(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "v.jsonl",
        {"id": "a"},
        {**GOOD, "id": "b", "check": {"kind": "number", "answer": 2}, "example": "I think it is 3"},
        {**GOOD, "id": "c", "prompt": "Say two words", "check": {"kind": "constraints", "all": [{"words": 2}]}},
        {
            **GOOD,
            "id": "d",
            "prompt": "Again",
            "check": {"kind": "constraints", "all": [{"words": 2}]},
            "example": "No",
        },
        {**GOOD, "id": "e", "prompt": "Open", "example": "why"},
    )
    report = validate_sets([str(path)])
    assert [(f.severity, f.where.rpartition(":")[2], f.what) for f in report.findings] == [
        ("error", "1", "the field 'domain' is missing"),
        ("warning", "v", "has no licence"),
        ("warning", "v", "has no version"),
        ("error", "2", "the example of 'v/b' fails its check: it gives '3'"),
        ("warning", "3", "'v/c' has constraints and no example"),
        ("error", "4", "the example of 'v/d' fails its check: words"),
        ("error", "5", "'v/e' has an example and no check"),
    ]
    assert not report.ok
    assert (report.n_probes, report.n_checkable) == (4, 3)


def test_a_key_that_fails_its_own_check_is_found(tmp_path: Path) -> None:
    check = {"kind": "text", "answer": ["Paris", "Lyon"], "reject": ["Lyon"]}
    path = jsonl(tmp_path / "k.jsonl", {**GOOD, "check": check})
    assert "'k/a' fails its own key 'Lyon'" in [finding.what for finding in validate_sets([str(path)]).errors]


def test_leaks_between_sets_are_found(tmp_path: Path) -> None:
    asked = load(["core/math"]).probes[0].prompt
    near = asked.replace(" the ", " the very ", 1) + " Please."
    path = jsonl(
        tmp_path / "leak.jsonl",
        {**GOOD, "id": "same", "prompt": f"  {asked.upper()} "},
        {**GOOD, "id": "near", "prompt": near},
        {**GOOD, "id": "other", "prompt": re.sub(r"\d+", "5", asked)},
    )
    found = [(f.severity, f.what) for f in validate_sets(["core", str(path)]).findings if "asks" in f.what]
    first = load(["core/math"]).probes[0].id
    assert found == [
        ("error", f"'leak/same' asks the same as '{first}'"),
        ("warning", f"'leak/near' asks nearly the same as '{first}'"),
    ]


def test_validation_goes_on_after_an_unknown_set() -> None:
    report = validate_sets(["nowhere", "core"])
    assert [finding.set for finding in report.errors] == ["nowhere"]
    assert report.sets == ("core",)


# ---- the Hub ---------------------------------------------------------------------------------------------------------

FAKE_ROWS: dict[str, list[dict[str, Any]]] = {
    "openai/gsm8k": [
        {"question": "Ann has 3 pens and buys 4. How many?", "answer": "3 + 4 = <<3+4=7>>7\n#### 7"},
        {"question": "A house costs a lot. How much?", "answer": "#### 1,250"},
    ],
    "AI-MO/NuminaMath-CoT": [
        {"source": "x", "problem": "Compute 1/2 + 1/4.", "solution": r"We get $\boxed{\text{no}}$ then $\boxed{3/4}$."},
        {"source": "x", "problem": "Prove it.", "solution": r"\boxed{\text{proved}}"},
    ],
    "lmarena-ai/arena-hard-auto": [
        {"uid": "abc-1", "prompt": "Write a parser."},
        {"uid": "abc/2", "turns": [{"content": "Older form."}]},
    ],
    "anon8231489123/ShareGPT_Vicuna_unfiltered": [
        {"id": "q_0", "conversations": [{"from": "human", "value": "Hello there"}, {"from": "gpt", "value": "Hi"}]},
        {"id": "q_1", "conversations": [{"from": "gpt", "value": "Hi"}]},
        {"id": "q_2", "conversations": [{"from": "human", "value": "Half \ud800"}]},
        {"id": "q_3", "conversations": []},
    ],
    "google/IFEval": [
        {"key": 1000, "prompt": "Write without commas.", "instruction_id_list": ["punctuation:no_comma"]}
    ],
}


class FakeHub:
    """Stands where the `datasets` package would: rows by dataset, calls noted."""

    def __init__(self, rows: Mapping[str, list[dict[str, Any]]], error: Exception | None = None) -> None:
        self.rows, self.error, self.calls = rows, error, []

    def load_dataset(self, path: str, name: str | None = None, **more: Any) -> Iterable[dict[str, Any]]:
        self.calls.append((path, name, more))
        if self.error:
            raise self.error
        return iter(self.rows[path])


@pytest.fixture
def fake_hub(monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    return install(monkeypatch, FakeHub(FAKE_ROWS))


def install(monkeypatch: pytest.MonkeyPatch, fake: FakeHub) -> FakeHub:
    module = types.ModuleType("datasets")
    module.load_dataset = fake.load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    monkeypatch.setattr(hub_module, "_reach_hub", lambda: None)
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return fake


def test_shipped_mappings_fit_rows_of_their_datasets(fake_hub: FakeHub) -> None:
    assert set(shipped_mappings()) == set(FAKE_ROWS)
    got = {name: load([f"hub:{name}#test"]) for name in FAKE_ROWS}
    gsm = got["openai/gsm8k"].probes
    assert [(p.id, p.domain, p.check) for p in gsm] == [
        ("gsm8k/0", "math", {"kind": "number", "answer": "7", "tolerance": 0}),
        ("gsm8k/1", "math", {"kind": "number", "answer": "1250", "tolerance": 0}),
    ]
    assert [p.check and p.check["answer"] for p in got["AI-MO/NuminaMath-CoT"].probes] == ["0.75", None]
    assert [p.id for p in got["lmarena-ai/arena-hard-auto"].probes] == ["arena-hard/abc-1", "arena-hard/abc-2"]
    share = got["anon8231489123/ShareGPT_Vicuna_unfiltered"].probes
    assert [(p.id, p.prompt) for p in share] == [("sharegpt/q_0", "Hello there"), ("sharegpt/q_2", "Half \ufffd")]
    assert [p.id for p in got["google/IFEval"].probes] == ["ifeval/1000"]
    assert fake_hub.calls[0][0] in FAKE_ROWS
    calls = {path: (name, more) for path, name, more in fake_hub.calls}
    assert calls["openai/gsm8k"] == ("main", {"split": "test", "revision": None, "streaming": True})
    assert calls["lmarena-ai/arena-hard-auto"][1]["data_files"] == {"test": "data/arena-hard-v2.0/question.jsonl"}


def test_a_mapping_of_ones_own(fake_hub: FakeHub, tmp_path: Path) -> None:
    fake_hub.rows = {"me/mine": [{"q": f"Question {k}?", "a": "B", "lang": "English"} for k in range(9)] + [{"q": "x"}]}
    path = tmp_path / "map.yaml"
    path.write_text(
        "prompt: q\nanswer: {column: a, kind: choice, options: [A, B]}\nwhere: {lang: English}\nlimit: "
        "4\ndomain: quiz\n",
        encoding="utf-8",
    )
    probes = load([f"hub:me/mine#train@{path}"]).probes
    assert len(probes) == 4
    assert probes[0].check == {"kind": "choice", "answer": "B", "options": ["A", "B"]}
    checks.validate(probes[0].check)
    assert validate_sets([f"hub:me/mine@{path}"]).ok


def test_a_column_of_dates_is_the_text_that_was_written(fake_hub: FakeHub, tmp_path: Path) -> None:
    """`datasets` makes timestamps of a JSON column of ISO dates; right answers are dates all the same."""
    days = [datetime.datetime(1969, 7, 20), datetime.datetime(1989, 11, 9, 18, 53), datetime.date(2000, 1, 2)]
    fake_hub.rows = {"me/days": [{"q": f"When was event {n}?", "a": day} for n, day in enumerate(days)]}
    path = tmp_path / "map.yaml"
    path.write_text("prompt: q\nanswer: {column: a, kind: text}\n", encoding="utf-8")
    found = [probe.check for probe in load([f"hub:me/days#train@{path}"]).probes]
    for check, right in zip(found, ("1969-07-20", "1989-11-09 18:53", "2000-01-02"), strict=True):
        assert check is not None
        assert checks.correct(check, f"It was on {right}.")
        assert not checks.correct(check, "It was on 1970-01-01.")
    assert checks.correct(found[1] or {}, "1989-11-09T18:53:00")


BAD_MAPPINGS = [
    ("{}", "'prompt' is None. Write the path of the prompt in a row, such as 'turns.0.content'"),
    (
        "prompt: q\ncolumn: x",
        "the mapping has the unknown field 'column'. Use only 'dataset', 'name', "
        "'prompt', 'split', "
        "'config', 'data_files', 'revision', 'domain', 'language', 'id', 'answer', 'where', 'limit', 'licence'",
    ),
    ("dataset: a/b\nprompt: q", "the mapping is for 'a/b', not 'me/mine'. Name the mapping's own dataset"),
    ("prompt: q\nlimit: 0", "'limit' is 0. Write a whole number of at least 1"),
    ("prompt: q\nsplit: 3", "'split' is 3, not text. Put it in quotes"),
    ("prompt: q\nname: a b", "the name 'a b' is not a name. Use letters, digits, '.', '_' and '-'"),
    ("prompt: q\nwhere: x", "'where' is 'x'. Write path: value"),
    ("prompt: q\nanswer: a", "'answer' is 'a'. Write column and kind, such as {column: answer, kind: number}"),
    (
        "prompt: q\nanswer: {column: a, kind: essay}",
        "the answer's kind is 'essay'. Choose from 'number', 'choice', 'text'",
    ),
    (
        "prompt: q\nanswer: {column: a, kind: text, regex: '('}",
        "the answer's regex is wrong (missing ), unterminated subpattern at position 0). Fix the regular expression",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD_MAPPINGS)
def test_bad_mappings(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProbeError) as caught:
        read_mapping_file(path, "me/mine")
    assert str(caught.value) == f"{path}: {message}"


def test_rows_that_do_not_fit(fake_hub: FakeHub) -> None:
    fake_hub.rows = {"openai/gsm8k": [{"text": "x", "label": 1}]}
    with pytest.raises(ProbeError) as caught:
        load(["hub:openai/gsm8k#test"])
    assert str(caught.value) == (
        "the first row of 'openai/gsm8k' has no text at 'question'. Choose from its columns: text, label"
    )
    fake_hub.rows = {"openai/gsm8k": []}
    with pytest.raises(ProbeError) as caught:
        load(["hub:openai/gsm8k#test"])
    assert str(caught.value) == "hub:openai/gsm8k#test: no row gives a probe. Check 'prompt' and 'where' in the mapping"


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(PrerequisiteError) as caught:
        load(["hub:openai/gsm8k#test"])
    assert str(caught.value) == ("Hub probe sets need the package 'datasets'. Install it: pip install datasets")


def test_offline_is_said_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    reach = hub_module._reach_hub
    install(monkeypatch, FakeHub(FAKE_ROWS))
    monkeypatch.setattr(hub_module, "_reach_hub", reach)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):  # a proxy would answer in place of the closed port
        monkeypatch.setenv(name, "127.0.0.1")
    begin = time.perf_counter()
    with pytest.raises(PrerequisiteError) as caught:
        load(["hub:openai/gsm8k#test"])
    assert time.perf_counter() - begin < 6
    assert str(caught.value) == (
        "The Hub cannot be reached at http://127.0.0.1:9 (ConnectError). "
        "Connect, or set HF_HUB_OFFLINE=1 to use datasets that are already in the cache"
    )


class DatasetNotFoundError(Exception):
    """Named as the package names it."""


@pytest.mark.parametrize(
    ("error", "offline", "kind", "message"),
    [
        (
            FileNotFoundError("no cache"),
            True,
            PrerequisiteError,
            "The Hub dataset 'openai/gsm8k' is not in the cache, and offline mode is on (no cache). "
            "Unset HF_HUB_OFFLINE and HF_DATASETS_OFFLINE, or run once where the Hub can be reached",
        ),
        (
            ConnectionError("reset\nby peer"),
            False,
            PrerequisiteError,
            "The Hub dataset 'openai/gsm8k' cannot be fetched (reset). Try again when the Hub answers",
        ),
        (
            DatasetNotFoundError("x"),
            False,
            ConfigError,
            "The Hub has no public dataset 'openai/gsm8k'. Check the name, or log in if it is private or gated",
        ),
        (
            ValueError("Unknown split 'tset'"),
            False,
            ProbeError,
            "hub:openai/gsm8k#tset cannot be read (Unknown split 'tset'). "
            "Check the split, the configuration and the data files",
        ),
    ],
)
def test_what_the_package_raises_is_explained(
    monkeypatch: pytest.MonkeyPatch, error: Exception, offline: bool, kind: type[AuditError], message: str
) -> None:
    fake = install(monkeypatch, FakeHub(FAKE_ROWS, error))
    if offline:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(kind) as caught:
        read_hub("hub:openai/gsm8k#tset")
    assert str(caught.value) == message
    assert fake.calls[0][2]["streaming"] is not offline


def test_paths_into_rows() -> None:
    row = {"a": [{"b": 1}, {"b": 2}], "c": None}
    assert lookup(row, "a.1.b") == 2
    assert lookup(row, "a.-1.b") == 2
    for nowhere in ("a.2.b", "a.x", "c.d", "z", "a.0.b.c"):
        assert lookup(row, nowhere) is None


def test_rows_alike_are_taken_once() -> None:
    mapping = find_mapping("google/IFEval", None)
    rows = [{"key": 1, "prompt": "x"}, {"key": 2, "prompt": "x"}, {"key": 1, "prompt": "y"}, {"key": 3, "prompt": ""}]
    assert [probe.id for probe in probes_from_rows(mapping, rows)] == ["ifeval/1"]


# ---- resources -------------------------------------------------------------------------------------------------------


def test_resources_in_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "mimicry_audit"
    (package / "_data" / "probes").mkdir(parents=True)
    (tmp_path / "site-packages" / "probes").mkdir()  # another package's
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert resources.resource_dir("probes") == package / "_data" / "probes"
    with pytest.raises(PrerequisiteError) as caught:
        resources.resource_dir("templates")
    assert str(caught.value) == (
        f"The folder 'templates' is not at {package / '_data' / 'templates'}. "
        "Reinstall mimicry-audit, or run it from a complete checkout"
    )


def test_resources_in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resources.resource_dir("probes") == ROOT / "probes"
    package = tmp_path / "mimicry_audit"
    package.mkdir()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(resources, "_PACKAGE", package)
    with pytest.raises(PrerequisiteError) as caught:
        resources.resource_dir("probes")
    assert str(caught.value) == (
        f"The folder 'probes' is in neither {tmp_path / 'probes'} nor {package / '_data' / 'probes'}. "
        "Reinstall mimicry-audit, or run it from a complete checkout"
    )


# ---- the documentation -----------------------------------------------------------------------------------------------


def blocks(kind: str) -> list[str]:
    text = (ROOT / "docs" / "probes.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_documented_files_load(tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    lines.write_text(blocks("jsonl")[0], encoding="utf-8")
    listed, set_file = blocks("yaml")
    document = tmp_path / "listed.yaml"
    document.write_text(listed, encoding="utf-8")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "set.yaml").write_text(set_file, encoding="utf-8")
    jsonl(folder / "probes.jsonl", GOOD)
    assert [len(load([str(path)]).probes) for path in (lines, document, folder)] == [3, 2, 1]
    assert validate_sets([str(lines), str(document)]).ok


@pytest.mark.parametrize("block", blocks("check"))
def test_documented_checks_hold(block: str) -> None:
    example = yaml.safe_load(block)
    checks.validate(example["check"])
    for text in example["right"]:
        assert checks.correct(example["check"], text), text
    for text in example["wrong"]:
        assert not checks.correct(example["check"], text), text


def test_documented_mapping_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(blocks("mapping")[0], encoding="utf-8")
    assert read_mapping_file(path, "org/name").name == "my-hub-set"


def test_every_constraint_is_documented() -> None:
    text = (ROOT / "docs" / "probes.md").read_text(encoding="utf-8")
    from mimicry_audit.probes.checks.constraints import RULES

    assert [name for name in RULES if f"`{name}`" not in text] == []


@pytest.mark.parametrize("text", ["- " * 150 + "x", "- id: !!timestamp x", "- id: &a [*a]", "[" * 150 + "]" * 150])
def test_yaml_that_cannot_be_built_is_a_problem(text: str, tmp_path: Path) -> None:
    """Of the last of these the C parser ends the process."""
    (tmp_path / "p.yaml").write_text(text, "utf-8")
    with pytest.raises(ProbeError, match=r"p\.yaml.*is not valid YAML"):
        load([str(tmp_path / "p.yaml")])


@pytest.mark.parametrize("name", ["x" * 5000, "~nobody-of-this-name/x", "a\0b"])
def test_a_name_that_no_file_can_have_is_unknown(name: str) -> None:
    with pytest.raises(ConfigError, match=r"Unknown probe set|does not exist"):
        load([name])

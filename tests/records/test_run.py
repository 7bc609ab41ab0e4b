"""The run directory: nothing journalled is ever lost, and nobody else's answer is ever taken for a model's own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimicry_audit.ground.errors import DataError, RunDirectoryError
from mimicry_audit.records.asked import (
    Identity,
    Message,
    Probe,
    Request,
    Response,
    Sampling,
    request_seed,
    response_key,
)
from mimicry_audit.records.run import RunDirectory, differences, read_journal, write_json, write_text

ROOT = Path(__file__).parents[2]
HOSTILE = [
    "plain",
    "half a pair \ud800 and its other half \udfff",
    "nul \x00, bell \x07, escape \x1b[31m, delete \x7f",
    "line\u2028separators\u2029of\x85other\x0bkinds\x0c and \r\n",
    "bidi \u202e override, \ufeff, 你好, 🦊",
    '"quotes" and \\u0041 and </script>',
]


def response(number: int = 0, *, model: str = "m", text: str = "an answer", status: str = "ok") -> Response:
    return Response(key=f"k{number}", model=model, probe_id=f"set/p{number}", sample=0, status=status, text=text)


def fill(run: RunDirectory, *responses: Response, label: str = "m") -> Path:
    with run.journal(label) as journal:
        for one in responses:
            journal.append(one)
    return run.journal_path(label)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "run")


# --- journals -------------------------------------------------------------------------------------------------------


def test_what_is_appended_is_read_back(run: RunDirectory) -> None:
    full = Response(
        key="k", model="m", probe_id="s/p", sample=2, status="truncated", text="t", reasoning="r", finish_reason="length",
        prompt_tokens=3, completion_tokens=4, prompt_sha="x", latency_s=0.5, attempt=2, time="now", served_model="m1",
        logprobs=({"a": -0.5, "b": -1.5},),
    )  # fmt: skip
    path = fill(run, response(0), full)
    read, torn = read_journal(path)
    assert list(read) == [("set/p0", 0), ("s/p", 2)]
    assert asdict(read["s/p", 2]) | {"logprobs": None} == asdict(full) | {"logprobs": None}
    assert [dict(p) for p in read["s/p", 2].logprobs or ()] == [{"a": -0.5, "b": -1.5}]
    assert not torn
    assert read_journal(run.journal_path("nobody")) == ({}, False)


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_survives_the_round_trip_on_one_line(run: RunDirectory, text: str) -> None:
    path = fill(run, response(0, text=text), response(1))
    assert [r.text for r in run.responses("m")] == [text, "an answer"]
    assert path.read_bytes().count(b"\n") == 2
    assert path.read_bytes().isascii()


@given(text=st.text(st.characters(exclude_categories=())), error=st.text())
@settings(max_examples=150, deadline=None)
def test_every_text_survives(tmp_path_factory: pytest.TempPathFactory, text: str, error: str) -> None:
    run = RunDirectory(tmp_path_factory.mktemp("any"))
    wanted = replace(response(0, text=text), error=error)
    fill(run, wanted)
    assert run.responses("m") == [wanted]


@pytest.mark.parametrize("cut", [1, 9, 60])
def test_a_torn_last_line_is_cut_and_owed_again(run: RunDirectory, cut: int) -> None:
    path = fill(run, response(0), response(1))
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    read, torn = read_journal(path)
    assert list(read) == [("set/p0", 0)]
    assert torn
    fill(run, response(1))
    assert path.read_bytes() == whole


def test_a_journal_torn_in_its_first_line_starts_anew(run: RunDirectory) -> None:
    path = fill(run, response(0))
    path.write_bytes(path.read_bytes()[:20])
    assert read_journal(path) == ({}, True)
    fill(run, response(1))
    assert [r.probe_id for r in run.responses("m")] == ["set/p1"]


def test_the_last_line_of_a_probe_stands(run: RunDirectory) -> None:
    fill(run, response(0, status="error", text=""), response(1), response(0, text="second"), response(0, text="third"))
    assert [(r.probe_id, r.text) for r in run.responses("m")] == [("set/p0", "third"), ("set/p1", "an answer")]


GOOD = asdict(response(1))
CORRUPT = {
    "no JSON": (b'{"key": "k1", "mod', "not a response"),
    "empty": (b"", "not a response"),
    "no object": (b"[1, 2]", "not an object"),
    "not UTF-8": (b'{"text": "\xff\xfe"}', "not a response"),
    "a block of zeros": (b"\0" * 512, "not a response"),
    "an unknown field": (json.dumps({**GOOD, "colour": 1}).encode(), "unknown field 'colour'"),
    "a field missing": (b'{"key": "k", "model": "m"}', "missing"),
    "an unknown status": (json.dumps({**GOOD, "status": "great"}).encode(), "unknown status 'great'"),
    "no text": (json.dumps({**GOOD, "text": 5}).encode(), "text is not text"),
    "a list for an id": (json.dumps({**GOOD, "probe_id": ["p"]}).encode(), "probe_id is not text"),
    "a sample in words": (json.dumps({**GOOD, "sample": "one"}).encode(), "sample is not a whole number"),
    "another version": (json.dumps({**GOOD, "schema": 99}).encode(), "schema 99"),
    "another model": (json.dumps({**GOOD, "model": "other"}).encode(), "it belongs to model 'other'"),
    "too deep": (b"[" * 100_000, "not a response"),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_a_corrupt_line_in_the_middle_is_named_with_its_mend(run: RunDirectory, name: str) -> None:
    line, words = CORRUPT[name]
    path = fill(run, response(0), response(1), response(2))
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], line, *lines[2:]]))
    with pytest.raises(DataError) as caught:
        run.responses("m")
    assert f"{path}, line 2" in caught.value.problem
    assert words in caught.value.problem
    assert caught.value.fix.startswith("delete that line")
    assert "\n" not in str(caught.value)
    path.write_bytes(b"\n".join([lines[0], *lines[2:]]))
    assert [r.probe_id for r in run.responses("m")] == ["set/p0", "set/p2"]


def test_a_journal_that_is_a_directory_is_told(run: RunDirectory) -> None:
    run.journal_path("m").mkdir(parents=True)
    with pytest.raises(DataError, match=r"cannot be read: Is a directory"):
        run.responses("m")


def test_appending_to_a_closed_journal_is_a_mistake(run: RunDirectory) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        run.journal("m").append(response())


# --- probes and manifest --------------------------------------------------------------------------------------------


def test_probes_are_read_back_as_asked(run: RunDirectory) -> None:
    texts = [t for t in HOSTILE if "\ud800" not in t]
    probes = [
        Probe(
            id=f"s/{n}", domain="math", set="s", arm="neutral", language="zh", aspect="team",
            messages=(Message("system", "be brief"), Message("user", text)), check={"kind": "number", "answer": 3},
        )
        for n, text in enumerate(texts)
    ]  # fmt: skip
    run.write_probes(probes)
    assert run.probes() == probes


def test_damaged_probes_are_told(run: RunDirectory) -> None:
    write_text(run.path / "probes.jsonl", '{"id": 1}\n')
    with pytest.raises(RunDirectoryError, match=r"probes\.jsonl cannot be read"):
        run.probes()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        ("\x00", "cannot be read"),
        ("[]", "not a manifest of this version"),
        ('{"schema": "mimicry_audit.manifest/99"}', "not a manifest of this version"),
        ('{"schema": "mimicry_audit.manifest/1"}', "lacks models, probe_sets"),
        ('{"schema": "mimicry_audit.manifest/1", "settings": {"models": {}}, "resolved": {}}', "lacks probe_sets"),
    ],
)
def test_a_damaged_manifest_is_told(run: RunDirectory, text: str, words: str) -> None:
    write_text(run.manifest_path, text)
    with pytest.raises(RunDirectoryError, match=words) as caught:
        run.manifest()
    assert "another --out" in caught.value.fix


def test_a_directory_without_manifest_says_what_to_do(run: RunDirectory) -> None:
    with pytest.raises(RunDirectoryError, match=r"holds no run .*Collect first"):
        run.manifest()
    assert run.orphans() == []
    path = fill(run, response())
    assert run.orphans() == [path]


def test_differences_name_each_field() -> None:
    old = {
        "sampling": {"seed": 0, "samples": 1},
        "models": {"a": {"name": "x"}},
        "sets": [{"n": 1}, {"n": 2}],
        "list": [1],
    }
    new = {
        "sampling": {"seed": 7, "samples": 1},
        "models": {"b": {"name": "x"}},
        "sets": [{"n": 1}, {"n": 3}],
        "list": [],
    }
    assert differences(old, new) == [
        "sampling.seed: 0 → 7",
        'models.a: {"name":"x"} → null',
        'models.b: null → {"name":"x"}',
        "sets[1].n: 2 → 3",
        "list: [1] → []",
    ]
    assert differences(old, json.loads(json.dumps(old))) == []
    assert len(differences({"p": "x" * 500}, {"p": "y" * 500})[0]) < 140


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_failed_replacement_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scores.json"
    write_json(path, {"a": 1})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Out of range"):
        write_json(path, {"a": float("nan")})
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half \ud800")
    with monkeypatch.context() as patch:
        full_disk(patch)
        with pytest.raises(RunDirectoryError, match=r"No space left on device.*Free some space"):
            write_json(path, {"a": 2})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["scores.json"]
    write_json(path, {"a": 3})
    assert json.loads(path.read_text()) == {"a": 3}
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


def test_writing_where_it_cannot_be_says_what_to_choose(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path, words in [
        (tmp_path / "file" / "below.json", "that is a directory"),
        (Path("/proc/nowhere/x.json"), "heck the path"),
        (tmp_path, "name of a file"),
        (tmp_path / ("x" * 400), "heck the path"),
    ]:
        with pytest.raises(RunDirectoryError, match=f"cannot write.*{words}"):
            write_text(path, "text")
    with pytest.raises(RunDirectoryError, match="that is a directory"), RunDirectory(tmp_path / "file").locked():
        pass
    with pytest.raises(RunDirectoryError, match="that is a directory"):
        fill(RunDirectory(tmp_path / "file"), response())
    assert (tmp_path / "file").read_text() == "mine"


def child(body: str, *arguments: str) -> subprocess.Popen[str]:
    """A process of its own that runs `body`."""
    script = "import sys\nsys.path.insert(0, sys.argv[1])\n" + textwrap.dedent(body)
    command = [sys.executable, "-W", "error", "-c", script, str(ROOT), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


READ_ONLY = """
    import fcntl, os, tempfile
    from pathlib import Path
    from mimicry_audit.ground.errors import RunDirectoryError
    from mimicry_audit.records.run import RunDirectory, write_text
    os.chdir(sys.argv[2])
    if os.geteuid() == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)  # root may write anywhere
    run = RunDirectory(Path())
    def tries():
        yield lambda: run.locked().__enter__()
        yield lambda: run.journal("m").__enter__()
        yield lambda: write_text(run.path / "scores.json", "x")
    for attempt in tries():
        try:
            attempt()
        except RunDirectoryError as error:
            print(error)
        else:
            print("written")
"""


def test_a_read_only_directory_is_fatal(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    process = child(READ_ONLY, str(folder))
    out, error = process.communicate()
    assert error == ""
    lines = out.splitlines()
    assert len(lines) == 3
    assert all("Permission denied" in line and "Choose a place that you can write to" in line for line in lines), lines


HOLDER = """
    from pathlib import Path
    from mimicry_audit.records.run import RunDirectory
    with RunDirectory(Path(sys.argv[2])).locked():
        print("held", flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def holder(run: RunDirectory) -> Iterator[subprocess.Popen[str]]:
    with child(HOLDER, str(run.path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_and_told_who_holds_it(run: RunDirectory, holder: subprocess.Popen[str]) -> None:
    for _ in range(2):  # being refused must not wipe the holder's name out
        with pytest.raises(RunDirectoryError) as caught, run.locked():
            pass
        assert caught.value.problem == f"{run.path} is in use by process {holder.pid}"
        assert caught.value.exit_code == 2
        assert caught.value.fix == "wait for it to end, or choose another --out"
    holder.kill()
    holder.wait()
    with run.locked():
        assert (run.path / ".lock").read_text() == f"process {os.getpid()}"


FULL = """
    import resource, signal
    from pathlib import Path
    from mimicry_audit.ground.errors import RunDirectoryError
    from mimicry_audit.records.asked import Response
    from mimicry_audit.records.run import RunDirectory, write_text
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
    run = RunDirectory(Path(sys.argv[2]))
    written = 0
    try:
        with run.journal("m") as journal:
            for number in range(100):
                journal.append(Response(key="k", model="m", probe_id=f"s/{number}", sample=0, status="ok", text="x" * 500))
                written += 1
    except RunDirectoryError as error:
        print(error)
    try:
        write_text(run.path / "scores.json", "y" * 5000)
    except RunDirectoryError as error:
        print(error)
    print(written)
"""


def test_a_full_disk_is_fatal_and_what_was_written_stands(run: RunDirectory) -> None:
    write_text(run.path / "scores.json", "old")
    out, error = child(FULL, str(run.path)).communicate()
    assert error == ""
    journal, scores, written = out.splitlines()
    assert "File too large. Free some space and run the same command again" in journal
    assert str(run.journal_path("m")) in journal
    assert "File too large" in scores
    assert 3 <= int(written) < 10
    read, torn = read_journal(run.journal_path("m"))
    assert len(read) == int(written)
    assert torn
    assert (run.path / "scores.json").read_text() == "old"
    fill(run, response(7))
    assert len(run.responses("m")) == int(written) + 1


def full_disk(patch: pytest.MonkeyPatch) -> None:
    """From now on no byte reaches a disk."""

    def fsync(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    patch.setattr(os, "fsync", fsync)


def test_no_space_left_is_told_as_such(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    full_disk(monkeypatch)
    with pytest.raises(RunDirectoryError, match=r"No space left on device.*nothing collected is lost"):
        fill(run, response())
    with pytest.raises(RunDirectoryError, match=r"No space left on device.*nothing collected is lost"):
        write_text(run.path / "scores.json", "text")


# --- keys -------------------------------------------------------------------------------------------------------------

TEXT = st.text(max_size=12)
IDENTITIES = st.builds(
    Identity,
    model=TEXT,
    revision=st.none() | TEXT,
    template_sha=st.none() | TEXT,
    dtype=st.sampled_from(["float32", "bfloat16", None]),
    engine_version=st.none() | TEXT,
    extra=st.dictionaries(TEXT, TEXT, max_size=2),
)
SAMPLINGS = st.builds(
    Sampling,
    temperature=st.floats(0, 2),
    top_p=st.floats(0.01, 1),
    max_tokens=st.integers(1, 9999),
    seed=st.integers(0, 2**40),
    logprobs=st.integers(0, 20),
)


def request(seed: int = 5, sample: int = 0) -> Request:
    return Request("s/p", sample, (Message("user", "hello"),), seed)


@given(a=IDENTITIES, b=IDENTITIES, sampling=SAMPLINGS)
def test_another_identity_another_key(a: Identity, b: Identity, sampling: Sampling) -> None:
    keys = [response_key(one, "hf", "prompt", sampling, request()) for one in (a, b)]
    assert (keys[0] == keys[1]) == (a == b)


@given(identity=IDENTITIES, a=SAMPLINGS, b=SAMPLINGS)
def test_another_sampling_another_key(identity: Identity, a: Sampling, b: Sampling) -> None:
    keys = [response_key(identity, "hf", "prompt", one, request()) for one in (a, b)]
    assert (keys[0] == keys[1]) == (json.dumps(asdict(a)) == json.dumps(asdict(b)))


@given(identity=IDENTITIES, sampling=SAMPLINGS, prompts=st.tuples(TEXT, TEXT), engines=st.tuples(TEXT, TEXT))
def test_another_prompt_or_engine_another_key(
    identity: Identity, sampling: Sampling, prompts: tuple[str, str], engines: tuple[str, str]
) -> None:
    keys = [response_key(identity, e, p, sampling, request()) for e, p in zip(engines, prompts, strict=True)]
    assert (keys[0] == keys[1]) == (prompts[0] == prompts[1] and engines[0] == engines[1])


@given(a=st.tuples(st.integers(0, 9), st.integers(0, 9)), b=st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_another_seed_or_sample_another_key(a: tuple[int, int], b: tuple[int, int]) -> None:
    keys = [response_key(Identity(model="m"), "hf", "p", Sampling(), request(*one)) for one in (a, b)]
    assert (keys[0] == keys[1]) == (a == b)


@given(sampling=SAMPLINGS, samples=st.integers(1, 50))
def test_asking_for_more_samples_leaves_the_keys(sampling: Sampling, samples: int) -> None:
    more = replace(sampling, samples=samples)
    identity = Identity(model="m")
    assert response_key(identity, "hf", "p", sampling, request()) == response_key(identity, "hf", "p", more, request())


@given(run_seed=st.integers(0, 2**60), probe=TEXT, sample=st.integers(0, 99))
def test_a_request_seed_fits_every_engine_and_depends_on_its_arguments(run_seed: int, probe: str, sample: int) -> None:
    seed = request_seed(run_seed, probe, sample)
    assert 0 <= seed < 2**31
    assert seed == request_seed(run_seed, probe, sample)
    near = {request_seed(run_seed + 1, probe, sample), request_seed(run_seed, probe, sample + 1)}
    assert len(near | {seed, request_seed(run_seed, probe + "x", sample)}) >= 3


def test_no_number_is_neither_written_nor_read(run: RunDirectory) -> None:
    """A probability of zero has the logarithm −∞, for which JSON has no word."""
    zero = ({"a": -0.5, "b": float("-inf")}, {"c": float("nan")})
    path = fill(run, replace(response(), logprobs=zero, latency_s=float("nan")))
    assert not {"NaN", "Infinity"} & set(re.findall(r"[A-Za-z]+", path.read_text()))
    (found,) = run.responses("m")
    assert list(found.logprobs or ()) == [{"a": -0.5}, {}]
    assert found.latency_s is None
    with path.open("a") as file:  # as another program writes it
        line = asdict(response(1, text="It is NaN.")) | {"logprobs": [{"a": float("-inf"), "b": -1.0}]}
        file.write(json.dumps(line) + "\n")
    other = run.responses("m")[1]
    assert (other.text, list(other.logprobs or ())) == ("It is NaN.", [{"b": -1.0}])

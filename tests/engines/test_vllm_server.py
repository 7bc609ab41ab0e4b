"""The server process: how it is called, how it fails, and that nothing of it is ever left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mimicry_audit.engines import vllm_command
from mimicry_audit.engines.fingerprint import Weights
from mimicry_audit.engines.options import with_defaults
from mimicry_audit.engines.vllm import VllmEngine
from mimicry_audit.engines.vllm_server import ServerProcess, _group_lives, port_free
from mimicry_audit.ground.errors import ConfigError, EngineError
from mimicry_audit.records.asked import Message, ModelSpec, Request, Sampling
from tests.support.engine_fixtures import TinyModels

PLAIN = Path(__file__).parents[1] / "support" / "plain_server.py"
HUB = Weights("org/model", "org/model", "abc123", "abc123")
ROOT = Path(__file__).parents[2]


def plain(mode: str, **more: Any) -> ServerProcess:
    return ServerProcess(
        lambda port: [sys.executable, str(PLAIN), str(port), mode], name=f"org/{mode}", environment=os.environ, **more
    )


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true before a patience that only a hanging test uses up."""
    deadline = time.monotonic() + 120
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def members(group: int) -> list[tuple[int, str]]:
    """Living processes of a group, with their command lines."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, its_group = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append((int(folder.name), (folder / "cmdline").read_text(errors="replace")))
        except (OSError, ValueError):
            continue
    return found


def command(cpu: bool = False, adapter: Weights | None = None, **options: Any) -> list[str]:
    values = with_defaults(vllm_command.OPTIONS, options)
    return vllm_command.arguments(HUB, adapter, values, port=1234, served="m", template=None, cpu=cpu)


def after(words: list[str], flag: str) -> str | None:
    return words[words.index(flag) + 1] if flag in words else None


def test_the_command_line_leaves_no_default_to_the_model() -> None:
    words = command()
    assert words[0] == sys.executable
    assert "org/model" in words
    expected = {
        "--generation-config": "vllm",
        "--host": "127.0.0.1",
        "--port": "1234",
        "--seed": "0",
        "--dtype": "auto",
        "--revision": "abc123",
        "--tokenizer-revision": "abc123",
        "--served-model-name": "m",
        "--gpu-memory-utilization": "0.9",
        "--tensor-parallel-size": None,
        "--max-model-len": None,
    }
    assert {flag: after(words, flag) for flag in expected} == expected
    assert not {"--enforce-eager", "--trust-remote-code", "--enable-lora"} & set(words)


def test_options_reach_the_command_line() -> None:
    sizes = {"tensor_parallel_size": 4, "data_parallel_size": 2, "max_model_len": 4096}
    switches = {"enforce_eager": True, "trust_remote_code": True, "extra_args": ["--swap-space", "1"]}
    words = command(quantization="fp8", dtype="bfloat16", **sizes, **switches)
    assert [after(words, flag) for flag in ("--tensor-parallel-size", "--data-parallel-size", "--max-model-len")] == [
        "4",
        "2",
        "4096",
    ]
    assert (after(words, "--quantization"), after(words, "--dtype")) == ("fp8", "bfloat16")
    assert {"--enforce-eager", "--trust-remote-code"} <= set(words)
    assert words[-2:] == ["--swap-space", "1"]
    on_cpu = command(cpu=True)
    assert after(on_cpu, "--dtype") == "float32"
    assert "--enforce-eager" in on_cpu
    assert "--gpu-memory-utilization" not in on_cpu
    assert "--enforce-eager" not in command(cpu=True, enforce_eager=False)
    whole_prompts = ["--no-enable-chunked-prefill", "--no-enable-prefix-caching"]  # a GPU keeps vLLM's own choice
    assert [word for word in on_cpu if word in whole_prompts] == whole_prompts
    assert not set(whole_prompts) & set(words)


def test_an_adapter_is_asked_by_the_served_name() -> None:
    words = command(adapter=Weights("lora", "/models/lora", None, "sha256:0"))
    assert after(words, "--lora-modules") == "m=/models/lora"
    assert after(words, "--served-model-name") == "base-of-m"
    assert after(words, "--max-lora-rank") == "16"


def test_the_environment_holds_no_key_and_reports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("VLLM_API_KEY", "sk-2")
    made = vllm_command.environment(
        with_defaults(vllm_command.OPTIONS, {"kv_cache_gib": 3, "batch_invariant": True}), cpu=True
    )
    assert not {"sk-1", "sk-2"} & set(made.values())
    assert {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "3",
        "VLLM_BATCH_INVARIANT": "1",
    }.items() <= made.items()


def test_stop_takes_the_whole_family_and_frees_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    server = plain("family")
    server.start()
    group, port = server.pid, server.port
    assert group is not None
    assert eventually(lambda: len(members(group)) == 3)
    server.check()
    monkeypatch.setattr(
        "mimicry_audit.engines.vllm_server.STOP_SECONDS", 1.0
    )  # the stubborn child would use up the guard's patience
    server.stop()
    assert not members(group)
    assert port_free(port)
    assert server.pid is None
    server.stop()


def test_a_server_that_does_not_start_shows_its_log_and_the_mend(tmp_path: Path) -> None:
    server = plain("dies", log_dir=str(tmp_path / "logs"))
    with pytest.raises(EngineError) as caught:
        server.start()
    assert caught.value.problem == (
        "the server for org/dies did not start; its log ends: ValueError: Free memory on device cuda:0 is less than "
        "desired GPU memory utilization | the server ended with exit status 1"
    )
    assert caught.value.fix.startswith("another process holds GPU memory")
    assert "ValueError" in (tmp_path / "logs" / "org-dies.log").read_text()
    assert server.pid is None


def test_a_server_that_never_gets_ready_is_given_up() -> None:
    server = plain("silent", start_timeout=0.5)
    with pytest.raises(EngineError, match=r"was not ready after 0\.5 s.*Wait longer with start_timeout=N"):
        server.start()
    assert server.pid is None


def test_a_log_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"log folder .* cannot be written"):
        plain("well", log_dir=str(tmp_path / "file" / "logs")).start()


def test_a_guard_that_is_killed_takes_nothing_with_it_that_stop_does_not_find() -> None:
    server = plain("well")
    server.start()
    group = server.pid
    assert group is not None
    os.kill(group, signal.SIGKILL)
    assert eventually(lambda: len(members(group)) == 1)
    with pytest.raises(EngineError, match="died while answering"):
        server.check()
    server.stop()
    assert not members(group)


def test_a_server_that_closed_its_port_but_has_not_ended_is_told_as_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    server = plain("well")
    server.start()
    group = server.pid
    assert group is not None
    server.check_listening()
    os.kill(group, signal.SIGSTOP)  # the guard does not notice, as while a server takes its time to end
    for pid, words in members(group):
        if "guard.py" not in words:
            os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: port_free(server.port))
    server.check()
    monkeypatch.setattr("mimicry_audit.engines.vllm_server.STOP_SECONDS", 0.5)
    with pytest.raises(EngineError, match="the server for org/well died while answering; its log ends:"):
        server.check_listening()
    server.stop()
    assert not members(group)


def test_a_server_that_dies_of_a_seed_on_a_cpu_says_so() -> None:
    server = plain("well")
    server.start()
    group = server.pid
    assert group is not None
    with server.log.open("a") as log:
        log.write(
            "(EngineCore pid=7) ERROR 01-02 03:04:05 [core.py:1] RuntimeError: CPU Generator does not use offset\n"
        )
    os.kill(group, signal.SIGKILL)
    assert eventually(lambda: len(members(group)) == 1)
    with pytest.raises(EngineError) as caught:
        server.check()
    server.stop()
    assert caught.value.problem.endswith("its log ends: RuntimeError: CPU Generator does not use offset")
    assert caught.value.fix.startswith("on a CPU a seed needs whole prompts: leave --enable-chunked-prefill")


PARENT = """
    import os, sys, time
    {make}
    server.start() if {wait} else server._launch_process()
    print(server.pid, flush=True)
    time.sleep(600)
"""


def orphaned(make: str, wait: bool, ready: Callable[[int], bool]) -> int:
    """Start a server in a process of its own, kill that process without warning, and return the server's group."""
    script = textwrap.dedent(PARENT).format(make=textwrap.dedent(make), wait=wait)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    with parent:
        group = int(parent.stdout.readline())
        assert eventually(lambda: ready(group))
        parent.kill()
    return group


def test_no_server_outlives_a_killed_parent() -> None:
    make = f"""
from mimicry_audit.engines.vllm_server import ServerProcess
command = lambda port: [sys.executable, {str(PLAIN)!r}, str(port), "well"]
server = ServerProcess(command, name="m", environment=os.environ)
"""
    group = orphaned(make, True, lambda group: len(members(group)) == 2)
    assert eventually(lambda: not _group_lives(group))


def test_no_vllm_process_outlives_a_killed_parent(tiny_models: TinyModels) -> None:
    make = f"""
from mimicry_audit.engines.fingerprint import find
from mimicry_audit.engines.options import with_defaults
from mimicry_audit.engines.vllm_command import OPTIONS, arguments, environment
from mimicry_audit.engines.vllm_server import ServerProcess
values, weights = with_defaults(OPTIONS, {{"kv_cache_gib": 1}}), find({str(tiny_models.two)!r}, None)
command = lambda port: arguments(weights, None, values, port=port, served="m", template=None, cpu=True)
server = ServerProcess(command, name="m", environment=environment(values, cpu=True))
"""
    # The guard, the server and at least its engine process: enough of them to leave some behind.
    group = orphaned(make, False, lambda group: len(members(group)) >= 4)
    assert eventually(lambda: not _group_lives(group))


def test_an_unknown_architecture_is_told(tiny_models: TinyModels, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_models.one, tmp_path / "odd")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["NoSuchForCausalLM"]}))
    engine = VllmEngine(ModelSpec(label="odd", engine="vllm", name=str(folder), options={"kv_cache_gib": 1}))
    with pytest.raises(EngineError) as caught:
        engine.open()
    assert "the server for odd did not start; its log ends:" in caught.value.problem
    assert "NoSuchForCausalLM" in caught.value.problem
    assert caught.value.fix.startswith("this vLLM does not know the model's architecture")
    assert engine.server is None


def test_a_killed_vllm_ends_the_run_and_close_leaves_nothing(tiny_models: TinyModels) -> None:
    engine = VllmEngine(
        ModelSpec(
            label="two",
            engine="vllm",
            name=str(tiny_models.two),
            options={"kv_cache_gib": 1, "max_concurrency": 2, "retry_wait": 0.05},
        )
    )
    with engine:
        assert engine.server is not None
        group, port = engine.server.pid, engine.server.port
        assert group is not None
        requests = [Request(f"p/{n}", 0, (Message("user", "hello"),), n) for n in range(200)]
        answers = engine.generate(requests, Sampling(max_tokens=300, temperature=1.0))
        next(answers)
        for pid, words in members(group):
            if "guard.py" not in words:
                os.kill(pid, signal.SIGKILL)
        with pytest.raises(EngineError, match="the server for two died while answering; its log ends:"):
            list(answers)
    assert engine.server is None
    assert not members(group)
    assert port_free(port)

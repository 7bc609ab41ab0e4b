"""A model server as a process of its own: started, waited for, watched and taken down.

Promise: `start` returns when the server answers, or raises `EngineError` with the end of its log and the likely fix;
`stop` returns when every process of it is gone and its port is free. The server dies with this process, however
this process dies (`guard`), and is taken down at interpreter exit. Several servers can run side by side.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from mimicry_audit.ground.errors import ConfigError, EngineError

GUARD = Path(__file__).with_name("guard.py")
STOP_SECONDS = 20.0
_TAIL_LINES = 12
_TAIL_WIDTH = 240
_TELLING = re.compile(r"\b\w*(?:Error|Exception)\b:|\berror[:,]|exit status", re.IGNORECASE)
_CHATTER = re.compile(r"\b(?:DEBUG|INFO|WARNING) \S+ \S+ \[")

_MENDS: tuple[tuple[str, str], ...] = (
    (
        r"No available memory for the cache blocks|KV cache is needed|larger than the available KV cache",
        "lower max_model_len=N, or give more with gpu_memory_utilization=0.95 (GPU) or kv_cache_gib=N (CPU)",
    ),
    (
        r"Free memory on device|less than desired GPU memory utilization",
        "another process holds GPU memory: end it, or lower gpu_memory_utilization=0.5",
    ),
    (
        r"CUDA out of memory|OutOfMemoryError|Cannot allocate memory|std::bad_alloc",
        "lower gpu_memory_utilization, max_model_len or max_num_seqs, or raise tensor_parallel_size",
    ),
    (
        r"architectures? .* (?:not|are not) supported|not supported for now|does not recognize this architecture",
        "this vLLM does not know the model's architecture: try a newer vllm, or the hf engine",
    ),
    (
        r"trust_remote_code=True|--trust-remote-code",
        "the model brings its own code: read it, then allow it with trust_remote_code=true",
    ),
    (
        r"No CUDA GPUs are available|no CUDA-capable device|Failed to infer device type|driver version is insufficient",
        "vLLM found no usable GPU: check the driver, or use the hf engine with device=cpu",
    ),
    (
        r"divisible by tensor parallel|World size .* is larger than|number of GPUs",
        "choose another tensor_parallel_size",
    ),
    (
        r"unrecognized arguments|invalid choice",
        "this vLLM does not know one of the arguments: check extra_args",
    ),
    (
        r"Generator does not use offset",
        "on a CPU a seed needs whole prompts: leave --enable-chunked-prefill and --enable-prefix-caching out of extra_args, "
        "or use --temperature 0",
    ),
    (r"Bfloat16 is only supported|does not support bfloat16", "use dtype=float16"),
)
"""What a log says, and what helps."""


class ServerProcess:
    """One server.

    Args:
        command: builds the argument list for a port.
        name: what it serves, for messages and the log's file name.
        environment: the server's whole environment.
        log_dir: folder for the log; a temporary one, removed with the server, by default.
        start_timeout: seconds to wait for the first healthy answer.
    """

    def __init__(
        self,
        command: Callable[[int], list[str]],
        *,
        name: str,
        environment: Mapping[str, str],
        log_dir: str | None = None,
        start_timeout: float = 900.0,
    ) -> None:
        self._command = command
        self._name = name
        self._environment = dict(environment)
        self._log_dir = log_dir
        self._start_timeout = start_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._temporary: str | None = None
        self.log = Path()
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The guard's process id, which is also the group's; None when it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start, and wait until healthy. A port lost to another process between choosing and binding is replaced."""
        for last in (False, True):
            self._launch_process()
            try:
                self._wait_healthy()
            except BaseException as error:
                port_taken = "address already in use" in self._log_tail().lower()
                self.stop()
                if last or not port_taken or not isinstance(error, EngineError):
                    raise
            else:
                return

    def check(self) -> None:
        """Raise when the server has died since `start`."""
        if self._process is None or self._process.poll() is not None:
            raise self._death_error("died while answering")

    def check_listening(self) -> None:
        """Raise when the server no longer listens: a dying one closes its port first and may take seconds to end."""
        self.check()
        if port_free(self.port):
            assert self._process is not None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)  # its last words are in the log only then
            raise self._death_error("died while answering")

    def stop(self) -> None:
        """Take every process of the server down and wait until its port is free."""
        process, self._process = self._process, None
        if process is None:
            return
        atexit.unregister(self.stop)
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _kill_group(process.pid)
            process.wait()
        _wait_until(lambda: not _group_lives(process.pid) and port_free(self.port), STOP_SECONDS)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    def _launch_process(self) -> None:
        self.port = free_port()
        folder = self._log_dir
        if folder is None:
            folder = self._temporary = self._temporary or tempfile.mkdtemp(prefix="mimicry-audit-server-")
        slug = re.sub(r"[^\w.-]+", "-", self._name).strip("-.") or "server"
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.log = Path(folder) / f"{slug}.log"
            log = self.log.open("wb")
        except OSError as error:
            raise ConfigError(
                f"the log folder {folder} cannot be written ({error.strerror})", "choose another log_dir"
            ) from None
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), *self._command(self.port)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        atexit.register(self.stop)

    def _wait_healthy(self) -> None:
        import httpx

        deadline = time.monotonic() + self._start_timeout
        with httpx.Client(timeout=5.0, trust_env=False) as http:
            while time.monotonic() < deadline:
                assert self._process is not None
                if self._process.poll() is not None:
                    raise self._death_error("did not start")
                with contextlib.suppress(httpx.TransportError):
                    if http.get(f"{self.url}/health").status_code == 200:
                        return
                time.sleep(0.2)
        raise EngineError(
            f"the server for {self._name} was not ready after {self._start_timeout:g} s; its log ends: {self._log_tail()}",
            "wait longer with start_timeout=N",
        )

    def _death_error(self, how: str) -> EngineError:
        tail = self._log_tail()
        log_text = _read_log_end(self.log)
        fix = next((fix for pattern, fix in _MENDS if re.search(pattern, log_text, re.IGNORECASE)), "")
        where = f"the whole log is {self.log}" if self._log_dir else "keep the whole log with log_dir=FOLDER"
        return EngineError(
            f"the server for {self._name} {how}; its log ends: {tail}", f"{fix}; {where}" if fix else where
        )

    def _log_tail(self) -> str:
        """The log's last informative lines: errors where there are any, without tracebacks' frames."""
        lines = [line.strip() for line in _read_log_end(self.log).splitlines() if line.strip()]
        telling = [line for line in lines if _TELLING.search(line) and not _CHATTER.search(line)]
        tail_lines = list(dict.fromkeys(_strip_log_prefix(line)[:_TAIL_WIDTH] for line in (telling or lines)))[
            -_TAIL_LINES:
        ]
        return " | ".join(tail_lines)[-1500:] or "(empty)"


def free_port() -> int:
    """A port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_free(port: int) -> bool:
    """Whether a local port is free."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _read_log_end(log: Path) -> str:
    """The last megabyte of a log."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 2**20))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _strip_log_prefix(line: str) -> str:
    """A log line without its process tag, level, time and place."""
    return re.sub(r"^(\(\w+ pid=\d+\)\s*)?((INFO|WARNING|ERROR)\s+\S+ \S+ \[[^\]]*\]\s*)?", "", line)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS answers so for a group of zombies
        return False
    return True


def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)

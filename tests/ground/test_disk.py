"""A full disk is told in one line, whichever library met it, and nothing else is taken for one."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from mimicry_audit.ground import disk
from mimicry_audit.ground.errors import ConfigError, RunDirectoryError
from mimicry_audit.records.run import RunDirectory
from tests.support.commands import environment

WRITERS = {
    "python": "open(path, 'wb').write(bytes(100_000))",
    "buffered": "open(path, 'w').write('x' * 100_000)",
    "safetensors": "import torch, safetensors.torch as s; s.save_file({'x': torch.zeros(30_000)}, path)",
    "torch": "import torch; torch.save({'x': torch.zeros(30_000), 'y': torch.zeros(30_000)}, path)",
}  # fmt: skip
SCRIPT = """
import resource, sys
from pathlib import Path
from mimicry_audit.ground.errors import RunDirectoryError
from mimicry_audit.records.run import RunDirectory
folder = Path(sys.argv[1])
path = str(folder / "file")
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
try:
    with RunDirectory(folder).locked():
        exec(sys.argv[2])
except RunDirectoryError as error:
    print(error)
"""


@pytest.mark.parametrize("writer", WRITERS)
def test_whoever_meets_a_full_disk(writer: str, tmp_path: Path) -> None:
    """The system itself refuses to let a file grow; each library says so in its own way."""
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), WRITERS[writer]]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert done.stdout == (
        f"cannot write {tmp_path}: no space left on device. "
        "Free some space and run the same command again: nothing collected is lost\n"
    ), done.stderr


@pytest.mark.parametrize(
    "wrong", [ValueError("x"), RuntimeError("out of memory"), OSError(errno.EIO, "broken"), KeyError("k")]
)
def test_other_errors_stay_what_they_are(wrong: Exception, tmp_path: Path) -> None:
    with pytest.raises(type(wrong)) as caught, RunDirectory(tmp_path).locked():
        raise wrong
    assert caught.value is wrong


def test_our_own_errors_are_not_told_twice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no space left on device"), disk.reports_full_disk(tmp_path):
        raise ConfigError("no space left on device")


def test_a_cause_further_down_counts(tmp_path: Path) -> None:
    def write() -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError:
            raise RuntimeError("the writer gave up") from None

    with pytest.raises(RunDirectoryError, match="no space left"), disk.reports_full_disk(tmp_path):
        write()

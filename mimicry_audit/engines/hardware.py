"""What this machine can run on, found without importing torch.

Promise: cheap enough for ``audit models`` and ``identify``; the engine itself still checks with torch or vLLM when
it opens, and says so when the two disagree.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path


def cuda_visible() -> bool:
    """Whether an NVIDIA GPU is present and not hidden by ``CUDA_VISIBLE_DEVICES``."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in {"", "-1"}:
        return False
    cards = Path("/proc/driver/nvidia/gpus")
    return (
        (cards.is_dir() and any(cards.iterdir())) or any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()
    )


def torch_device() -> str:
    """The device that transformers would use: ``cuda``, ``mps`` or ``cpu``."""
    if cuda_visible() and "+cpu" not in (version_of("torch") or "+cpu"):
        return "cuda"
    return "mps" if platform.system() == "Darwin" and platform.machine() == "arm64" else "cpu"


def memory_available_gib() -> float | None:
    """Memory that can be taken without swapping, None where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) / 2**20
    except OSError:
        pass
    return None


def version_of(*distributions: str) -> str | None:
    """The version of the first of these distributions that is installed."""
    for name in distributions:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None

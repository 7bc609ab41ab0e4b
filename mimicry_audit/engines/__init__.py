"""Engines: everything that can answer a probe, behind one contract (`mimicry_audit.engines.base`)."""

from __future__ import annotations

from mimicry_audit.engines.base import Engine
from mimicry_audit.engines.names import parse_model, parse_models
from mimicry_audit.engines.registry import EngineInfo, default_engine, engine_for, engines

__all__ = ["Engine", "EngineInfo", "default_engine", "engine_for", "engines", "parse_model", "parse_models"]

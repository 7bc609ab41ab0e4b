"""The errors under a name for ``except``; they are defined in `mimicry_audit.ground.errors`."""

from mimicry_audit.ground.errors import (
    AuditError,
    ConfigError,
    DataError,
    EngineError,
    PrerequisiteError,
    ProbeError,
    RunDirectoryError,
)

__all__ = [
    "AuditError",
    "ConfigError",
    "DataError",
    "EngineError",
    "PrerequisiteError",
    "ProbeError",
    "RunDirectoryError",
]

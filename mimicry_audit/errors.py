"""The errors, for ``except``: ``from mimicry_audit.errors import AuditError``. They are defined in `mimicry_audit.ground.errors`."""

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

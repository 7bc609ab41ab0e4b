"""Who is notified of the progress of asking.

Promise: nothing here decides anything; a run asks the same with or without a listener.
"""

from __future__ import annotations

from typing import Protocol


class Landed(Protocol):
    """What has been journalled, as far as progress goes."""

    @property
    def status(self) -> str:
        """How it went."""

    @property
    def error(self) -> str | None:
        """Why the answer is missing."""


class Progress(Protocol):
    """Who wants to know how far asking has come."""

    def start(self, label: str, total: int, missing: int) -> None:
        """Asking a model begins; `missing` of `total` answers are missing."""

    def note(self, label: str, text: str) -> None:
        """Something slow is going on (a server starting)."""

    def advance(self, label: str, response: Landed) -> None:
        """One answer has been journalled."""

    def finish(self, label: str) -> None:
        """The model is done."""


class Silent:
    """A `Progress` that says nothing."""

    def start(self, label: str, total: int, missing: int) -> None: ...  # noqa: D102
    def note(self, label: str, text: str) -> None: ...  # noqa: D102
    def advance(self, label: str, response: Landed) -> None: ...  # noqa: D102
    def finish(self, label: str) -> None: ...  # noqa: D102

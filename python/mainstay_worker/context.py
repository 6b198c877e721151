"""What a tool knows of the call it serves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Context:
    """What a tool knows of the call it serves. Ask for it with a parameter annotated `Context`."""

    def __init__(
        self,
        *,
        idempotency_key: str,
        attempt: int,
        left: float,
        run_id: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes what came with the call; `left` is in seconds from now."""
        self.idempotency_key = idempotency_key
        """What others recognise a repeat by: the same for every attempt. Send it along."""
        self.attempt = attempt
        """Which try this is, from 1."""
        self.run_id = run_id
        """The run."""
        self._clock = clock
        self._deadline = clock() + left
        self._cancelled = threading.Event()

    @property
    def deadline(self) -> float:
        """How many seconds the caller still waits; not below 0. Nothing may take effect after."""
        return max(0.0, self._deadline - self._clock())

    def cancelled(self) -> bool:
        """Returns whether nobody waits any more: stop, and leave no half-done work."""
        return self._cancelled.is_set() or self.deadline == 0.0

    def wait_cancelled(self, seconds: float) -> bool:
        """Waits, but not longer than anybody waits for the call; returns `cancelled()`."""
        self._cancelled.wait(min(seconds, self.deadline))
        return self.cancelled()

    def cancel(self) -> None:
        """Says that nobody waits any more."""
        self._cancelled.set()

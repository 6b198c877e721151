"""The calls in hand: their leases, and the thread that keeps them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .client import Client, Rejected, Unreachable
from .context import Context

log = logging.getLogger("mainstay_worker")


@dataclass
class Held:
    """A call in hand."""

    context: Context
    lease: float
    until: float


class Hand:
    """The calls in hand. A thread sends heartbeats for them, three in a lease."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        """Takes who sends the heartbeats."""
        self._client = client
        self._clock = clock
        self._held: dict[str, Held] = {}
        self._change = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._beat_always, name="heartbeat", daemon=True)

    def open(self) -> None:
        """Starts the heartbeats."""
        self._thread.start()

    def close(self) -> None:
        """Ends the heartbeats."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._thread.join()

    def take(self, call: str, context: Context, lease: float) -> None:
        """Takes a call."""
        with self._change:
            self._held[call] = Held(context, lease, self._clock() + lease)
            self._change.notify_all()

    def put_down(self, call: str) -> None:
        """Lets go of a call that is answered, or is answered no more."""
        with self._change:
            self._held.pop(call, None)
            self._change.notify_all()

    def count(self) -> int:
        """Returns how many calls are in hand."""
        with self._change:
            return len(self._held)

    def context_of(self, call: str) -> Context | None:
        """Returns what a tool is told of a call in hand."""
        with self._change:
            held = self._held.get(call)
            return None if held is None else held.context

    def is_own(self, call: str) -> bool:
        """Returns whether an answer to the call can still count."""
        with self._change:
            held = self._held.get(call)
            return held is not None and self._clock() < held.until

    def wait_below(self, most: int) -> None:
        """Waits until fewer calls are in hand."""
        with self._change:
            self._change.wait_for(lambda: len(self._held) < most)

    def _beat_always(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._closed or self._held)
                if self._closed:
                    return
                pause = min(held.lease for held in self._held.values()) / 3
                self._change.wait_for(lambda: self._closed, timeout=pause)
                calls = list(self._held)
            if calls:
                self.beat(calls, pause)

    def beat(self, calls: list[str], timeout: float) -> None:
        """Sends one heartbeat for these calls."""
        sent = self._clock()
        try:
            told = self._client.heartbeat(calls[:256], max(1.0, timeout))
        except Unreachable as error:
            log.warning("a heartbeat did not arrive: %s", error)
            self._lapse()
            return
        except Rejected as error:
            log.error("heartbeats are refused: %s", error)
            self._lapse()
            return
        with self._change:
            for call in told.get("held", []):
                if held := self._held.get(call):
                    # Counted from before it was sent: never longer than the other side counts.
                    held.until = sent + held.lease
        for call in [*told.get("cancelled", []), *told.get("lost", [])]:
            self._give_up(call, "nobody waits for call %s any more")

    def _lapse(self) -> None:
        with self._change:
            now = self._clock()
            lapsed = [call for call, held in self._held.items() if held.until <= now]
        for call in lapsed:
            self._give_up(call, "the lease of call %s lapsed")

    def _give_up(self, call: str, why: str) -> None:
        with self._change:
            held = self._held.get(call)
            if held is None:
                return
            held.until = self._clock()
        if not held.context.cancelled():
            log.warning(why, call)
        held.context.cancel()

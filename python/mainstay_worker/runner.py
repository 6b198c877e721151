"""The loop: poll, carry out, answer; and a stop that finishes what is in hand."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .client import Backoff, Client, Rejected, Unreachable
from .context import Context
from .failures import Failure, Retryable
from .hand import Hand
from .served import Kind, Served

log = logging.getLogger("mainstay_worker")

POLL_WAIT = 5.0
"""Seconds a poll waits: also the longest until a stop is noticed."""


class Runner:
    """Serves until told to stop."""

    def __init__(
        self,
        client: Client,
        served: Mapping[str, Served],
        concurrency: int,
        poll_wait: float = POLL_WAIT,
    ) -> None:
        """Takes who speaks, what is served, and how many calls at once."""
        self._client = client
        self._served = served
        self._concurrency = concurrency
        self._poll_wait = poll_wait
        self._hand = Hand(client)
        self._stop = threading.Event()

    def stop(self) -> None:
        """Takes no new call from now on; `run` returns when those in hand are answered."""
        self._stop.set()

    def stop_on_signals(self) -> None:
        """Stops on SIGTERM and SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())

    def run(self) -> None:
        """Serves. Raises `Rejected` if this worker may not serve what it offers."""
        self._hand.open()
        try:
            with ThreadPoolExecutor(self._concurrency, "call") as pool:
                self._take_always(lambda call: pool.submit(self.carry_out, call))
        finally:
            self._hand.close()

    def _take_always(self, begin: Callable[[dict[str, Any]], object]) -> None:
        tools, steps = self._offers("tool"), self._offers("step")
        backoff = Backoff()
        while not self._stop.is_set():
            self._hand.wait_below(self._concurrency)
            free = self._concurrency - self._hand.count()
            try:
                calls = self._client.poll(tools, steps, free, self._poll_wait)
            except Unreachable as error:
                wait = backoff.next()
                log.warning("no poll: %s; the next in %.1f s", error, wait)
                self._stop.wait(wait)
                continue
            backoff.reset()
            for call in calls:
                self._hand.take(call["id"], _context(call), call["lease_ms"] / 1000)
                begin(call)

    def _offers(self, kind: Kind) -> list[dict[str, Any]]:
        return [served.offer() for served in self._served.values() if served.kind == kind]

    def carry_out(self, call: dict[str, Any]) -> None:
        """Makes one attempt at a call, and answers it."""
        name = call["id"]
        try:
            self._answer(name, self._attempt(call))
        except Rejected as error:
            log.error("the answer to call %s is refused: %s", name, error)
        except Exception:
            log.exception("call %s is not answered", name)
        finally:
            self._hand.put_down(name)

    def _attempt(self, call: dict[str, Any]) -> str | Failure:
        context = self._hand.context_of(call["id"])
        kind: Kind = "step" if "step" in call else "tool"
        name = call[kind]
        served = self._served.get(name)
        try:
            if self._stop.is_set():
                raise Retryable("the worker is stopping")
            if context is None or context.cancelled() or served is None or served.kind != kind:
                raise Retryable("the call came too late, or to the wrong worker")
            return served.call(call["arguments"], context)
        except Exception as error:
            log.info("call %s of %s %s failed: %r", call["id"], kind, name, error)
            return Failure.of(error)

    def _answer(self, call: str, answer: str | Failure) -> None:
        """Sends an answer until it has arrived or cannot count any more. Only the answer is sent
        again, never the call."""
        backoff = Backoff(base=0.1, ceiling=2.0)
        while self._hand.is_own(call):
            try:
                if isinstance(answer, Failure):
                    self._client.fail(call, answer.document())
                else:
                    self._client.complete(call, answer)
                return
            except Unreachable as error:
                log.warning("the answer to call %s did not arrive: %s", call, error)
                threading.Event().wait(backoff.next())
            except Rejected as error:
                if error.status != 413 or isinstance(answer, Failure):
                    raise
                answer = Failure(str(error), retryable=False, took_effect="unknown")
        log.error("call %s takes no answer any more", call)


def _context(call: dict[str, Any]) -> Context:
    return Context(
        idempotency_key=call["idempotency_key"],
        attempt=call["attempt"],
        left=call["left_ms"] / 1000,
        run_id=call["run_id"],
    )

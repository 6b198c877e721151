"""The protocol over HTTP. A connection serves one message, so none is ever half alive."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

_LARGEST_ANSWER = 128 << 20


class Unreachable(Exception):
    """The message may or may not have arrived, or may be taken later."""


class Rejected(Exception):
    """The message was refused, and would be again."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        """Takes the status and the problem document."""
        self.status = status
        self.code = str(problem.get("code", ""))
        hint = problem.get("hint", "")
        super().__init__(f"{self.code}: {problem.get('detail', status)} ({hint})")


class Client:
    """Sends messages in the name of a worker."""

    def __init__(self, url: str, worker: str, token: str | None) -> None:
        """Takes the address of `mainstay worker`, the worker's name, and its token."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is no address such as http://127.0.0.1:7373")
        self._parts = parts
        self._worker = worker
        self._headers = {"content-type": "application/json", "connection": "close"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"

    def poll(
        self,
        tools: list[dict[str, Any]],
        steps: list[dict[str, Any]],
        take: int,
        wait: float,
    ) -> list[dict[str, Any]]:
        """Asks for calls, and waits so many seconds for the first."""
        message: dict[str, Any] = {"tools": tools, "take": take, "wait_ms": round(wait * 1000)}
        if steps:
            message["steps"] = steps
        calls = self._send("poll", message, wait + 15)["calls"]
        return list(calls)

    def heartbeat(self, calls: list[str], timeout: float) -> dict[str, list[str]]:
        """Renews leases. Returns which calls are held, cancelled and lost."""
        told: dict[str, list[str]] = self._send("heartbeat", {"calls": calls}, timeout)
        return told

    def complete(self, call: str, result: str) -> None:
        """Sends a result, given as JSON text."""
        fixed = json.dumps({"worker": self._worker, "call": call})
        self._post("complete", f'{fixed[:-1]}, "result": {result}}}', 30)

    def fail(self, call: str, failure: dict[str, object]) -> None:
        """Sends a failure."""
        self._send("fail", {"call": call, "failure": failure}, 30)

    def _send(self, what: str, message: dict[str, Any], timeout: float) -> Any:
        return self._post(what, json.dumps({"worker": self._worker, **message}), timeout)

    def _post(self, what: str, body: str, timeout: float) -> Any:
        secure = self._parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=timeout)
        path = f"{self._parts.path.rstrip('/')}/v1/work:{what}"
        try:
            connection.request("POST", path, body.encode(), self._headers)
            response = connection.getresponse()
            return _read(response.status, response.read(_LARGEST_ANSWER))
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()


def _read(status: int, body: bytes) -> Any:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise Unreachable(f"status {status}, and an answer that is no JSON") from error
    if status == 200:
        return document
    problem = document if isinstance(document, dict) else {}
    rejected = Rejected(status, problem)
    if status >= 500 or status == 429 or problem.get("retryable") is True:
        raise Unreachable(str(rejected))
    raise rejected


class Backoff:
    """Waits with full jitter: uniform between nothing and a ceiling that doubles."""

    def __init__(
        self,
        base: float = 0.5,
        ceiling: float = 30.0,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Takes the first ceiling and the last, in seconds."""
        self._base = base
        self._ceiling = ceiling
        self._uniform = uniform
        self._failures = 0

    def next(self) -> float:
        """Returns how long to wait after one more failure."""
        ceiling = min(self._ceiling, self._base * 2 ** min(self._failures, 16))
        self._failures += 1
        return self._uniform(0.0, ceiling)

    def reset(self) -> None:
        """Begins anew after a success."""
        self._failures = 0

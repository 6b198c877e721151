"""What an author writes: a worker, and functions that become its tools and its steps."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from .client import Client
from .runner import Runner
from .served import Effect, Kind, Said, Served

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_URL = "http://127.0.0.1:7373"


class Worker:
    """A worker: its name in `[workers.NAME]`, its tools and its steps."""

    def __init__(self, name: str, *, concurrency: int = 8) -> None:
        """Takes the worker's name, and how many calls it carries out at once."""
        if concurrency < 1:
            raise ValueError("a worker takes at least one call at once")
        self.name = name
        self._concurrency = min(concurrency, 64)
        self._served: dict[str, Served] = {}

    def tool(
        self,
        *,
        effect: Effect = "at_most_once",
        key_valid_for: str | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> Callable[[F], F]:
        """Makes a typed function a tool.

        Without an effect it is taken for the worst: it acts at most once, and a call that was lost
        goes before a person. `key_valid_for` is for how long an idempotent tool recognises a repeat
        by its key: `"24h"`, `"forever"`. The description is the docstring.
        """
        return self._serve(Said("tool", effect, key_valid_for, name, description))

    def step(
        self,
        *,
        effect: Effect = "at_most_once",
        key_valid_for: str | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> Callable[[F], F]:
        """Makes a typed function the code of a flow's step.

        Its parameters are those of the step in the flow, by name. All else is as for a tool, but
        nothing calls it except that step: no agent, no plan.
        """
        return self._serve(Said("step", effect, key_valid_for, name, description))

    def _serve(self, said: Said) -> Callable[[F], F]:
        def take_in(function: F) -> F:
            served = Served.of(function, said)
            if other := self._served.get(served.name):
                raise ValueError(f"there is a {other.kind} `{served.name}` already")
            self._served[served.name] = served
            return function

        return take_in

    def manifest(self) -> dict[str, Any]:
        """Returns what the configuration declares of this worker."""

        def of(kind: Kind) -> list[dict[str, Any]]:
            named = sorted(self._served.items())
            return [served.manifest() for _, served in named if served.kind == kind]

        steps = of("step")
        return {"tools": of("tool"), **({"steps": steps} if steps else {})}

    def runner(self, url: str | None = None, token: str | None = None) -> Runner:
        """Returns what serves: at `url` or `MAINSTAY_URL`, with `token` or
        `MAINSTAY_WORKER_TOKEN`."""
        url = url or os.environ.get("MAINSTAY_URL") or DEFAULT_URL
        token = token or os.environ.get("MAINSTAY_WORKER_TOKEN") or None
        return Runner(Client(url, self.name, token), self._served, self._concurrency)

    def run(self, url: str | None = None, token: str | None = None) -> None:
        """Serves until SIGTERM or SIGINT. Call it in the main thread."""
        runner = self.runner(url, token)
        runner.stop_on_signals()
        runner.run()

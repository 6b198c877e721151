"""What an author writes: a worker, and functions that become its tools."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from .client import Client
from .runner import Runner
from .tool import Effect, ServedTool

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_URL = "http://127.0.0.1:7373"


class Worker:
    """A worker: its name in `[workers.NAME]`, and its tools."""

    def __init__(self, name: str, *, concurrency: int = 8) -> None:
        """Takes the worker's name, and how many calls it carries out at once."""
        if concurrency < 1:
            raise ValueError("a worker takes at least one call at once")
        self.name = name
        self._concurrency = min(concurrency, 64)
        self._tools: dict[str, ServedTool] = {}

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

        def take_in(function: F) -> F:
            tool = ServedTool.of(
                function,
                effect=effect,
                key_valid_for=key_valid_for,
                name=name,
                description=description,
            )
            if tool.name in self._tools:
                raise ValueError(f"there are two tools `{tool.name}`")
            self._tools[tool.name] = tool
            return function

        return take_in

    def manifest(self) -> dict[str, Any]:
        """Returns what the configuration declares of this worker."""
        return {"tools": [self._tools[name].manifest() for name in sorted(self._tools)]}

    def runner(self, url: str | None = None, token: str | None = None) -> Runner:
        """Returns what serves the tools: at `url` or `MAINSTAY_URL`, with `token` or
        `MAINSTAY_WORKER_TOKEN`."""
        url = url or os.environ.get("MAINSTAY_URL") or DEFAULT_URL
        token = token or os.environ.get("MAINSTAY_WORKER_TOKEN") or None
        return Runner(Client(url, self.name, token), self._tools, self._concurrency)

    def run(self, url: str | None = None, token: str | None = None) -> None:
        """Serves the tools until SIGTERM or SIGINT. Call it in the main thread."""
        runner = self.runner(url, token)
        runner.stop_on_signals()
        runner.run()

"""A function as a tool or a step: what it declares, and one attempt at calling it."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from .compound import Record
from .context import Context
from .failures import Refused
from .hints import arguments_of, result_of
from .shapes import Misfit, Shape

Effect = Literal["read", "idempotent", "at_most_once"]

Kind = Literal["tool", "step"]

LARGEST_RESULT = 1 << 20


@dataclass(frozen=True)
class Said:
    """What an author says of a function."""

    kind: Kind
    effect: Effect
    key_valid_for: str | None
    name: str | None
    description: str | None


@dataclass(frozen=True)
class Served:
    """A function as a tool, or as the code of a flow's step."""

    kind: Kind
    name: str
    description: str
    effect: Effect
    key_valid_for: str | None
    function: Callable[..., Any]
    arguments: Record
    context: str | None
    result: Shape

    @staticmethod
    def of(function: Callable[..., Any], said: Said) -> Served:
        """Reads a function's hints and docstring."""
        if (said.effect == "idempotent") != (said.key_valid_for is not None):
            what = f"an idempotent {said.kind} knows its keys"
            raise ValueError(f"`key_valid_for` says how long {what}")
        arguments, context = arguments_of(function)
        return Served(
            kind=said.kind,
            name=said.name or function.__name__,
            description=said.description or inspect.getdoc(function) or "",
            effect=said.effect,
            key_valid_for=said.key_valid_for,
            function=function,
            arguments=arguments,
            context=context,
            result=result_of(function),
        )

    def offer(self) -> dict[str, Any]:
        """Returns what a poll says of it."""
        return {
            "name": self.name,
            "input_schema": self.arguments.schema(),
            "output_schema": self.result.schema(),
            "effect": self.effect,
        }

    def manifest(self) -> dict[str, Any]:
        """Returns what the configuration declares of it."""
        validity = {} if self.key_valid_for is None else {"key_valid_for": self.key_valid_for}
        return {**self.offer(), "description": self.description, **validity}

    def call(self, arguments: Any, context: Context) -> str:
        """Makes one attempt. Returns the result as JSON text."""
        try:
            values = self.arguments.read(arguments, "")
        except Misfit as misfit:
            raise Refused(f"the arguments do not fit: {misfit}", code="arguments") from misfit
        if self.context is not None:
            values[self.context] = context
        value = self.function(**values)
        if inspect.iscoroutine(value):
            value = asyncio.run(value)
        text = json.dumps(self.result.write(value, ""), ensure_ascii=False, allow_nan=False)
        if len(text.encode()) > LARGEST_RESULT:
            raise ValueError(f"the result is larger than {LARGEST_RESULT} bytes")
        return text

"""What a tool raises to say how it failed. The difference decides what is done next.

Anything else that a tool raises counts as a failure that may have acted and that another attempt
would not help, because nothing better is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TookEffect = Literal["no", "unknown"]


class ToolError(Exception):
    """The base of the failures that say what they are."""

    took_effect: TookEffect = "unknown"
    retryable: bool = False

    def __init__(self, message: str, *, code: str = "", retry_after: float | None = None) -> None:
        """Takes a sentence, a word of your own, and how many seconds to wait before another try."""
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class Refused(ToolError):
    """It did not act, and the same call would be refused again."""

    took_effect: TookEffect = "no"


class Retryable(ToolError):
    """It did not act, and another attempt may help."""

    took_effect: TookEffect = "no"
    retryable = True


class Unknown(ToolError):
    """It may have acted. It is made again only where its effect class makes that harmless."""

    retryable = True


@dataclass(frozen=True)
class Failure:
    """A failure as it is sent."""

    message: str
    retryable: bool
    took_effect: TookEffect
    code: str = ""
    retry_after_ms: int | None = None

    @staticmethod
    def of(error: BaseException) -> Failure:
        """Returns what is sent for whatever a tool raised."""
        if isinstance(error, ToolError):
            after = error.retry_after
            return Failure(
                message=str(error),
                retryable=error.retryable,
                took_effect=error.took_effect,
                code=error.code,
                retry_after_ms=None if after is None else max(0, round(after * 1000)),
            )
        return Failure(f"{type(error).__name__}: {error}", retryable=False, took_effect="unknown")

    def document(self) -> dict[str, object]:
        """Returns the failure as JSON."""
        document: dict[str, object] = {
            "code": self.code[:64],
            "message": self.message[:1000],
            "retryable": self.retryable,
            "took_effect": self.took_effect,
        }
        if self.retry_after_ms is not None:
            document["retry_after_ms"] = self.retry_after_ms
        return document

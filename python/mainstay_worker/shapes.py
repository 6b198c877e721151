"""Shapes: one object a type hint, which knows its JSON Schema, reads strictly, and writes."""

from __future__ import annotations

import datetime as dt
import enum
import math
from collections.abc import Mapping
from typing import Any, Protocol

JSON = Any
Schema = dict[str, Any] | bool


class Misfit(ValueError):
    """A value that does not fit, with its place as a JSON pointer."""

    def __init__(self, place: str, expected: str) -> None:
        """Names the place and what would fit there."""
        super().__init__(f"{place or '/'}: expected {expected}")


class Shape(Protocol):
    """What is known of a type."""

    def schema(self) -> Schema:
        """Returns the JSON Schema of its values."""
        ...

    def read(self, value: JSON, place: str) -> Any:
        """Returns the Python value, or raises `Misfit`."""
        ...

    def write(self, value: Any, place: str) -> JSON:
        """Returns the JSON value, or raises `Misfit`."""
        ...


class Anything:
    """Whatever JSON can hold."""

    def schema(self) -> Schema:
        """Returns `True`: anything fits."""
        return True

    def read(self, value: JSON, place: str) -> Any:
        """Returns the value."""
        return value

    def write(self, value: Any, place: str) -> JSON:
        """Returns the value if it is made of JSON's own types alone."""
        if value is None or isinstance(value, (str, bool, int)):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        if isinstance(value, Mapping):
            return {
                _key(key, place): self.write(item, f"{place}/{key}") for key, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.write(item, f"{place}/{n}") for n, item in enumerate(value)]
        raise Misfit(place, f"a JSON value, not {type(value).__name__}")


def _key(key: object, place: str) -> str:
    if not isinstance(key, str):
        raise Misfit(place, "keys that are strings")
    return key


class Null:
    """`None`."""

    def schema(self) -> Schema:
        """Returns the schema."""
        return {"type": "null"}

    def read(self, value: JSON, place: str) -> None:
        """Returns `None` for `null`."""
        if value is not None:
            raise Misfit(place, "null")

    def write(self, value: Any, place: str) -> JSON:
        """Returns `null` for `None`."""
        return self.read(value, place)


class Scalar:
    """`str`, `bool` and `int`. A truth value is no number, and `1.0` is an integer."""

    NAMES: Mapping[type, str] = {str: "string", bool: "boolean", int: "integer"}

    def __init__(self, kind: type) -> None:
        """Takes one of the three."""
        self._kind = kind

    def schema(self) -> Schema:
        """Returns the schema."""
        return {"type": self.NAMES[self._kind]}

    def read(self, value: JSON, place: str) -> Any:
        """Returns the value."""
        if type(value) is self._kind:
            return value
        if self._kind is int and isinstance(value, float) and value.is_integer():
            return int(value)
        raise Misfit(place, f"a value of type {self.NAMES[self._kind]}")

    def write(self, value: Any, place: str) -> JSON:
        """Returns the value."""
        return self.read(value, place)


class Number:
    """`float`: any finite number, but no truth value."""

    def schema(self) -> Schema:
        """Returns the schema."""
        return {"type": "number"}

    def read(self, value: JSON, place: str) -> float:
        """Returns the number as a float."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if math.isfinite(number):
                return number
        raise Misfit(place, "a finite number")

    def write(self, value: Any, place: str) -> JSON:
        """Returns the number."""
        return self.read(value, place)


class Moment:
    """`datetime` with a zone, or `date`, as the string of RFC 3339."""

    def __init__(self, kind: type) -> None:
        """Takes `datetime` or `date`."""
        self._kind = kind

    def schema(self) -> Schema:
        """Returns the schema."""
        return {"type": "string", "format": "date-time" if self._kind is dt.datetime else "date"}

    def read(self, value: JSON, place: str) -> dt.date:
        """Returns the moment."""
        if isinstance(value, str):
            text = value[:-1] + "+00:00" if value[-1:] in ("Z", "z") else value
            try:
                if self._kind is dt.date:
                    return dt.date.fromisoformat(value)
                moment = dt.datetime.fromisoformat(text)
            except ValueError:
                moment = None
            if moment is not None and moment.tzinfo is not None:
                return moment
        raise Misfit(
            place, "a date and time with a zone" if self._kind is dt.datetime else "a date"
        )

    def write(self, value: Any, place: str) -> JSON:
        """Returns its string."""
        zoned = not isinstance(value, dt.datetime) or value.tzinfo is not None
        if zoned and isinstance(value, dt.date) and type(value) is self._kind:
            return value.isoformat()
        raise Misfit(
            place, "a date and time with a zone" if self._kind is dt.datetime else "a date"
        )


class Choice:
    """`Literal`, and `Enum` by the values of its members."""

    def __init__(self, values: Mapping[int, tuple[JSON, Any]]) -> None:
        """Takes pairs of JSON value and Python value, numbered."""
        self._values = list(values.values())

    @staticmethod
    def of_enum(kind: type[enum.Enum]) -> Choice:
        """Makes the choice of an enum's members."""
        return Choice({n: (member.value, member) for n, member in enumerate(kind)})

    def schema(self) -> Schema:
        """Returns the schema."""
        return {"enum": [value for value, _ in self._values]}

    def read(self, value: JSON, place: str) -> Any:
        """Returns the member."""
        for written, member in self._values:
            if type(written) is type(value) and written == value:
                return member
        raise Misfit(place, f"one of {[written for written, _ in self._values]!r}")

    def write(self, value: Any, place: str) -> JSON:
        """Returns the value of a member."""
        for written, member in self._values:
            if type(member) is type(value) and member == value:
                return written
        raise Misfit(place, f"one of {[written for written, _ in self._values]!r}")

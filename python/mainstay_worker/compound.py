"""Shapes made of other shapes: lists, tuples, dictionaries, unions, records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .shapes import JSON, Misfit, Schema, Shape


class ListOf:
    """`list[X]` and `tuple[X, ...]`."""

    def __init__(self, item: Shape, make: Callable[[list[Any]], Any] = list) -> None:
        """Takes the shape of each item, and what the list becomes in Python."""
        self._item = item
        self._make = make

    def schema(self) -> Schema:
        """Returns the schema."""
        return {"type": "array", "items": self._item.schema()}

    def read(self, value: JSON, place: str) -> Any:
        """Returns the list."""
        if not isinstance(value, list):
            raise Misfit(place, "a list")
        return self._make([self._item.read(item, f"{place}/{n}") for n, item in enumerate(value)])

    def write(self, value: Any, place: str) -> JSON:
        """Returns a JSON list."""
        if not isinstance(value, (list, tuple)):
            raise Misfit(place, "a list")
        return [self._item.write(item, f"{place}/{n}") for n, item in enumerate(value)]


class TupleOf:
    """`tuple[X, Y]`: so many items, each of its own shape."""

    def __init__(self, items: Sequence[Shape]) -> None:
        """Takes the shape of each item."""
        self._items = items

    def schema(self) -> Schema:
        """Returns the schema."""
        count = len(self._items)
        prefix = {"type": "array", "items": False, "minItems": count, "maxItems": count}
        return {**prefix, "prefixItems": [item.schema() for item in self._items]}

    def read(self, value: JSON, place: str) -> tuple[Any, ...]:
        """Returns the tuple."""
        return tuple(self._each(value, place, lambda shape: shape.read))

    def write(self, value: Any, place: str) -> JSON:
        """Returns a JSON list."""
        return self._each(value, place, lambda shape: shape.write)

    def _each(
        self, value: Any, place: str, way: Callable[[Shape], Callable[[Any, str], Any]]
    ) -> list[Any]:
        if not isinstance(value, (list, tuple)) or len(value) != len(self._items):
            raise Misfit(place, f"a list of {len(self._items)}")
        pairs = zip(self._items, value, strict=True)
        return [way(shape)(item, f"{place}/{n}") for n, (shape, item) in enumerate(pairs)]


class DictOf:
    """`dict[str, X]`."""

    def __init__(self, item: Shape) -> None:
        """Takes the shape of each value."""
        self._item = item

    def schema(self) -> Schema:
        """Returns the schema."""
        return {"type": "object", "additionalProperties": self._item.schema()}

    def read(self, value: JSON, place: str) -> dict[str, Any]:
        """Returns the dictionary."""
        return self._each(value, place, self._item.read)

    def write(self, value: Any, place: str) -> JSON:
        """Returns a JSON object."""
        return self._each(value, place, self._item.write)

    def _each(self, value: Any, place: str, way: Callable[[Any, str], Any]) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise Misfit(place, "an object")
        return {key: way(item, f"{place}/{key}") for key, item in value.items()}


class Either:
    """`Union`: the first shape that fits."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
        """Takes the shapes in order."""
        self._shapes = shapes

    def schema(self) -> Schema:
        """Returns the schema."""
        return {"anyOf": [shape.schema() for shape in self._shapes]}

    def read(self, value: JSON, place: str) -> Any:
        """Returns what the first shape that fits makes of it."""
        return self._first(place, [shape.read for shape in self._shapes], value)

    def write(self, value: Any, place: str) -> JSON:
        """Returns what the first shape that fits makes of it."""
        return self._first(place, [shape.write for shape in self._shapes], value)

    def _first(self, place: str, ways: Sequence[Callable[[Any, str], Any]], value: Any) -> Any:
        misfits = []
        for way in ways:
            try:
                return way(value, place)
            except Misfit as misfit:
                misfits.append(str(misfit))
        raise Misfit(place, " or ".join(misfits))


class Described:
    """`Annotated[X, "what it is"]`."""

    def __init__(self, shape: Shape, description: str) -> None:
        """Takes the shape and its description."""
        self._shape = shape
        self._description = description

    def schema(self) -> Schema:
        """Returns the schema with the description."""
        schema = self._shape.schema()
        return {**(schema if isinstance(schema, dict) else {}), "description": self._description}

    def read(self, value: JSON, place: str) -> Any:
        """Reads as its shape does."""
        return self._shape.read(value, place)

    def write(self, value: Any, place: str) -> JSON:
        """Writes as its shape does."""
        return self._shape.write(value, place)


@dataclass(frozen=True)
class Field:
    """A field of a record."""

    shape: Shape
    required: bool
    default: JSON = None


class Record:
    """An object with these fields and no others: arguments, a dataclass, a TypedDict."""

    def __init__(
        self,
        fields: Mapping[str, Field],
        make: Callable[[dict[str, Any]], Any],
        parts: Callable[[Any], Mapping[str, Any] | None],
    ) -> None:
        """Takes the fields, what makes the Python value, and what takes it apart again."""
        self._fields = fields
        self._make = make
        self._parts = parts

    def schema(self) -> Schema:
        """Returns the schema."""
        properties = {name: self._property(field) for name, field in self._fields.items()}
        required = [name for name, field in self._fields.items() if field.required]
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        return {**schema, "additionalProperties": False}

    @staticmethod
    def _property(field: Field) -> Schema:
        schema = field.shape.schema()
        if field.required or field.default is None or not isinstance(schema, dict):
            return schema
        return {**schema, "default": field.default}

    def read(self, value: JSON, place: str) -> Any:
        """Returns the Python value."""
        if not isinstance(value, dict):
            raise Misfit(place, "an object")
        return self._make(self._each(value, place, lambda shape: shape.read))

    def write(self, value: Any, place: str) -> JSON:
        """Returns a JSON object."""
        parts = self._parts(value)
        if parts is None:
            raise Misfit(place, "an object")
        return self._each(parts, place, lambda shape: shape.write)

    def _each(
        self,
        value: Mapping[str, Any],
        place: str,
        way: Callable[[Shape], Callable[[Any, str], Any]],
    ) -> dict[str, Any]:
        for name in value:
            if name not in self._fields:
                raise Misfit(f"{place}/{name}", "nothing of that name")
        for name, field in self._fields.items():
            if field.required and name not in value:
                raise Misfit(f"{place}/{name}", "a value, and there is none")
        return {
            name: way(self._fields[name].shape)(item, f"{place}/{name}")
            for name, item in value.items()
        }

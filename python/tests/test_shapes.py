"""Type hints as schemas, strict reading, and writing back."""

from __future__ import annotations

import datetime as dt
import enum
import unittest
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Optional, TypedDict, Union

from mainstay_worker.hints import Unsupported, shape_of
from mainstay_worker.shapes import Misfit


class Colour(enum.Enum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Line:
    """A record with a default."""

    sku: str
    count: int = 1
    notes: list[str] = field(default_factory=list)


class Movie(TypedDict, total=False):
    """A dictionary with known keys."""

    name: str
    year: int


@dataclass
class Endless:
    """A record that contains itself."""

    inner: Endless | None


NOON = dt.datetime(2026, 11, 29, 12, tzinfo=dt.timezone.utc)

LINE = {
    "type": "object",
    "properties": {
        "sku": {"type": "string"},
        "count": {"type": "integer", "default": 1},
        "notes": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["sku"],
    "additionalProperties": False,
}

# hint, schema, JSON that fits with what it becomes, JSON that does not
TABLE: list[tuple[Any, Any, list[tuple[Any, Any]], list[Any]]] = [
    (str, {"type": "string"}, [("", ""), ("ü", "ü")], [1, None, ["a"], True]),
    (int, {"type": "integer"}, [(1, 1), (2.0, 2)], ["1", True, 1.5, None]),
    (float, {"type": "number"}, [(1, 1.0), (0.5, 0.5)], ["1", True, None, 10**400]),
    (bool, {"type": "boolean"}, [(True, True)], [1, 0, "true", None]),
    (None, {"type": "null"}, [(None, None)], [0, "", False]),
    (list[int], {"type": "array", "items": {"type": "integer"}}, [([1], [1])], [1, ["a"], {}]),
    (
        tuple[int, str],
        {
            "type": "array",
            "items": False,
            "minItems": 2,
            "maxItems": 2,
            "prefixItems": [{"type": "integer"}, {"type": "string"}],
        },
        [([1, "a"], (1, "a"))],
        [[1], [1, "a", 2], ["a", 1], "ab"],
    ),
    (
        tuple[int, ...],
        {"type": "array", "items": {"type": "integer"}},
        [([1, 2], (1, 2)), ([], ())],
        [["a"]],
    ),
    (
        dict[str, int],
        {"type": "object", "additionalProperties": {"type": "integer"}},
        [({"a": 1}, {"a": 1})],
        [{"a": "b"}, [1]],
    ),
    (dict, {"type": "object", "additionalProperties": True}, [({"a": [1]}, {"a": [1]})], [1]),
    (
        Optional[int],  # noqa: UP045
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        [(1, 1), (None, None)],
        ["a", True],
    ),
    (
        Union[int, str],  # noqa: UP007
        {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        [(1, 1), ("1", "1")],
        [True, None],
    ),
    (Literal["a", 1], {"enum": ["a", 1]}, [("a", "a"), (1, 1)], ["b", True, "1"]),
    (Colour, {"enum": ["red", "blue"]}, [("red", Colour.RED)], ["RED", 1]),
    (
        Annotated[int, "how many"],
        {"type": "integer", "description": "how many"},
        [(1, 1)],
        ["a"],
    ),
    (
        dt.datetime,
        {"type": "string", "format": "date-time"},
        [("2026-11-29T12:00:00+00:00", NOON)],
        ["2026-11-29T12:00:00", "noon", 1],
    ),
    (
        dt.date,
        {"type": "string", "format": "date"},
        [("2026-11-29", dt.date(2026, 11, 29))],
        ["29.11.2026", 1],
    ),
    (
        Line,
        LINE,
        [({"sku": "a", "count": 2, "notes": ["x"]}, Line("a", 2, ["x"]))],
        [{}, {"sku": 1}, {"sku": "a", "more": 1}, [], {"sku": "a", "count": None}],
    ),
    (
        Movie,
        {
            "type": "object",
            "properties": {"name": {"type": "string"}, "year": {"type": "integer"}},
            "additionalProperties": False,
        },
        [({"name": "a"}, {"name": "a"}), ({}, {})],
        [{"name": 1}, {"title": "a"}],
    ),
]


class Shapes(unittest.TestCase):
    """The table."""

    def test_every_hint_has_its_schema(self) -> None:
        for hint, schema, _, _ in TABLE:
            with self.subTest(hint=hint):
                self.assertEqual(shape_of(hint).schema(), schema)

    def test_what_fits_is_read_and_written_back(self) -> None:
        for hint, _, fits, _ in TABLE:
            for written, value in fits:
                with self.subTest(hint=hint, written=written):
                    shape = shape_of(hint)
                    self.assertEqual(shape.read(written, ""), value)
                    self.assertEqual(type(shape.read(written, "")), type(value))
                    self.assertEqual(shape.write(value, ""), written)

    def test_what_does_not_fit_is_refused(self) -> None:
        for hint, _, _, misfits in TABLE:
            for written in misfits:
                with self.subTest(hint=hint, written=written), self.assertRaises(Misfit):
                    shape_of(hint).read(written, "")

    def test_a_misfit_names_its_place(self) -> None:
        with self.assertRaisesRegex(Misfit, r"^/0/count: expected .*integer$"):
            shape_of(list[Line]).read([{"sku": "a", "count": "b"}], "")

    def test_a_moment_may_be_written_with_z(self) -> None:
        self.assertEqual(shape_of(dt.datetime).read("2026-11-29T12:00:00Z", ""), NOON)

    def test_a_result_that_does_not_fit_its_hint_is_refused(self) -> None:
        for hint, value in [(int, "a"), (Line, {"sku": "a"}), (Any, object()), (Any, float("nan"))]:
            with self.subTest(hint=hint), self.assertRaises(Misfit):
                shape_of(hint).write(value, "")

    def test_what_has_no_schema_is_refused_by_name(self) -> None:
        for hint in [bytes, set[int], dict[int, str], Endless, complex]:
            with self.subTest(hint=hint), self.assertRaises(Unsupported):
                shape_of(hint)


if __name__ == "__main__":
    unittest.main()

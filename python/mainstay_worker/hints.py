"""From type hints to shapes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from .compound import Described, DictOf, Either, Field, ListOf, Record, TupleOf
from .context import Context
from .shapes import Anything, Choice, Misfit, Moment, Null, Number, Scalar, Shape

_WRAPPERS = ("Required", "NotRequired", "ReadOnly")


class Unsupported(TypeError):
    """A type that has no JSON Schema here."""


def shape_of(hint: Any, inside: tuple[Any, ...] = ()) -> Shape:
    """Returns the shape of a type hint."""
    simple = _simple(hint)
    if simple is not None:
        return simple
    if hint in inside:
        raise Unsupported(f"{hint!r} contains itself")
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(args, inside)
    if getattr(origin, "_name", None) in _WRAPPERS:
        return shape_of(args[0], inside)
    if origin in (Union, types.UnionType):
        return Either([shape_of(arg, inside) for arg in args])
    if origin is Literal:
        return Choice(dict(enumerate((value, value) for value in args)))
    if origin is not None:
        return _generic(origin, args, hint, inside)
    return _record(hint, inside)


def _simple(hint: Any) -> Shape | None:
    if hint is Any or hint is object or hint is inspect.Parameter.empty:
        return Anything()
    if hint is None or hint is type(None):
        return Null()
    if hint in (str, bool, int):
        return Scalar(hint)
    if hint is float:
        return Number()
    if hint in (dt.datetime, dt.date):
        return Moment(hint)
    if hint is list:
        return ListOf(Anything())
    if hint is tuple:
        return ListOf(Anything(), tuple)
    if hint is dict:
        return DictOf(Anything())
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return Choice.of_enum(hint)
    return None


def _annotated(args: tuple[Any, ...], inside: tuple[Any, ...]) -> Shape:
    shape = shape_of(args[0], inside)
    said = [note for note in args[1:] if isinstance(note, str)]
    return Described(shape, said[0]) if said else shape


def _generic(origin: Any, args: tuple[Any, ...], hint: Any, inside: tuple[Any, ...]) -> Shape:
    if origin is list:
        return ListOf(shape_of(args[0], inside))
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return ListOf(shape_of(args[0], inside), tuple)
        return TupleOf([shape_of(arg, inside) for arg in args])
    if origin is dict and args[0] is str:
        return DictOf(shape_of(args[1], inside))
    raise Unsupported(f"{hint!r} has no JSON Schema here")


def _record(hint: Any, inside: tuple[Any, ...]) -> Shape:
    inside = (*inside, hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint, inside)
    if typing.is_typeddict(hint):
        hints = get_type_hints(hint, include_extras=True)
        required = hint.__required_keys__
        fields = {name: Field(shape_of(of, inside), name in required) for name, of in hints.items()}
        return Record(fields, dict, lambda value: value if isinstance(value, Mapping) else None)
    raise Unsupported(f"{hint!r} has no JSON Schema here")


def _dataclass(kind: Any, inside: tuple[Any, ...]) -> Shape:
    hints = get_type_hints(kind, include_extras=True)
    fields = {}
    for field in dataclasses.fields(kind):
        if not field.init:
            continue
        shape = shape_of(hints[field.name], inside)
        missing = dataclasses.MISSING
        if field.default is missing and field.default_factory is missing:
            fields[field.name] = Field(shape, required=True)
        else:
            fields[field.name] = _optional(shape, field.default)

    def parts(value: Any) -> Mapping[str, Any] | None:
        if not isinstance(value, kind):
            return None
        return {name: getattr(value, name) for name in fields}

    return Record(fields, lambda values: kind(**values), parts)


def _optional(shape: Shape, default: Any) -> Field:
    try:
        return Field(shape, required=False, default=shape.write(default, ""))
    except Misfit:
        return Field(shape, required=False)


def arguments_of(function: Callable[..., Any]) -> tuple[Record, str | None]:
    """Returns the shape of a function's arguments, and which parameter wants the context."""
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Field] = {}
    context: str | None = None
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise Unsupported(f"`{name}`: a tool's arguments have names")
        hint = hints.get(name, inspect.Parameter.empty)
        if hint is Context:
            context = name
            continue
        if hint is inspect.Parameter.empty:
            raise Unsupported(f"`{name}` has no type hint")
        shape = shape_of(hint)
        if parameter.default is inspect.Parameter.empty:
            fields[name] = Field(shape, required=True)
        else:
            fields[name] = _optional(shape, parameter.default)
    return Record(fields, dict, lambda value: value), context


def result_of(function: Callable[..., Any]) -> Shape:
    """Returns the shape of what a function returns; anything where it does not say."""
    hints = get_type_hints(function, include_extras=True)
    return shape_of(hints.get("return", inspect.Parameter.empty))

"""Checks that plain data, read from JSON or YAML, fit the types of a dataclass. Imports nothing heavy."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from wee.errors import WeeError


def check_fields(kind: type, record: Any, what: str, others: bool = True) -> None:
    """Check that a record has the fields of a dataclass, with values of their types.

    Fields whose type is another dataclass are not checked; their own record is.

    Args:
        kind: the dataclass.
        record: the values by field.
        what: what the record describes, for messages ("stage 1").
        others: whether it may have other fields, too.

    Raises:
        WeeError: it is no mapping, a field without a default is missing, or a value has another type.
    """
    if not isinstance(record, Mapping):
        raise WeeError(f"{what} is {_shown(record)}: it must have the fields of {kind.__name__}")
    hints = typing.get_type_hints(kind)
    unknown = [key for key in record if key not in hints]
    if unknown and not others:
        raise WeeError(f"{what} has {unknown[0]}, which is no field of {kind.__name__}")
    for field in dataclasses.fields(kind):
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if field.name not in record and not optional:
            raise WeeError(f"{what} has no {field.name}")
        if field.name in record and not fits(record[field.name], hints[field.name]):
            raise WeeError(f"{what} has {field.name} {_shown(record[field.name])}: it must be of type {field.type}")


def fits(value: Any, annotation: Any) -> bool:
    """Return whether a value has the type that an annotation names; a float may be a whole number, and no number is a bool.

    Example:
        >>> fits([1, 2.5], Sequence[float]), fits({"a": "b"}, Mapping[str, int]), fits(True, int)
        (True, False, False)
    """
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, option) for option in inner)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(fits(k, inner[0]) and fits(v, inner[1]) for k, v in value.items())
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return isinstance(value, (list, tuple)) and all(fits(item, inner[0]) for item in value)
    if annotation is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if annotation in (str, bool):
        return isinstance(value, annotation)
    return value is None if annotation is type(None) else True


def not_finite(value: Any, where: str = "") -> str | None:
    """Return the key of the first number in plain data or dataclasses that is NaN or infinite; None if there is none."""
    inner: list[tuple[str, Any]] = []
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        inner = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    elif isinstance(value, Mapping):
        inner = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, (list, tuple)):
        inner = [(str(place), item) for place, item in enumerate(value)]
    elif isinstance(value, float) and not math.isfinite(value):
        return where
    keys = (not_finite(item, f"{where}.{key}" if where else key) for key, item in inner)
    return next((key for key in keys if key is not None), None)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:76]} .."

"""Turns composed Hydra configs into typed objects, and wrong keys and choices into clear errors."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import ConfigKeyError, InterpolationResolutionError, MissingMandatoryValue, ValidationError

from wee.app.groups import Group
from wee.app.hydra_compat import parsed_overrides
from wee.errors import WeeError, unknown
from wee.records import fits, not_finite

T = TypeVar("T")


def to_object(schema: type[T], config: Any, where: str = "") -> T:
    """Read a composed config as an instance of a dataclass.

    `__post_init__` of the dataclass checks values and rules across fields.

    Args:
        schema: the dataclass.
        config: a DictConfig or plain mapping.
        where: the key at which the config stands, for messages.

    Raises:
        WeeError: a key is unknown or missing, or a value has the wrong type.
    """
    prefix = f"{where}." if where else ""
    try:
        merged = OmegaConf.merge(OmegaConf.structured(schema), config)
        _check_sections(schema, OmegaConf.to_container(merged, resolve=True), prefix)
        instance = OmegaConf.to_object(merged)
    except (ConfigKeyError, ValidationError) as error:
        key = str(error.full_key or error.key)
        if isinstance(error, ConfigKeyError):
            raise unknown_key(schema, key, where) from None
        raise WeeError(f"{prefix}{key}: {str(error.msg).splitlines()[0]}") from None
    except (MissingMandatoryValue, InterpolationResolutionError) as error:
        key = str(error.full_key or error.key)
        raise WeeError(f"{prefix}{key} is not set; give it a value: {prefix}{key}=...") from None
    except TypeError as error:  # OmegaConf's own, for a list or mapping where a number belongs
        raise WeeError(f"{where or 'the config'} has a value of the wrong type: {error}") from None
    assert isinstance(instance, schema)
    _check_types(instance, prefix)
    infinite = not_finite(instance)
    if infinite is not None:
        raise WeeError(f"{prefix}{infinite} is not a finite number; give one")
    return instance


def _check_sections(schema: type, plain: Any, prefix: str) -> None:
    """Check that what interpolations have put in the place of a section is one; `__post_init__` relies on it.

    Raises:
        WeeError: a section is a single value or a list.
    """
    for name, hint in typing.get_type_hints(schema).items():
        value = plain.get(name)
        if not dataclasses.is_dataclass(hint) or value is None or value == MISSING:
            continue
        if not isinstance(value, dict):
            keys = ", ".join(f"{prefix}{name}.{key}" for key in _fields(hint))
            raise WeeError(f"{prefix}{name} is {value!r}, but it is a section; set its keys: {keys}")
        _check_sections(typing.cast(type, hint), value, f"{prefix}{name}.")


def _check_types(instance: Any, prefix: str) -> None:
    """Check the types of what interpolations have put into fields, which OmegaConf does not.

    Raises:
        WeeError: a value has another type than its field.
    """
    hints = typing.get_type_hints(type(instance))
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        if dataclasses.is_dataclass(value):
            _check_types(value, f"{prefix}{field.name}.")
        elif not fits(value, hints[field.name]):
            raise WeeError(f"{prefix}{field.name} is {value!r}: it must be of type {field.type}")


def unknown_key(schema: type, key: str, where: str = "") -> WeeError:
    """The error for a key that a schema does not have."""
    prefix = f"{where}." if where else ""
    parent = key.rpartition(".")[0]
    names = [f"{parent}.{name}" if parent else name for name in _fields(_walk(schema, parent))]
    return unknown("key", prefix + key, [prefix + name for name in names])


def check_overrides(
    schema: type,
    overrides: Iterable[str],
    folders: Sequence[Path],
    groups: Mapping[str, Group] | None = None,
    absent: Mapping[str, str] | None = None,
) -> None:
    """Refuse overrides of keys and choices that do not exist, `+key=value` included, before anything is composed.

    A plug-in that is chosen ("group=module:Name") is made known to Hydra.

    Args:
        schema: the typed root.
        overrides: as they stand on the command line.
        folders: folders of configs; the first is wee's own, others are the user's.
        groups: config groups whose choices come from catalogues, by name.
        absent: keys that users expect and the schema lacks for a reason: by key, the message that explains it.

    Raises:
        WeeError: a key or a choice does not exist; the message names the nearest that does.
    """
    known = [*_fields(schema), "experiment"]
    theirs = {path.name for folder in folders[1:] if folder.is_dir() for path in folder.iterdir() if path.is_dir()}
    for override in parsed_overrides(tuple(overrides)):
        group = override.key_or_group.partition("@")[0]
        path = group.split(".")
        first = path[0].split("/")[0]
        if first == "hydra":
            continue
        if absent is not None and first in absent:
            raise WeeError(absent[first])
        if first not in known and first not in theirs:
            raise unknown("key", first, known)
        choices = sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})
        catalogued = (groups or {}).get(group)
        if (choices or catalogued) and not override.is_delete() and not override.is_sweep_override():
            _check_choices(schema, group, override.value(), choices, catalogued)
        for depth in range(1, len(path)):
            inside = _walk(schema, ".".join(path[:depth]))
            if inside is None:
                break
            if path[depth] not in _fields(inside):
                raise unknown_key(schema, ".".join(path[: depth + 1]))


def has_key(schema: type, key: str) -> bool:
    """Whether a schema has a dotted key; below a field that is no dataclass there may be any."""
    parent, _, name = key.partition("@")[0].rpartition(".")
    inside = _walk(schema, parent)
    return name in _fields(inside) if inside is not None else bool(parent) and has_key(schema, parent)


def _check_choices(schema: type, group: str, value: Any, choices: Sequence[str], catalogued: Group | None) -> None:
    """Refuse a choice that a group does not have, and a value where a choice belongs; make plug-ins known."""
    for choice in map(str, value if isinstance(value, list) else [value]):
        if choice in choices or (catalogued is not None and choice in catalogued.catalogue):
            continue
        if catalogued is not None and catalogued.catalogue.makes(choice):
            catalogued.offer_made(group, choice)
            continue
        fields = _fields(_walk(schema, group))
        hint = f"A value goes into a field: {group}.{fields[0]}={choice}." if len(fields) == 1 else ""
        if catalogued is not None:
            choices = [*catalogued.catalogue, *(name for name in choices if name not in catalogued.catalogue)]
            hint = f"A {group} of your own is named as module:Name."
        raise unknown(group, choice, choices, hint)


def _fields(schema: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(schema)] if dataclasses.is_dataclass(schema) else []


def _walk(schema: Any, path: str) -> Any:
    """The dataclass at a dotted path below a dataclass; None where the path leaves typed ground."""
    for name in filter(None, path.split(".")):
        if not dataclasses.is_dataclass(schema) or name not in _fields(schema):
            return None
        schema = typing.get_type_hints(schema)[name]
    return schema if dataclasses.is_dataclass(schema) else None

"""Catalogues of the named things that users choose between, built-in ones and plug-ins."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from wee.compat import repair_on_import
from wee.errors import WeeError, unknown


class Named(Protocol):
    """The attributes that everything in a catalogue has.

    Attributes:
        name: the name that users type and that tables contain.
        label: the name on figures and pages.
        help: a description of one line, for `--help`.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def label(self) -> str: ...  # noqa: D102

    @property
    def help(self) -> str: ...  # noqa: D102


T = TypeVar("T", bound=Named)
R = TypeVar("R")


class Catalogue(Generic[T], Mapping[str, T]):
    """Named things of one kind, in the order in which they are shown.

    As a mapping it holds the built-in things alone. `find` also takes plug-ins: "module:Name" names an object in a module on
    the user's `PYTHONPATH`.

    Args:
        kind: the kind of the things, as messages name it ("policy").
        things: the built-in things.
        adapt: converts a plug-in's object, given its name "module:Name" and the object, to a thing of this kind; it raises
            a `WeeError` that says what is missing if it cannot.

    Raises:
        WeeError: two things have the same name.
    """

    def __init__(self, kind: str, things: Iterable[T], adapt: Callable[[str, Any], T]) -> None:
        self.kind, self._adapt = kind, adapt
        self._things: dict[str, T] = {}
        self._plugins: dict[str, T] = {}
        for thing in things:
            if thing.name in self._things:
                raise WeeError(f"two things of the kind {kind} are called {thing.name}")
            self._things[thing.name] = thing

    def __getitem__(self, name: str) -> T:
        return self._things[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)

    def find(self, name: str) -> T:
        """Return the thing with a name: a built-in one or a plug-in.

        Args:
            name: the name of a built-in thing, or "module:Name".

        Raises:
            WeeError: no such thing exists; the message lists those that do.
        """
        name = str(name)
        if name in self._things:
            return self._things[name]
        if ":" not in name:
            raise unknown(self.kind, name, self._things, f"A {self.kind} of your own is named as module:Name.")
        if name not in self._plugins:
            self._plugins[name] = self._adapt(name, _load(self.kind, name))
        return self._plugins[name]

    def makes(self, name: str) -> bool:
        """Return whether a name that is not built in may be that of a thing: a plug-in, or a kind at a parameter, "cov@5"."""
        return ":" in name or "@" in name

    def source(self, name: str) -> str | None:
        """Return the fingerprint of the source of a plug-in's module; None for a built-in thing.

        It is part of the key of results that depend on the plug-in, so that they are recomputed when the plug-in changes.

        Raises:
            WeeError: there is no such plug-in, or its source cannot be read.
        """
        if name in self._things:
            return None
        self.find(name)
        module = sys.modules[name.partition(":")[0]]
        try:
            file = inspect.getsourcefile(module)
            content = Path(file or "").read_bytes()
        except (TypeError, OSError) as error:
            raise WeeError(f"the source of the {self.kind} {name} cannot be read: {error}") from None
        return hashlib.sha256(content).hexdigest()[:16]


def _load(kind: str, name: str) -> Any:
    """Import the object that a plug-in's name "module:Name" refers to."""
    module, _, attribute = name.partition(":")
    repair_on_import()  # a plug-in may import torchvision
    try:
        thing = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise WeeError(
            f"there is no {kind} '{name}': {error}; is the folder of {module}.py on the PYTHONPATH?"
        ) from None
    except AttributeError:
        raise WeeError(f"there is no {kind} '{name}': the module {module} has no {attribute}") from None
    return thing


def check_attributes(kind: str, name: str, thing: Any, needed: Iterable[str]) -> None:
    """Check that a plug-in's object has all the attributes that its kind needs.

    Raises:
        WeeError: it lacks an attribute; the message names all that are missing.
    """
    missing = [attribute for attribute in needed if not hasattr(thing, attribute)]
    if missing:
        raise WeeError(f"the {kind} {name} has no {', '.join(missing)}; a {kind} needs {', '.join(needed)}")


def call_plugin(kind: str, name: str, function: Callable[..., R], *arguments: Any) -> R:
    """Call a function of a plug-in.

    Args:
        kind: the kind of the plug-in, as messages name it ("score").
        name: "module:Name".
        function: the function.
        arguments: its arguments.

    Raises:
        WeeError: the function raised an exception; the message names the plug-in, the type and message of the exception, and
            the innermost line of the plug-in's module that was running.
        MemoryError: there was not enough memory, which is not a fault of the plug-in.
    """
    try:
        return function(*arguments)
    except MemoryError:
        raise
    except Exception as error:
        file = getattr(sys.modules.get(name.partition(":")[0]), "__file__", None)
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        place = f" ({file}, line {lines[-1]})" if lines else ""
        raise WeeError(f"the {kind} {name} raised {type(error).__name__}: {error}{place}") from error


def first_line(thing: object) -> str:
    """Return the first line of an object's own docstring, without that of a base class; empty if it has none."""
    return (thing.__doc__ or "").strip().partition("\n")[0]

"""The interface of export formats, and the check for packages that a format needs. Imports no torch."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from wee.errors import WeeError

if TYPE_CHECKING:
    from wee.cascade.module import Cascade


class ExportFormat(ABC):
    """A format in which cascades are exported.

    Attributes:
        name: The name that users type.
        label: The name on pages.
        help: A description of one line, for `--help`.
        packages: The packages that the format needs besides those of wee.
        extra: The extra of wee that installs them; empty if none does.
    """

    name: str
    label: str
    help: str
    packages: ClassVar[Sequence[str]] = ()
    extra: ClassVar[str] = ""

    def missing(self) -> list[str]:
        """Return the packages of the format that are not installed."""
        return [package for package in self.packages if importlib.util.find_spec(package) is None]

    def check_packages(self) -> None:
        """Check that the packages of the format are installed.

        Raises:
            WeeError: a package is missing; the message has the command that installs it.
        """
        missing = self.missing()
        if missing:
            needed = f"'wee[{self.extra}]'" if self.extra else " ".join(missing)
            raise WeeError(f"format={self.name} needs {' and '.join(missing)}: pip install {needed}")

    @abstractmethod
    def check(self, cascade: Cascade) -> None:
        """Check, before any work, that the format can hold a cascade.

        Args:
            cascade: loaded from a folder.

        Raises:
            WeeError: its score or its rule cannot be written in this format.
        """

    @abstractmethod
    def write(self, cascade: Cascade, folder: Path, done: Callable[[int], None]) -> dict[str, Any]:
        """Write a cascade, and check that what was written gives the same results.

        Args:
            cascade: loaded from a folder.
            folder: an existing, empty folder, which is renamed when everything is written.
            done: called with the number of stages that have been finished since the last call.

        Returns:
            What the command reports: plain data.

        Raises:
            WeeError: results differ, or a network cannot be written in this format.
        """

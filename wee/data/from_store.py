"""Typed config of a data set that has only imported logits and no images. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from wee.app.fields import Checked, written
from wee.data.config import LabelledConfig
from wee.data.splits import Part
from wee.errors import WeeError

if TYPE_CHECKING:
    from wee.data.base import Split


@dataclass
class StoredConfig(LabelledConfig):
    """A data set that has only logits in the store.

    Attributes:
        ood, shift: Which OOD sets and shifted test sets in the store to use: one, a list, "all", or an empty list.
    """

    kind: str = "stored"
    classes: int = 0
    ood: Checked[str | list[str]] = written("all")
    shift: Checked[str | list[str]] = written("all")

    def identity(self, split: Part) -> None:
        """Return None, because the samples are unknown."""

    def split(self, name: Part) -> Split:
        """Raise an error, because there are no images.

        Raises:
            WeeError: always.
        """
        self._refuse()

    def check_learnable(self) -> None:
        """Raise an error, because members cannot be trained without images.

        Raises:
            WeeError: always.
        """
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise WeeError(f"data set {self.name} has only logits in the store, and no images")

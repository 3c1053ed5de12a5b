"""A data set without images: imported logits. Imports no torch."""

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
    """A data set of which there are logits in the store, and nothing else.

    Attributes:
        ood, shift: Which OOD sets and shifted test sets in the store to use: one, a list, "all", or an empty list.
    """

    kind: str = "stored"
    classes: int = 0
    ood: Checked[str | list[str]] = written("all")
    shift: Checked[str | list[str]] = written("all")

    def identity(self, split: Part) -> None:
        """Return None: nobody knows what the samples are."""

    def split(self, name: Part) -> Split:
        """Refuse: there are no images.

        Raises:
            WeeError: always.
        """
        self._refuse()

    def check_learnable(self) -> None:
        """Refuse: there are no images.

        Raises:
            WeeError: always.
        """
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise WeeError(f"of data set {self.name} there are logits in the store, but no images")

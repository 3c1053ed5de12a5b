"""Typed config of a data set that has only imported logits and no images. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from wee.app.command import overrides
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
        ood, shift: Which OOD sets and shifted test sets in the store to use: one, a list, "all", or an empty list, for which
            `ood=none` and `shift=none` stand as well.
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
        raise WeeError(
            f"data set {self.name} has only logits in the store, and no images that networks could run on: import logits with "
            "wee import, and sweep or calibrate them with family=stored family.name=NAME"
        )


def chosen_sets(dataset: StoredConfig, kind: str) -> str | list[str]:
    """Return the sets in the store that are chosen by `dataset.ood` or `dataset.shift`, or none for `ood=none` or `shift=none`.

    Args:
        dataset: the config of the data set.
        kind: "ood" or "shift".

    Raises:
        WeeError: a choice of the config group contradicts that of the data set, or names a set of images.
    """
    wanted: str | list[str] = getattr(dataset, kind)
    for override in overrides():
        key, _, choice = override.partition("=")
        if key != kind:
            continue
        if choice != "none":
            raise WeeError(
                f"{override} names sets of images, and data set {dataset.name} has only logits in the store: choose its sets "
                f"with dataset.{kind}=NAME, or none with {kind}=none"
            )
        if wanted not in ("all", []):
            raise WeeError(f"{kind}=none contradicts dataset.{kind}={wanted}: leave out one of them")
        return []
    return wanted

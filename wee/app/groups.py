"""Config groups whose choices come from a catalogue, with no YAML file for each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wee.app.hydra_compat import store
from wee.catalogue import Catalogue


@dataclass(frozen=True)
class Group:
    """A config group that offers everything in a catalogue, plug-ins included.

    A YAML file in the group's folder that is named like a choice takes its place.

    Attributes:
        catalogue: what there is to choose from.
        node: gives the config of a choice, by its name. Choices that are listed (`group=[a,b]`) are merged in this order:
            mappings are united, and of anything else the last one holds.
    """

    catalogue: Catalogue[Any]
    node: Callable[[str], Mapping[str, Any]]

    def offer(self, group: str) -> None:
        """Make every built-in choice known to Hydra.

        Args:
            group: the name of the group.
        """
        for name in self.catalogue:
            self._store(group, name)

    def offer_made(self, group: str, name: str) -> None:
        """Make a plug-in, or a kind at a parameter, known to Hydra as a choice.

        Raises:
            WeeError: there is none.
        """
        self._store(group, name)

    def _store(self, group: str, name: str) -> None:
        node = dict(self.node(self.catalogue.find(name).name))
        store(name, node, group, provider="wee")

"""Many pieces of work in one job: one that fails does not stop the others, and is told twice."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig

from wee.errors import WeeError

log = logging.getLogger("wee")


class Failures:
    """Collects failures of pieces of work.

    Example:
        >>> failures = Failures()
        >>> with failures.of("s1 member 0"):
        ...     raise WeeError("it is not trained")
        >>> failures.tell()
        Traceback (most recent call last):
        wee.errors.WeeError: s1 member 0: it is not trained
    """

    def __init__(self) -> None:
        self.messages: list[str] = []

    @contextlib.contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Note a `WeeError` raised inside, tell it at once, and go on."""
        try:
            yield
        except WeeError as error:
            self.messages.append(f"{what}: {error}")
            log.error(f"failed: {self.messages[-1]}")

    def tell(self) -> None:
        """Tell all failures once more.

        Raises:
            WeeError: there were any.
        """
        if len(self.messages) == 1:
            raise WeeError(self.messages[0])
        if self.messages:
            listed = "\n".join(f"  {message}" for message in self.messages)
            raise WeeError(f"{len(self.messages)} pieces of work failed; the rest is done and kept.\n{listed}")


def report(**counts: Any) -> None:
    """Leave what a job did beside its log, as `report.json` in Hydra's output folder."""
    if HydraConfig.initialized():
        (Path(HydraConfig.get().runtime.output_dir) / "report.json").write_text(json.dumps(counts, indent=1) + "\n")

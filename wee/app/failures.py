"""Many pieces of work in one job: one that fails does not stop the others, and is told twice."""

from __future__ import annotations

import contextlib
import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any

from hydra.core.hydra_config import HydraConfig

from wee.app.command import output_dir
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
        """Note an exception raised inside, tell it at once, and go on; one that nobody foresaw is told with its traceback."""
        try:
            yield
        except WeeError as error:
            self.messages.append(f"{what}: {error}")
            log.error(f"failed: {self.messages[-1]}")
        except Exception as error:
            self.messages.append(f"{what}: {type(error).__name__}: {error}")
            log.error(f"failed: {self.messages[-1]} (the traceback is in the log in {_log_folder()})")
            log.info(traceback.format_exc(), extra={"file_only": True})

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


def _log_folder() -> str:
    return str(output_dir()) if HydraConfig.initialized() else "the console"


def report(**counts: Any) -> None:
    """Leave what a job did beside its log, as `report.json` in Hydra's output folder."""
    if HydraConfig.initialized():
        (output_dir() / "report.json").write_text(json.dumps(counts, indent=1) + "\n")

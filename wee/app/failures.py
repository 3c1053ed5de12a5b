"""Failures in jobs with many pieces of work: they do not stop the other pieces, and are reported again at the end."""

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
from wee.files import explain

log = logging.getLogger("wee")


class Failures:
    """Collects failures of pieces of work.

    Example:
        >>> failures = Failures()
        >>> with failures.of("s1 member 0"):
        ...     raise WeeError("it is not trained")
        >>> failures.raise_all()
        Traceback (most recent call last):
        wee.errors.WeeError: s1 member 0: it is not trained
    """

    def __init__(self) -> None:
        self.messages: list[str] = []

    @contextlib.contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Record and report an exception raised inside, and continue. Unexpected ones are logged with their traceback."""
        try:
            yield
        except WeeError as error:
            self.messages.append(f"{what}: {error}")
            log.error(f"failed: {self.messages[-1]}")
        except OSError as error:
            self.messages.append(f"{what}: {explain(error)}")
            log.error(f"failed: {self.messages[-1]}")
            log.info(traceback.format_exc(), extra={"file_only": True})
        except Exception as error:
            self.messages.append(f"{what}: {type(error).__name__}: {error}")
            log.error(f"failed: {self.messages[-1]} (the traceback is in the log in {_log_folder()})")
            log.info(traceback.format_exc(), extra={"file_only": True})

    def raise_all(self) -> None:
        """Report all failures at the end.

        Raises:
            WeeError: there was a failure; the message lists all of them.
        """
        if len(self.messages) == 1:
            raise WeeError(self.messages[0])
        if self.messages:
            listed = "\n".join(f"  {message}" for message in self.messages)
            raise WeeError(f"{len(self.messages)} pieces of work failed; the rest is done and kept.\n{listed}")


def _log_folder() -> str:
    return str(output_dir()) if HydraConfig.initialized() else "the console"


def report(**counts: Any) -> None:
    """Write what a job did to `report.json` in Hydra's output folder, beside its log."""
    if HydraConfig.initialized():
        try:
            (output_dir() / "report.json").write_text(json.dumps(counts, indent=1) + "\n")
        except OSError as error:
            log.warning(f"{output_dir() / 'report.json'} cannot be written: {explain(error)}")

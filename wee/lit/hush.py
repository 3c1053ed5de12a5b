"""Suppression of Lightning's messages, so that the terminal shows only those of wee."""

from __future__ import annotations

import logging
import warnings

NOISE = (
    ".*does not have many workers.*",
    ".*`isinstance.treespec.*",
    ".*LeafSpec.*",
    ".*smaller than the logging interval.*",
    ".*have no `val_dataloader`.*",
    ".*`srun` command is available on your system but is not used.*",
    ".*recommended to use `self.log.*sync_dist=True.*",  # our metrics are synchronised when they are computed
)
"""Warnings that do not apply here."""


def hush() -> None:
    """Silence Lightning's messages and warnings; call it after importing Lightning, which sets them up."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for noise in NOISE:
        warnings.filterwarnings("ignore", message=noise)

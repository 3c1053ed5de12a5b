"""Lightning leaves the terminal to wee."""

from __future__ import annotations

import logging
import warnings

NOISE = (
    ".*does not have many workers.*",
    ".*`isinstance.treespec.*",
    ".*LeafSpec.*",
    ".*smaller than the logging interval.*",
    ".*have no `val_dataloader`.*",
    ".*recommended to use `self.log.*sync_dist=True.*",  # our metrics are synchronised when they are computed
)
"""Advice that does not apply here."""


def hush() -> None:
    """Keep Lightning's own messages and advice back; call it after Lightning is imported, which sets them up."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for noise in NOISE:
        warnings.filterwarnings("ignore", message=noise)

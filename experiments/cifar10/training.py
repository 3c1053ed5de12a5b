"""How long each member in the store was trained, and on which machine: `training.csv`, and its table on the page README.md.

    python experiments/cifar10/training.py outputs/checkpoints    # after a training, on the machine that trained

adds the members in folders of checkpoints to `training.csv`. A time is that of certain weights: the page shows it beside the
logits of the same weights alone.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from words import SIZES, header, row

from wee.data.splits import TEST, VAL
from wee.machine import processor_name, processors
from wee.members.saved import ABOUT, saved_members
from wee.store import LogitStore

HERE = Path(__file__).parent
DATASET, FAMILY = "cifar10", "cifar_resnet"
FAMILIES = {FAMILY: SIZES, "msdnet_cifar": ("step1",)}
"""The families of the study, and the sizes of each."""

FILE = HERE / "training.csv"
COLUMNS = ["size", "member", "weights", "seconds", "processes", "machine"]
NOT_RECORDED = "not recorded"


def recorded(folder: Path, machine: str) -> pd.DataFrame:
    """Return the training times of the members in a folder of checkpoints.

    Args:
        folder: the folder.
        machine: what trained them, such as "AMD EPYC, 2 processors".
    """
    rows = []
    for saved in saved_members(folder):
        about = json.loads((saved / ABOUT).read_text())
        if saved.parts[-4] == DATASET and saved.parts[-3] in FAMILIES:
            size, member = saved.parts[-2], int(about["recipe"]["member"])
            rows.append((size, member, about["fingerprint"], about["seconds"], about["processes"], machine))
    return pd.DataFrame(rows, columns=COLUMNS)


def add(new: pd.DataFrame, file: Path = FILE) -> None:
    """Add training times to a file; weights that it knows keep theirs."""
    known = pd.read_csv(file) if file.exists() else new[:0]
    every = new if known.empty else pd.concat([known, new])
    every.drop_duplicates("weights").sort_values(["size", "member"]).to_csv(file, index=False)


def lines(store: Path = HERE / "store", file: Path = FILE, family: str = FAMILY) -> list[str]:
    """Return a table of every member of a family in the store: its accuracy, its training time and the machine.

    The accuracy of a multi-exit network is that of its last exit.
    """
    times = pd.read_csv(file).set_index("weights")
    table = header(["size", "member"], ["accuracy on validation", "accuracy on test", "training", "machine"])
    for size in FAMILIES[family]:
        accuracies: dict[int, dict[str, float]] = {}
        weights: dict[int, str] = {}
        for entry in LogitStore(store).entries_of(DATASET, family, size):
            split, member = entry.address.split, entry.address.member
            if split in (VAL, TEST):
                logits = entry.logits if entry.logits.ndim == 2 else entry.logits[-1]  # [exits, samples, classes]
                correct = np.argmax(logits, axis=1) == entry.labels
                accuracies.setdefault(member, {})[str(split)] = 100 * float(correct.mean())
                weights[member] = str(entry.manifest["identity"]["weights"])
        for member, accuracy in sorted(accuracies.items()):
            cells = [f"{accuracy[str(split)]:.2f}" if str(split) in accuracy else "-" for split in (VAL, TEST)]
            if weights[member] in times.index:
                known = times.loc[weights[member]]
                cells += [f"{known.seconds / 60:.1f} min", known.machine if pd.notna(known.machine) else NOT_RECORDED]
            else:
                cells += [NOT_RECORDED] * 2
            table.append(row([size, str(member), *cells]))
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path, nargs="+", help="folders of checkpoints")
    parser.add_argument(
        "--machine", default=f"{processor_name()}, {processors()} processors", help="what trained the members"
    )
    arguments = parser.parse_args()
    for checkpoints in arguments.checkpoints:
        add(recorded(checkpoints, arguments.machine))

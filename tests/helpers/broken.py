"""Stores with leftovers and damage, made by the tests."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np

from wee.files import MACHINE
from wee.store import LogitStore

KEY = "0123456789abcdef"
"""The key of things in the store that are no entries."""

DEAD = f"{socket.gethostname()}:999999999:gone:{MACHINE}"
"""The content of the lock of a dead process of this machine."""


def entry_folder(store: LogitStore, path: str) -> Path:
    """The folder of the single entry with an address such as toy/made/s1/0/val."""
    (folder,) = (one for one in store.root.glob(f"{path}-*") if one.is_dir() and "." not in one.name)
    return folder


def flip(path: Path, place: int = -1) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def age(path: Path, seconds: float) -> None:
    """Make a folder, and everything in it, older."""
    for one in [path, *path.rglob("*")]:
        changed = one.stat().st_mtime - seconds
        os.utime(one, (changed, changed))


def add_unfinished(member: Path, name: str = f"val-{KEY}", samples: int = 40) -> Path:
    """Put pieces of an unfinished entry into the folder of a member; returns their folder."""
    partial = member / f"{name}.partial"
    (partial / "pieces").mkdir(parents=True)
    with (partial / "pieces" / "a.npz").open("wb") as file:
        np.savez(file, index=np.arange(samples), logits=np.zeros((samples, 5), np.float32))
    return partial

"""Checkpoints: a member's weights without pickle, beside what made them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from wee.errors import WeeError
from wee.files import commit_folder, temporary_folder, write_json

log = logging.getLogger("wee")

WEIGHTS, ABOUT = "weights.safetensors", "member.json"


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """What identifies weights: 16 hexadecimal digits of their names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        tensor = tensor.detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def save(folder: Path, network: nn.Module, about: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a member: all of it appears in one rename, or none of it.

    Args:
        folder: of the member; nothing in an existing one is touched.
        network: whose weights are kept.
        about: what made them; the fingerprint is added.

    Returns:
        What was written about the member.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    complete = {**about, "fingerprint": fingerprint(state)}
    temporary = temporary_folder(folder)
    save_file(state, temporary / WEIGHTS)
    write_json(temporary / ABOUT, complete)
    commit_folder(temporary, folder)
    return complete


def about(folder: Path) -> dict[str, Any] | None:
    """What is known about the member in a folder; None where there is none."""
    try:
        found: dict[str, Any] = json.loads((folder / ABOUT).read_text())
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise WeeError(f"{folder / ABOUT} is damaged; move {folder} away and train the member again") from None
    return found


def read(folder: Path) -> tuple[dict[str, Tensor], str]:
    """A member's weights, and their fingerprint, computed from what was read.

    Weights that are not those that were written are used as what they are, with a warning: their logits are new entries.

    Raises:
        WeeError: the weights are missing or cannot be read.
    """
    known = about(folder)
    path = folder / WEIGHTS
    if known is None or not path.is_file():
        raise WeeError(f"there is no member in {folder}: {ABOUT if known is None else WEIGHTS} is missing")
    try:
        state: dict[str, Tensor] = load_file(path)
    except Exception as error:
        raise WeeError(f"{path} cannot be read ({error}); move {folder} away and train the member again") from None
    found = fingerprint(state)
    if found != known["fingerprint"]:
        log.warning(
            f"{path} has changed since it was written (fingerprint {found}, then {known['fingerprint']}): if you did not "
            f"change it, it is damaged; move {folder} away and train the member again"
        )
    return state, found


def load(state: Mapping[str, Tensor], network: nn.Module, where: object) -> None:
    """Put weights into a network of their architecture.

    Args:
        state: the weights.
        network: takes them.
        where: they come from, for messages.

    Raises:
        WeeError: they belong to another architecture; the message names the keys.
    """
    wanted = network.state_dict()
    different = [k for k in wanted.keys() & state.keys() if wanted[k].shape != state[k].shape]
    if different or wanted.keys() != state.keys():
        lists = {
            "missing": wanted.keys() - state.keys(),
            "not wanted": state.keys() - wanted.keys(),
            "of another shape": different,
        }
        told = "; ".join(f"{what}: {', '.join(sorted(keys)[:5])}" for what, keys in lists.items() if keys)
        raise WeeError(f"the weights in {where} are of another architecture ({told})")
    network.load_state_dict(state)

"""Checkpoints: a member's weights without pickle, beside what made them."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from wee.errors import WeeError
from wee.files import write_json

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
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    temporary.mkdir()
    save_file(state, temporary / WEIGHTS)
    write_json(temporary / ABOUT, complete)
    try:
        temporary.rename(folder)
    except OSError:
        shutil.rmtree(temporary)
        if not (folder / ABOUT).is_file():
            raise
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


def load(folder: Path, network: nn.Module) -> str:
    """Put a member's weights into a network of its architecture.

    Returns:
        Their fingerprint, computed from what was read.

    Raises:
        WeeError: the weights are missing or damaged, or belong to another architecture; the message names the keys.
    """
    known = about(folder)
    path = folder / WEIGHTS
    if known is None or not path.is_file():
        raise WeeError(f"there is no member in {folder}: {ABOUT if known is None else WEIGHTS} is missing")
    try:
        state = load_file(path)
    except Exception as error:
        raise WeeError(f"{path} cannot be read ({error}); move {folder} away and train the member again") from None
    found = fingerprint(state)
    if found != known["fingerprint"]:
        raise WeeError(
            f"{path} is damaged: its weights have the fingerprint {found}, but {known['fingerprint']} was written; "
            f"move {folder} away and train the member again"
        )
    wanted = network.state_dict()
    different = [k for k in wanted.keys() & state.keys() if wanted[k].shape != state[k].shape]
    if different or wanted.keys() != state.keys():
        lists = {
            "missing": wanted.keys() - state.keys(),
            "not wanted": state.keys() - wanted.keys(),
            "of another shape": different,
        }
        told = "; ".join(f"{what}: {', '.join(sorted(keys)[:5])}" for what, keys in lists.items() if keys)
        raise WeeError(f"the weights in {path} are of another architecture ({told})")
    network.load_state_dict(state)
    return found

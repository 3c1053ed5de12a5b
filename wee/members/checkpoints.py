"""Checkpoints: a member's weights without pickle, beside what made them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Mapping
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

    Batch norm's `num_batches_tracked` may be missing, as in old checkpoints, since inference does not use it: the network
    keeps its own.

    Args:
        state: the weights.
        network: takes them.
        where: they come from, for messages.

    Raises:
        WeeError: they belong to another architecture; the message names the keys.
    """
    wanted = network.state_dict()
    problems = {
        "missing": {key for key in wanted.keys() - state.keys() if key.split(".")[-1] != "num_batches_tracked"},
        "not wanted": state.keys() - wanted.keys(),
        "of another shape": {key for key in wanted.keys() & state.keys() if wanted[key].shape != state[key].shape},
    }
    if any(problems.values()):
        listed = "; ".join(f"{what}: {', '.join(sorted(keys)[:5])}" for what, keys in problems.items() if keys)
        raise WeeError(f"the weights in {where} are of another architecture ({listed})")
    network.load_state_dict({**wanted, **state})


_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "network")
_PREFIXES = ("module.", "_orig_mod.", "model.", "network.")


def read_file(path: Path, wanted: Collection[str]) -> dict[str, Tensor]:
    """Weights in a file of somebody else's: safetensors, or a torch file of plain tensors.

    Dicts around the weights are opened, and prefixes of wrappers (`module.` of DataParallel, `_orig_mod.` of compilation)
    are stripped as long as that brings the names nearer to those wanted. Code in a pickle is not run.

    Args:
        path: of the file.
        wanted: names of the network's weights.

    Raises:
        WeeError: the file is not there, cannot be read, holds more than tensors, or no weights.
    """
    if not path.is_file():
        raise WeeError(f"there is no checkpoint {path}")
    try:
        if path.suffix == ".safetensors":
            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        first = str(error).splitlines()[0]
        raise WeeError(
            f"the checkpoint {path} cannot be read as plain tensors (pickled code is not run): {first}"
        ) from None
    for wrapper in _WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping):
            found = found[wrapper]
            break
    state = (
        {str(name): tensor for name, tensor in found.items() if isinstance(tensor, Tensor)}
        if isinstance(found, Mapping)
        else {}
    )
    if not state:
        raise WeeError(f"the checkpoint {path} holds no weights by name; a state dict is needed")
    return _stripped(state, wanted)


def _stripped(state: dict[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
    best, known = state, set(wanted)
    while True:
        shorter = [
            {name.removeprefix(prefix): tensor for name, tensor in best.items()}
            for prefix in _PREFIXES
            if all(name.startswith(prefix) for name in best)
        ]
        better = max(shorter, key=lambda one: len(known & one.keys()), default=None)
        if better is None or len(known & better.keys()) < len(known & best.keys()):
            return best
        best = better

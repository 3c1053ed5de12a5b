"""Checkpoints: the weights of a member, stored without pickle, and a record of what made them."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from wee.errors import WeeError, first_line
from wee.files import commit_folder, staged, write_json
from wee.members import saved

log = logging.getLogger("wee")

WEIGHTS, ABOUT = saved.WEIGHTS, saved.ABOUT


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """Return what identifies weights: 16 hexadecimal digits of a hash of their names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        tensor = tensor.detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def write_weights(state: Mapping[str, Tensor], path: Path) -> None:
    """Write weights as safetensors.

    Raises:
        OSError: the file cannot be written; safetensors itself raises an error of its own, without an error number.
    """
    try:
        save_file(dict(state), path)
    except SafetensorError as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from None


def save(folder: Path, network: nn.Module, about: Mapping[str, Any]) -> dict[str, Any]:
    """Save a member atomically: the whole folder appears in one rename, or nothing does.

    Args:
        folder: the folder of the member; an existing folder is left as it is.
        network: the network whose weights are saved.
        about: what made the weights; their fingerprint is added.

    Returns:
        What was written about the member.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    complete = {**about, "fingerprint": fingerprint(state)}
    with staged(folder) as temporary:
        write_weights(state, temporary / WEIGHTS)
        write_json(temporary / ABOUT, complete)
        commit_folder(temporary, folder)
    return complete


def about(folder: Path) -> dict[str, Any] | None:
    """Read what is known about the member in a folder; return None if there is no member.

    Raises:
        WeeError: the file is damaged.
    """
    try:
        known: Any = json.loads((folder / ABOUT).read_text())
        if not isinstance(known, dict) or not isinstance(known.get("fingerprint"), str):
            raise ValueError("it has no fingerprint")
    except FileNotFoundError:
        return None
    except ValueError:
        raise WeeError(f"{folder / ABOUT} is damaged; move {folder} away and train the member again") from None
    return known


def read(folder: Path) -> tuple[dict[str, Tensor], str]:
    """Read the weights of a member, and compute their fingerprint.

    If the weights have changed since they were saved, they are used with a warning; their logits get entries of their own.

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
    current = fingerprint(state)
    if current != known["fingerprint"]:
        log.warning(
            f"{path} has changed since it was written (fingerprint {current}, then {known['fingerprint']}): if you did not "
            f"change it, it is damaged; move {folder} away and train the member again"
        )
    return state, current


def load(state: Mapping[str, Tensor], network: nn.Module, where: object) -> None:
    """Load weights into a network of the same architecture.

    `num_batches_tracked` of batch norms may be missing, as in old checkpoints: inference does not use it, and the network
    keeps the value it has.

    Args:
        state: the weights.
        network: the network to load them into.
        where: where the weights come from, for messages.

    Raises:
        WeeError: the weights belong to another architecture; the message names the keys.
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
    """Read weights from a file that was not made here: safetensors, or a torch file of plain tensors.

    Dictionaries around the weights are unwrapped. Prefixes of wrappers (`module.` of DataParallel, `_orig_mod.` of
    compilation) are stripped as long as more names then match the wanted ones. Pickled code is never run.

    Args:
        path: the file.
        wanted: the names of the network's weights.

    Raises:
        WeeError: the file is missing, cannot be read, holds anything but tensors, or holds no weights.
    """
    if not path.is_file():
        raise WeeError(f"there is no checkpoint {path}")
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeeError(
            f"the checkpoint {path} cannot be read as plain tensors (pickled code is not run): {first_line(error)}"
        ) from None
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    state = (
        {str(name): tensor for name, tensor in content.items() if isinstance(tensor, Tensor)}
        if isinstance(content, Mapping)
        else {}
    )
    if not state:
        raise WeeError(f"the checkpoint {path} holds no weights by name; a state dict is needed")
    return _stripped(state, wanted)


def _stripped(state: dict[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
    """Strip prefixes shared by all names, as long as no fewer names match the wanted ones."""
    best, known = state, set(wanted)
    while True:
        shorter = [
            {name.removeprefix(prefix): tensor for name, tensor in best.items()}
            for prefix in _PREFIXES
            if all(name.startswith(prefix) for name in best)
        ]
        better = max(shorter, key=lambda candidate: len(known & candidate.keys()), default=None)
        if better is None or len(known & better.keys()) < len(known & best.keys()):
            return best
        best = better

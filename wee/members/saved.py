"""The files of a saved member, checked without torch: whether they can be read, and whether the weights are those saved."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wee.files import CHUNK

WEIGHTS, ABOUT = "weights.safetensors", "member.json"

_HEADER_LIMIT = 100_000_000  # bytes; the limit of the safetensors format

_DTYPES = {
    "F64": ("torch.float64", 8),
    "F32": ("torch.float32", 4),
    "F16": ("torch.float16", 2),
    "BF16": ("torch.bfloat16", 2),
    "I64": ("torch.int64", 8),
    "I32": ("torch.int32", 4),
    "I16": ("torch.int16", 2),
    "I8": ("torch.int8", 1),
    "U8": ("torch.uint8", 1),
    "BOOL": ("torch.bool", 1),
}
"""Types in safetensors files: the name in torch, and the size of a number in bytes."""


def saved_members(checkpoints: Path) -> Iterator[Path]:
    """Yield the folders of all saved members, DATASET/FAMILY/SCALE/MEMBER-KEY below the folder of checkpoints, sorted."""
    for folder in sorted(checkpoints.glob("*/*/*/*-*")):
        hidden = any(part.startswith(".") for part in folder.relative_to(checkpoints).parts)
        if not hidden and folder.is_dir() and ((folder / ABOUT).exists() or (folder / WEIGHTS).exists()):
            yield folder


def damage_of(folder: Path) -> str:
    """Return what is damaged in the folder of a saved member; empty if nothing is. Reads every byte of the weights."""
    try:
        about: dict[str, Any] = json.loads((folder / ABOUT).read_text())
        expected = str(about["fingerprint"])
    except FileNotFoundError:
        return f"{ABOUT} is missing"
    except (ValueError, KeyError, TypeError) as error:
        return f"{ABOUT} is not what was written ({type(error).__name__}: {error})"
    try:
        current = fingerprint_of(folder / WEIGHTS)
    except FileNotFoundError:
        return f"{WEIGHTS} is missing"
    except ValueError as error:
        return f"{WEIGHTS} cannot be read ({error})"
    if current != expected:
        return f"{WEIGHTS} is not what was written (its fingerprint is {current}, {expected} was saved)"
    return ""


def fingerprint_of(path: Path) -> str:
    """Return what identifies the weights in a safetensors file, as `wee.members.checkpoints.fingerprint` does.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a complete safetensors file.
    """
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, _HEADER_LIMIT):
            raise ValueError("its header is damaged")
        tensors = json.loads(file.read(length))
        if not isinstance(tensors, dict):
            raise ValueError("its header is damaged")
        tensors.pop("__metadata__", None)
        first, last = 8 + length, 0
        for name, tensor in sorted(tensors.items()):
            dtype, shape, begin, end = _layout(tensor)
            if first + end > size:
                raise ValueError(f"it ends early: it has {size:,} bytes, the weights end at {first + end:,}")
            last = max(last, end)
            digest.update(f"{name}|{dtype}|{shape}|".encode())
            file.seek(first + begin)
            for start in range(begin, end, CHUNK):
                digest.update(file.read(min(CHUNK, end - start)))
        if first + last != size:
            raise ValueError(f"it has {size - first - last:,} bytes too many")
    return digest.hexdigest()[:16]


def _layout(tensor: Any) -> tuple[str, tuple[int, ...], int, int]:
    """Return the type, the shape, and the first and last byte of a tensor, from its entry in the header of a file.

    Raises:
        ValueError: the entry is damaged, or the type is not known.
    """
    try:
        dtype, width = _DTYPES[tensor["dtype"]]
        shape = tuple(int(length) for length in tensor["shape"])
        begin, end = (int(offset) for offset in tensor["data_offsets"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its header is damaged ({type(error).__name__}: {error})") from None
    if not 0 <= begin <= end or end - begin != math.prod(shape) * width:
        raise ValueError("its header is damaged: the size of a tensor differs from its shape")
    return dtype, shape, begin, end

"""Reading other people's logits: `.npz`, `.safetensors`, and the paper authors' torch files."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wee.errors import WeeError, unknown
from wee.method.prefixes import NO_LABEL

LABELLED = ("val", "test")


@dataclass(frozen=True)
class Imported:
    """One split of what was read.

    Attributes:
        logits: [members, N, classes], or [exits, N, classes] of one multi-exit network.
        labels: [N]; `NO_LABEL` for an OOD set.
        ids: an id for every sample [N], bytes.
        groups: what samples depend on together [N], bytes.
    """

    logits: NDArray[np.floating]
    labels: NDArray[np.int64]
    ids: NDArray[np.bytes_]
    groups: NDArray[np.bytes_]


def read(
    files: Sequence[Path],
    labels: Mapping[str, str],
    names: Mapping[str, str],
    variant: str | None,
    ood: Sequence[str] = (),
) -> dict[str, Imported]:
    """Read and check logits on a validation split, a test split and OOD sets.

    Args:
        files: one file with all members, or one for each member. In `.npz` and `.safetensors`: `val_logits`, `test_logits`
            and `NAME_logits` for other sets, [members, N, classes] or [N, classes] in a member's own file; `val_labels` and
            `test_labels` [N], and `NAME_labels` of labelled shifted test sets (sets without are OOD); optionally
            `NAME_ids` and `NAME_groups` [N]. In the authors' torch files
            `{"afp, wfp": {"imagenet": tensor, "imagenet_val": tensor, ..}}`, or `{"imagenet": {"head1": tensor, ..}}`.
        labels: files of the labels of "val" and "test", where the logits' files have none: `.npy`, `.npz` with one array, or
            text with a number a line.
        names: for other names than these: the split ("val", "test" or an OOD set's name) of each name in the files.
        ood: sets that are OOD although they have labels.
        variant: which entry of an authors' file to take, where it has several.

    Returns:
        By split: "val", "test", "ood-NAME" and "shift-NAME".

    Raises:
        WeeError: a file cannot be read or holds pickled objects, or arrays do not fit together; the message says which.
    """
    parts = [_rename(_arrays(path, variant), names) for path in files]
    splits = {}
    found = list(
        dict.fromkeys(key.removesuffix("_logits") for part in parts for key in part if key.endswith("_logits"))
    )
    for name in LABELLED:
        if name not in found:
            raise WeeError(f"{files[0]} has no {name}_logits; it has {', '.join(sorted(parts[0])) or 'nothing'}")
    for name in found:
        kind = "shift" if name not in ood and (f"{name}_labels" in parts[0] or name in labels) else "ood"
        splits[name if name in LABELLED else f"{kind}-{name}"] = _split(name, files, parts, labels, kind == "shift")
    widths = {split: one.logits.shape[-1] for split, one in splits.items()}
    counts = {split: one.logits.shape[0] for split, one in splits.items()}
    for what, sizes in (("classes", widths), ("members or exits", counts)):
        if len(set(sizes.values())) > 1:
            raise WeeError(f"the splits of {files[0]} differ in their number of {what}: {sizes}")
    return splits


def _split(
    name: str, files: Sequence[Path], parts: Sequence[Mapping[str, Any]], label_files: Mapping[str, str], shifted: bool
) -> Imported:
    stacks = []
    for path, part in zip(files, parts, strict=True):
        if f"{name}_logits" not in part:
            raise WeeError(f"{path} has no {name}_logits, which {files[0]} has")
        logits = _logits(f"{name}_logits in {path}", part[f"{name}_logits"])
        if len(files) > 1 and len(logits) > 1:
            raise WeeError(f"{name}_logits in {path} has {len(logits)} members; of several files each holds one member")
        stacks.append(logits)
    shapes = {str(path): stack.shape[1:] for path, stack in zip(files, stacks, strict=True)}
    if len(set(shapes.values())) > 1:
        raise WeeError(f"the members' {name}_logits differ in shape (samples, classes): {shapes}")
    logits = stacks[0] if len(stacks) == 1 else np.concatenate(stacks)
    count, classes = logits.shape[1:]
    labels = np.full(count, NO_LABEL, dtype=np.int64)
    if name in LABELLED or shifted:
        labels = _labels(name, files[0], parts[0], label_files, count, classes)
    ids = parts[0].get(f"{name}_ids", np.array([f"{name}-{i}" for i in range(count)]))
    groups = parts[0].get(f"{name}_groups", ids)
    for what, array in (("ids", ids), ("groups", groups)):
        if np.shape(array) != (count,):
            raise WeeError(f"{name}_{what} in {files[0]} has shape {np.shape(array)}; there are {count} samples")
    if len(np.unique(ids)) < count:
        raise WeeError(f"{name}_ids in {files[0]} names a sample twice")
    return Imported(logits, labels, _bytes(ids), _bytes(groups))


def _bytes(names: Any) -> NDArray[np.bytes_]:
    names = np.asarray(names)
    return names if names.dtype.kind == "S" else np.char.encode(names.astype(np.str_), "utf-8")


def _logits(what: str, array: Any) -> NDArray[np.floating]:
    logits = np.asarray(array)
    if logits.dtype.kind != "f":
        raise WeeError(f"{what} are {logits.dtype}; logits are floating-point numbers")
    if logits.ndim == 2:
        logits = logits[None]
    if logits.ndim != 3 or 0 in logits.shape:
        raise WeeError(
            f"{what} have shape {np.shape(array)}; it must be [members, samples, classes] or [samples, classes]"
        )
    if not np.isfinite(logits).all():
        member, sample, _ = (int(place[0]) for place in np.nonzero(~np.isfinite(logits)))
        wrong = int((~np.isfinite(logits)).sum())
        raise WeeError(f"{what}: {wrong} values are not finite, the first of member {member}, sample {sample}")
    return logits


def _labels(
    name: str, path: Path, part: Mapping[str, Any], files: Mapping[str, str], count: int, classes: int
) -> NDArray[np.int64]:
    if name in files:
        path = Path(files[name])
        found = _label_file(path)
    elif f"{name}_labels" in part:
        found = np.asarray(part[f"{name}_labels"])
    else:
        raise WeeError(f"{path} has no {name}_labels; name a file that has them: +labels.{name}=FILE")
    if found.dtype.kind not in "iu":
        raise WeeError(f"the {name} labels in {path} are {found.dtype}; labels are whole numbers")
    if found.shape != (count,):
        raise WeeError(f"the {name} labels in {path} have shape {found.shape}, but there are {count} samples")
    if found.min() < 0 or found.max() >= classes:
        raise WeeError(
            f"the {name} labels in {path} run from {found.min()} to {found.max()}, but the logits have {classes} classes: "
            f"labels lie in 0..{classes - 1}"
        )
    return found.astype(np.int64)


def _label_file(path: Path) -> NDArray[Any]:
    try:
        if path.suffix == ".npy":
            loaded: NDArray[Any] = np.load(path, allow_pickle=False)
            return loaded
        if path.suffix == ".npz":
            (array,) = _npz(path).values()
            return np.asarray(array)
        return np.loadtxt(path, dtype=np.int64, ndmin=1)
    except FileNotFoundError:
        raise WeeError(f"there is no file {path}") from None
    except (ValueError, OSError, EOFError) as error:
        raise WeeError(f"{path} cannot be read as labels: {error}") from None


def _arrays(path: Path, variant: str | None) -> dict[str, Any]:
    """The arrays of a file, whatever its kind, by name."""
    if not path.is_file():
        raise WeeError(f"there is no file {path}")
    readers = {".npz": _npz, ".safetensors": _safetensors}
    if path.suffix in readers:
        return readers[path.suffix](path)
    if path.suffix in (".pt", ".pth", ".pkl", ".bin", ".tar"):
        return _authors(path, variant)
    raise unknown("kind of logit file", path.suffix or path.name, [*readers, ".pt", ".pth"])


def _npz(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, EOFError, OSError, KeyError) as error:
        raise WeeError(f"{path} is damaged or no .npz file: {error}") from None
    except ValueError as error:
        pickled = "pickle" in str(error).lower()
        why = "it holds pickled Python objects, which could run code and are not read" if pickled else str(error)
        raise WeeError(f"{path} cannot be read: {why}") from None


def _safetensors(path: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except Exception as error:
        raise WeeError(f"{path} is damaged or no .safetensors file: {error}") from None


def _authors(path: Path, variant: str | None) -> dict[str, Any]:
    """The paper authors' files, read without running what they may hold."""
    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        first = str(error).splitlines()[0]
        raise WeeError(f"{path} cannot be read as plain tensors (pickled code is not run): {first}") from None
    if not isinstance(loaded, dict) or not loaded:
        raise WeeError(f"{path} holds a {type(loaded).__name__}; a dict of tensors by data set is needed")
    inner = next(iter(loaded.values()))
    if isinstance(inner, dict) and not any(str(key).startswith("head") for key in inner):
        if variant is None and len(loaded) > 1:
            raise WeeError(
                f"{path} has several variants; choose one: variant={next(iter(loaded))!r} of {sorted(loaded)}"
            )
        chosen = variant if variant is not None else next(iter(loaded))
        if chosen not in loaded:
            raise unknown("variant", chosen, loaded, of=str(path))
        loaded = loaded[chosen]
    arrays = {}
    for name, value in loaded.items():
        key = {"imagenet": "test", "imagenet_val": "val"}.get(str(name), str(name).replace("-", "_"))
        if isinstance(value, dict):
            heads = sorted(value, key=lambda head: int("".join(filter(str.isdigit, str(head))) or 0))
            value = torch.stack([value[head] for head in heads])
        if not isinstance(value, torch.Tensor):
            raise WeeError(f"{name} in {path} is a {type(value).__name__}; it must be a tensor")
        arrays[f"{key}_logits"] = value.float().numpy() if value.is_floating_point() else value.numpy()
    return arrays


def _rename(arrays: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    renamed = {}
    for key, value in arrays.items():
        name, _, kind = key.rpartition("_")
        renamed[f"{names.get(name, name)}_{kind}"] = value
    return renamed

"""Checks of folders: space and permissions, the store, locks, data sets and launchers."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wee.doctor.base import Finding, Surroundings, note, ok, problem, warning
from wee.machine import nearest_folder
from wee.units import counted, in_bytes

WRITTEN, READ = ("outputs", "store", "checkpoints"), ("data",)
"""The folders of the config that commands write to, and those that they only read."""

LEAST_SPACE, FULL = 2e9, 1e8
"""Free space below which there is a warning, and a problem, in bytes."""

MANY = 5
"""How many things of a kind are listed."""

SLURM = ("sbatch", "srun", "squeue", "sinfo", "scancel")


def check_folders(surroundings: Surroundings) -> Iterator[Finding]:
    """Report whether folders can be written to, and how much space is free."""
    spaces: dict[int, float] = {}
    for name in (*WRITTEN, *READ):
        folder = surroundings.folder(name)
        if folder.exists() and not folder.is_dir():
            yield problem(
                f"paths.{name} is {folder}, which is a file", f"give every command a folder: paths.{name}=FOLDER"
            )
            continue
        place = nearest_folder(folder)
        state = "" if folder.is_dir() else " (does not exist yet)"
        if name in READ:
            yield ok(f"paths.{name}: {folder}{state}", exists=folder.is_dir())
            continue
        if error := _cannot_write(place):
            what = f"{folder} cannot be written to" if place == folder else f"{folder} cannot be made in {place}"
            yield problem(
                f"paths.{name}: {what} ({error}): reading works, commands that write there fail",
                f"change the permissions, or give every command another folder: paths.{name}=FOLDER",
            )
            continue
        free = float(shutil.disk_usage(place).free)
        text = f"paths.{name}: {folder}{state}, {in_bytes(free)} free"
        device = place.stat().st_dev
        if device in spaces:
            yield ok(text, free=free)
        elif free < LEAST_SPACE:
            level = problem if free < FULL else warning
            yield level(
                f"{text}, which is little", "make space; runs that find the disk full keep what they have, and go on later",
                "wee store gc", free=free,
            )  # fmt: skip
        else:
            yield ok(text, free=free)
        spaces[device] = free
        if os.statvfs(place).f_files and os.statvfs(place).f_favail < 1000:
            yield problem(f"the file system of {place} can hold no more files", "remove files that are not needed")


def _cannot_write(folder: Path) -> str:
    """Return why no file can be made in a folder; empty if one can."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b".")
    except OSError as error:
        return error.strerror or str(error)
    return ""


def check_store(surroundings: Surroundings) -> Iterator[Finding]:
    """Report what is in the store and what is damaged in it: what shows at once, or everything."""
    from wee.store.inventory import LOCK, take_inventory

    root = surroundings.folder("store")
    if not root.is_dir():
        yield ok(f"there is no store in {root} yet; wee evaluate and wee import make one", entries=0)
        return
    inventory = take_inventory(root)
    entries = [item for item in inventory.items if not item.unfinished]
    damaged = [item for item in entries if item.damage]
    size = in_bytes(sum(item.size for item in inventory.items))
    found = _damages(inventory) if surroundings.full else []
    if not damaged and not found:
        how = "read completely, none is damaged" if surroundings.full else "no damage shows"
        yield ok(f"{counted(len(entries), 'entry', 'entries')} in {root}, {size}: {how}", entries=len(entries))
    if not surroundings.full and entries and not damaged:
        yield note("checksums are not compared here", "if something looks wrong, read everything", "wee store verify")
    shown = found or [(item.place.path, item.damage, inventory.repair(item)) for item in damaged]
    for what, detail, repair in shown[:MANY]:
        yield problem(f"{what} is damaged: {detail}", "make it again (the damaged one is set aside)", repair)
    if len(shown) > MANY:
        yield problem(f"and {counted(len(shown) - MANY, 'more thing')} in the store", "list all", "wee store verify")
    unfinished = [item for item in inventory.items if item.unfinished and not item.locked]
    if unfinished:
        some = ", ".join(item.place.path for item in unfinished[:3])
        yield note(
            f"{counted(len(unfinished), 'entry', 'entries')} unfinished: {some}{' ..' if len(unfinished) > 3 else ''}",
            "the command that was interrupted goes on from there", inventory.repair(unfinished[0]),
        )  # fmt: skip
    left = [leftover for leftover in inventory.leftovers if leftover.kind != LOCK]
    if left:
        size = in_bytes(sum(leftover.size for leftover in left))
        yield note(
            f"{counted(len(left), 'leftover')} of interrupted runs and repairs, {size}", "look at them", "wee store gc"
        )


def _damages(inventory: Any) -> list[tuple[str, str, str]]:
    """Read the whole store, and return what is damaged: what, how, and the command that repairs it."""
    from wee.machine import processors
    from wee.store.audit import audit, examinations

    work = examinations(inventory, inventory.items, scores=True)
    damages = audit(work, processors(), lambda size: None)
    return [
        (one.what, one.detail + (f"; the command {one.remark}" if one.remark else ""), one.repair) for one in damages
    ]


def check_locks(surroundings: Surroundings) -> Iterator[Finding]:
    """Report locks of dead processes, and who is working at the moment."""
    from wee.files import Lock

    store, checkpoints = surroundings.folder("store"), surroundings.folder("checkpoints")
    paths = [*store.glob("*/*/*/*/*.lock"), *store.glob(".scores/*/*.lock"), *checkpoints.glob("*/*/*/*.lock")]
    dead, elsewhere, alive = [], [], []
    for path in sorted(paths):
        lock = Lock(path)
        if lock.is_stale():
            dead.append(path)
        elif lock.elsewhere:
            elsewhere.append(f"{path} ({lock.holder()})")
        else:
            alive.append(f"{path} ({lock.holder()})")
    if dead:
        yield note(
            f"{counted(len(dead), 'lock')} of processes that were killed: {_some(dead)}",
            "nothing: the next command that needs one takes it over",
            locks=[str(path) for path in dead],
        )
    if elsewhere:
        yield note(
            f"{counted(len(elsewhere), 'lock')} of other machines: {_some(elsewhere)}",
            "nothing: they count as dead if they are not refreshed for a minute",
        )
    if alive:
        yield ok(f"at work now: {_some(alive)}")
    if not paths:
        yield ok("no lock is held")


def _some(things: Sequence[object]) -> str:
    return ", ".join(map(str, things[:3])) + (" .." if len(things) > 3 else "")


def check_data(surroundings: Surroundings) -> Iterator[Finding]:
    """Report which of the known data sets are there."""
    import yaml

    if importlib.util.find_spec("sklearn") is not None:
        yield ok("digits and photos: they come with scikit-learn")
    present, absent = [], []
    for group in ("dataset", "ood", "shift"):
        for folder in surroundings.conf:
            for file in sorted((folder / group).glob("*.yaml")):
                for about in _data_sets(yaml.safe_load(file.read_text())):
                    root = str(about["root"]).replace("${paths.data}", surroundings.paths["data"])
                    if "${" in root or file.stem == "folder":
                        continue
                    name = f"{group}={file.stem}"
                    if not Path(root).is_dir():
                        absent.append(name)
                    elif _has_images(Path(root), about):
                        present.append(f"{name} in {root}")
                    else:
                        yield warning(
                            f"{name}: {root} is there, but has nothing of what is expected in it", "see what is expected",
                            f"wee data check {name}",
                        )  # fmt: skip
    if present:
        yield ok(f"there: {', '.join(present)}", present=present)
    if absent:
        yield ok(
            f"not there: {', '.join(absent)}. None is needed for the demo or for sweeps; docs/data.md says where they come "
            "from, and `wee data check dataset=NAME` what is expected where",
            absent=absent,
        )


def _data_sets(config: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the configs of image files in a config: the config itself, or each of its sets."""
    if isinstance(config, Mapping):
        for about in (config, *config.values()):
            if isinstance(about, Mapping) and "root" in about and about.get("kind") in ("images", "shifted"):
                yield about


def _has_images(root: Path, about: Mapping[str, Any]) -> bool:
    """Return whether any of the places of a data set exists and is not empty."""
    from wee.data.images.places import TORCHVISION

    for key in ("test", "train"):
        places = about.get(key, [])
        for place in [places] if isinstance(places, str) else places:
            path = root / TORCHVISION.get(place, place)
            varied = "{" in place and any(root.iterdir())
            if varied or path.is_file() or (path.is_dir() and any(path.iterdir())):
                return True
    return False


def check_launchers(surroundings: Surroundings) -> Iterator[Finding]:
    """Report what can start many jobs: Hydra's launchers and SLURM."""
    launchers = {
        name: importlib.util.find_spec(f"hydra_plugins.hydra_{name}_launcher") is not None
        for name in ("joblib", "submitit")
        if importlib.util.find_spec("hydra_plugins") is not None
    }
    programs = [name for name in SLURM if shutil.which(name)]
    there = [name for name, installed in launchers.items() if installed]
    if there:
        yield ok(f"launchers of Hydra: {', '.join(there)}", launchers=there)
    if programs and not launchers.get("submitit"):
        yield warning(
            f"this machine has SLURM ({', '.join(programs)}), but the launcher that submits jobs to it is not installed",
            "install it", "pip install 'wee[cluster]'",
        )  # fmt: skip
    elif programs:
        yield ok(f"SLURM: {', '.join(programs)}", slurm=programs)
    elif not there:
        yield ok(
            "no launchers for many jobs: multiruns run one job after the other (pip install 'wee[cluster]' adds them)"
        )
    if os.environ.get("SLURM_JOB_ID"):
        job = {
            name: value for name, value in sorted(os.environ.items()) if name.startswith(("SLURM_CPUS", "SLURM_JOB_ID"))
        }
        yield ok("inside a job of SLURM: " + ", ".join(f"{name}={value}" for name, value in job.items()))


def check_checkout(surroundings: Surroundings) -> Iterator[Finding]:
    """Report the commit of the checkout that wee runs from, if it is one."""
    root = Path(__file__).resolve().parents[2]
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        yield ok(f"wee runs from {root}, which is no git checkout")
        return
    answers = []
    for arguments in (["describe", "--always", "--tags"], ["status", "--porcelain", "--untracked-files=no"]):
        try:
            done = subprocess.run(
                [git, "-C", str(root), *arguments], capture_output=True, text=True, timeout=3, check=True
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            yield note(
                f"wee runs from {root}, and git does not say at which commit",
                "see what git says",
                f"git -C {shlex.quote(str(root))} status",
            )
            return
        answers.append(done.stdout.strip())
    changed = len(answers[1].splitlines())
    state = f", {counted(changed, 'file')} changed since" if changed else ""
    yield ok(f"wee runs from {root} at commit {answers[0]}{state}", commit=answers[0], changed=changed)

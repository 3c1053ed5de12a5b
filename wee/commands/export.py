"""`wee export`: write a calibrated cascade in a format that runs without torch."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from wee.app.command import Command
from wee.app.console import progress
from wee.app.failures import report
from wee.app.paths import Common
from wee.cascade.formats import EXPORT_FORMATS
from wee.commands import find_command, modules
from wee.errors import WeeError

log = logging.getLogger("wee")


@dataclass
class ExportConfig(Common):
    """The config of `wee export`.

    Attributes:
        cascade: The folder of the cascade, made by `wee calibrate`.
        format: The export format.
        output: The folder to write; by default outputs/exports/NAME-FORMAT, after the folder of the cascade.
        overwrite: Whether to replace an existing folder.
    """

    cascade: str = MISSING
    format: str = MISSING
    output: str = ""
    overwrite: bool = False

    def __post_init__(self) -> None:
        chosen = EXPORT_FORMATS.find(self.format)
        suffix = chosen.name.rpartition(":")[2]
        self.output = self.output or str(
            Path(self.paths.outputs, "exports", f"{Path(self.cascade).resolve().name}-{suffix}")
        )
        folder = Path(self.output)
        if folder.resolve() == Path(self.cascade).resolve():
            raise WeeError(f"output is {self.output}, the folder of the cascade itself: give another output=FOLDER")
        if folder.exists() and not folder.is_dir():
            raise WeeError(f"{folder} is a file: give another output=FOLDER")
        if folder.exists() and not self.overwrite:
            raise WeeError(f"{folder} exists: give another output=FOLDER, or replace it with overwrite=true")


def export(cfg: ExportConfig) -> None:
    """Write the cascade in the chosen format; the folder appears when everything in it is written and checked."""
    source, folder, form = Path(cfg.cascade), Path(cfg.output), EXPORT_FORMATS.find(cfg.format)
    form.check_packages()

    from wee.cascade import description
    from wee.cascade.card import CARD, FIGURE
    from wee.cascade.module import Cascade, RunOptions
    from wee.files import replace_folder, staged

    if (folder / description.FILE).exists():
        raise WeeError(
            f"{folder} holds a calibrated cascade, which export does not replace: give another output=FOLDER"
        )
    cascade = Cascade.load(source, RunOptions(channels_last=False))
    form.check(cascade)
    with staged(folder) as temporary:
        with progress("stages") as bar:
            task = bar.add_task("exporting", total=len(cascade))
            written = form.write(cascade, temporary, lambda number: bar.advance(task, number))
        for name in (CARD, FIGURE):
            if (source / name).is_file():
                shutil.copyfile(source / name, temporary / name)
        if not replace_folder(temporary, folder):
            raise WeeError(f"{folder} was made by another process meanwhile; give another output=FOLDER")
    files = sorted(folder.iterdir())
    size = sum(file.stat().st_size for file in files)
    log.info(f"{folder}: {', '.join(file.name for file in files)} ({size:,} bytes)")
    report(folder=str(folder), **written)


COMMAND = Command(
    "export",
    ExportConfig,
    export,
    modules(),
    values={"format": {name: form.help for name, form in EXPORT_FORMATS.items()}},
)


if __name__ == "__main__":
    # Not this module's own COMMAND: what is pickled for other processes must not live in __main__.
    find_command("export").main()

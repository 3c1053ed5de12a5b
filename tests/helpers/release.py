"""Try a wheel in a new environment, outside the checkout: `python tests/helpers/release.py dist`.

The wheel is installed alone. The packages that it needs are those of the environment that runs this script, which the
new one sees, so nothing is downloaded; `--full` installs them from the package index instead.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRIED = (
    ("families", "family=tiny"),
    ("train", "scale=s1", "trainer.steps=2"),
    ("evaluate", "scale=s1", "trainer.steps=2", "ood=none"),
    ("sweep", "scale=s1", "ood=none"),
    ("figure", "sweeps=digits-tiny", "figure.panels=[risk@80]", "name=risk"),
    ("doctor", "only=versions,folders,store"),
)
"""Commands that are run with the installed wheel."""


def try_wheel(wheel: Path, folder: Path, full: bool) -> None:
    """Install a wheel in a new environment in a folder, and run commands there.

    Raises:
        CalledProcessError: something fails.
        SystemExit: the version is not that of the project, or the package is not that of the wheel.
    """
    venv.create(folder / "environment", with_pip=True)
    python = folder / "environment" / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            [*map(str, command)], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout.strip()

    run(python, "-m", "pip", "install", "--quiet", *([] if full else ["--no-deps"]), wheel.resolve())
    if not full:
        packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
        Path(packages, "needed.pth").write_text(sysconfig.get_path("purelib"))
    place = run(python, "-c", "import wee; print(wee.__file__)")
    if not Path(place).is_relative_to(folder / "environment"):
        sys.exit(f"the package that was imported is not that of the wheel: {place}")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    shown = run(python.with_name("wee"), "--version")
    if shown != f"wee {version}":
        sys.exit(f"wee --version shows '{shown}', and pyproject.toml says {version}")
    for words in TRIED:
        sys.stderr.write(f"wee {' '.join(words)}\n")
        run(python.with_name("wee"), *words)
    sys.stderr.write(f"{wheel.name}: installed, and {len(TRIED)} commands run outside the checkout\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dist", type=Path, help="the folder with the wheel")
    parser.add_argument("--full", action="store_true", help="install what the wheel needs from the package index")
    arguments = parser.parse_args()
    wheels = sorted(arguments.dist.glob("wee-*.whl"))
    if len(wheels) != 1:
        parser.error(f"there are {len(wheels)} wheels in {arguments.dist}; make dist builds one")
    with tempfile.TemporaryDirectory() as temporary:
        try_wheel(wheels[0], Path(temporary).resolve(), arguments.full)

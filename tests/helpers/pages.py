"""The commands on the pages: README.md, CONTRIBUTING.md and everything below docs.

A block of commands is fenced with `sh` or `console`, a script with `python`. An HTML comment on the line before a fence says
what is special about the block:

- `<!-- compose: REASON -->`: its commands are not run; each `wee` line is composed and checked.
- `<!-- skip: REASON -->`: nothing is done with it.
- `<!-- file: PATH -->`: it is the content of a file, which later blocks of the page use.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMANDS = ("sh", "console")
MARKS = ("", "compose", "skip", "file")
ELSEWHERE = {"docs/plugins.md": "tests/commands/test_plugins.py"}
"""Pages whose blocks depend on each other in a way of their own, and the test that runs them."""

_MARK = re.compile(r"<!-- (?P<mark>\w+): (?P<note>.+) -->")
_FENCE = re.compile(r"(?P<fence>`{3,})(?P<language>[\w{}-]*)\s*")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: the page, relative to the repository.
        line: the number of its first line of text.
        language: what the fence says.
        mark: one of `MARKS`.
        note: the reason, or the path of a file.
        text: its lines.
    """

    page: str
    line: int
    language: str
    mark: str
    note: str
    text: str

    @property
    def has_commands(self) -> bool:
        return self.language in COMMANDS and self.mark != "file"

    @property
    def runs(self) -> bool:
        """Whether a test of the pages runs the block, or needs it as a file."""
        if self.page in ELSEWHERE or self.mark in ("skip", "compose"):
            return False
        return (
            self.language in COMMANDS or self.mark == "file" or (self.language == "python" and ">>>" not in self.text)
        )

    def script(self) -> str:
        """Lines of bash that run the block, or write its file."""
        if self.mark == "file":
            folder, file = shlex.quote(str(Path(self.note).parent)), shlex.quote(self.note)
            return f"mkdir -p {folder}\ncat > {file} <<'END'\n{self.text}END\n"
        if self.language == "python":
            return f"python - <<'END'\n{self.text}END\n"
        return self.text if self.language == "sh" else re.sub(r"^\$ ", "", self.text, flags=re.MULTILINE)


def pages() -> list[str]:
    """Return every page, relative to the repository."""
    below = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)
    return ["README.md", "CONTRIBUTING.md", *below]


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page in their order."""
    return list(_blocks(page))


def _blocks(page: str) -> Iterator[Block]:
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        opening = _FENCE.fullmatch(lines[number])
        if opening is None:
            number += 1
            continue
        before = _MARK.fullmatch(lines[number - 1]) if number else None
        end = next(k for k in range(number + 1, len(lines)) if lines[k].strip() == opening["fence"])
        text = "".join(f"{line}\n" for line in lines[number + 1 : end])
        mark, note = (before["mark"], before["note"]) if before else ("", "")
        yield Block(page, number + 2, opening["language"], mark, note, text)
        number = end + 1

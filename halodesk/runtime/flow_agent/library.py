"""The flow agents of a seat: one folder each, one file a version, in the data folder.

Rules:
- A version is written to a file of its own and put in place whole (`rename`): a crash leaves the last
  one. Versions are never changed; conversations that run keep theirs.
- The name of an agent is its folder, spelt so that no name leaves the library.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, unquote

from halodesk.engine.errors import SettingsError
from halodesk.engine.flow_agent.document import Document, dumps, loads
from halodesk.runtime.settings import FlowAgentLine

SUFFIX = ".agent.json"
IMPORT = "Run: halodesk flow-agent import FILE, or name another one in the settings."
_FILE = re.compile(r"(\d+)\.agent\.json")


class Library:
    """All agents of a data folder."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "flow_agents"

    def names(self) -> list[str]:
        """Every agent, in the order of their names."""
        if not self._folder.is_dir():
            return []
        return sorted(unquote(path.name) for path in self._folder.iterdir() if _versions(path))

    def load(self, name: str, version: int = 0) -> Document:
        """A version; 0: the newest. Raises `SettingsError`, `DocumentError`."""
        folder = self._place(name)
        known = _versions(folder)
        if not known or (version and version not in known):
            raise SettingsError(
                f"There is no flow agent “{name}”" + (f" of version {version}." if version else "."),
                f"There are: {', '.join(self.names()) or 'none'}.",
            )
        return loads((folder / f"{version or known[-1]}{SUFFIX}").read_bytes(), name)

    def add(self, document: Document, *, overwrite: bool = False) -> int:
        """The next version of an agent. Raises `SettingsError` for one that may not be replaced."""
        folder = self._place(document.name)
        known = _versions(folder)
        if known and not (overwrite or document.overwrite):
            raise SettingsError(
                f"There is a flow agent “{document.name}” already.",
                'Import it with --overwrite (or "overwrite": true), or give it another name.',
            )
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        version = known[-1] + 1 if known else 1
        partial = folder / f"{version}.new"
        with partial.open("wb") as out:
            out.write(dumps(document))
            out.flush()
            os.fsync(out.fileno())
        partial.replace(folder / f"{version}{SUFFIX}")
        return version

    def _place(self, name: str) -> Path:
        spelt = quote(name, safe="")
        return self._folder / (spelt if spelt.strip(".") else spelt.replace(".", "%2E"))


def unknown_agents(library: Library, lines: Iterable[FlowAgentLine]) -> list[str]:
    """In words: which flow agents answer a line by the settings and are not there. Raises `OSError`."""
    names = library.names()
    missing = sorted({line.answers for line in lines} - set(names))
    there = ", ".join(names) or "none"
    return [
        f"“{name}” is to answer calls, and is no flow agent of this seat; there are: {there}."
        for name in missing
    ]


def _versions(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    found = (_FILE.fullmatch(path.name) for path in folder.iterdir())
    return sorted(int(match[1]) for match in found if match)

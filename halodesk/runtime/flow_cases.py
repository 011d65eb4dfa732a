"""What lies beside a flow file: its test cases and the state of its versions.

Rules:
- `NAME.flow.json` has its cases in `NAME.cases.json` and its lifecycle in `NAME.state.json`.
- A file is replaced as a whole: written beside it first, then renamed over it.
"""

from __future__ import annotations

import os
from pathlib import Path

from halodesk.engine import cases
from halodesk.engine.cases import CaseFile, Result
from halodesk.engine.errors import DocumentError, SettingsError
from halodesk.engine.flow import Flow
from halodesk.engine.simulate import FunctionPort

_ENDING = ".flow.json"


def beside(flow_file: Path, ending: str) -> Path:
    """The file of that ending (`.cases.json`) beside a flow file."""
    name = flow_file.name
    stem = name.removesuffix(_ENDING) if name.endswith(_ENDING) else flow_file.stem
    return flow_file.with_name(stem + ending)


def load_cases(flow_file: Path, flow: Flow) -> CaseFile:
    """The cases of a flow; none where there is no file. Raises `SettingsError` that names the file."""
    path = beside(flow_file, ".cases.json")
    data = read_if_there(path)
    if data is None:
        return CaseFile(flow=flow.key)
    try:
        return cases.load(data)
    except DocumentError as error:
        raise SettingsError(f"{path.name} cannot be used: {error.message}", error.todo) from None


def save_cases(flow_file: Path, found: CaseFile) -> Path:
    """Where they were written. Raises `OSError`."""
    path = beside(flow_file, ".cases.json")
    replace_file(path, cases.dump(found))
    return path


def failing(flow: Flow, found: CaseFile, functions: FunctionPort) -> list[Result]:
    """The cases that do not hold."""
    return [result for case in found.cases if not (result := cases.replay(flow, case, functions)).ok]


def read_if_there(path: Path) -> bytes | None:
    """The bytes of a file, or None. Raises `SettingsError` where it is there and cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from None


def replace_file(path: Path, data: bytes) -> None:
    """The file has these bytes then, or still the old ones. Raises `OSError`."""
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(data)
    os.replace(new, path)

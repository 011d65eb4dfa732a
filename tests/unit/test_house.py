"""House rules that no linter checks: sizes, docstrings, addresses, locks, layers, licence, version."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

import halodesk

ROOT = Path(__file__).resolve().parents[2]
LONGEST_MODULE = 500

# In pieces, so that this file does not name what it forbids.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "python" + "hosted"),
        ("registry", "npmjs"),
        ("deb", "debian"),
        ("security", "debian"),
        ("snapshot", "debian"),
    )
]
# A path of one developer's machine: it works nowhere else. Placeholders such as /home/USER pass.
MACHINE_PATH = re.compile(rb"(?<![\w.~$}>-])/(?:work|root|Users/[a-z]\w*|home/[a-z]\w*)/")


@cache
def repository_files() -> tuple[Path, ...]:
    """Every file that is or would be committed. Without git (a source archive): every file of ours."""
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        top = ("halodesk", "tests", "tools", "requirements", "resources", "docs", "typings")
        found = [path for name in top for path in (ROOT / name).rglob("*")]
        found += [*list(ROOT.glob("*.*")), ROOT / "Makefile"]
        return tuple(sorted(p for p in found if p.is_file() and "__pycache__" not in p.parts))
    # A path may be deleted and not yet committed so.
    return tuple(sorted(p for p in (ROOT / name for name in listing.split("\0") if name) if p.is_file()))


def python_files() -> list[Path]:
    return [path for path in repository_files() if path.suffix in {".py", ".pyi"}]


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def test_git_lists_files() -> None:
    assert ROOT / "pyproject.toml" in repository_files()
    assert len(python_files()) > 10


@pytest.mark.parametrize("host", REGISTRY_HOSTS)
def test_no_file_names_a_package_registry(host: str) -> None:
    pattern = re.compile(re.escape(host.encode()), re.IGNORECASE)
    assert names([path for path in repository_files() if pattern.search(path.read_bytes())]) == []


def test_no_file_holds_a_path_of_one_machine() -> None:
    found = [path for path in repository_files() if path != Path(__file__).resolve()]
    assert names([path for path in found if MACHINE_PATH.search(path.read_bytes())]) == []


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        (b"cd /work/main", True),
        (b'"/home/anna/x"', True),
        (b"/home/USER/x", False),
        (b"https://example.com/work/main", False),
        (b"tests/work/x", False),
    ],
)
def test_machine_paths_are_told_from_other_text(text: bytes, is_found: bool) -> None:
    assert bool(MACHINE_PATH.search(text)) is is_found


@pytest.mark.parametrize("name", ["runtime", "dev"])
def test_each_locked_package_has_hashes_and_no_index(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    entries = re.split(r"^(?=\S)", "\n".join(lines), flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert re.match(r"[\w.-]+(\[[\w,.-]+\])?==\S+( ; [^\\]+)? \\\n", entry), entry
        assert "--hash=sha256:" in entry


@pytest.mark.parametrize("name", ["runtime", "dev"])
def test_each_wanted_package_is_locked(name: str) -> None:
    folder = ROOT / "requirements"
    wanted = re.findall(r"^([A-Za-z][\w.-]*)", (folder / f"{name}.in").read_text(encoding="utf-8"), re.M)
    locked = re.findall(
        r"^([\w.-]+)(?:\[.*?\])?==", (folder / f"{name}.txt").read_text(encoding="utf-8"), re.M
    )
    assert wanted
    assert {_normal(w) for w in wanted} <= {_normal(have) for have in locked}


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def test_modules_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    assert names([path for path, length in lengths.items() if length > LONGEST_MODULE]) == []


def test_modules_say_what_they_are_for() -> None:
    silent = []
    for path in python_files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if ast.get_docstring(tree) is None and (tree.body or path.name != "__init__.py"):
            silent.append(path)
    assert names(silent) == []


def test_layers_are_kept() -> None:
    """By the command of `make lint`, so that a test run alone also tells."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-logo",
            "--no-cache",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_licence_is_the_gpl() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "GNU GENERAL PUBLIC LICENSE" in text
    assert "Version 3, 29 June 2007" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert project()["license"] == "GPL-3.0-or-later"


def test_version_is_the_same_everywhere() -> None:
    assert project()["version"] == halodesk.__version__


def project() -> dict[str, str]:
    table: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table

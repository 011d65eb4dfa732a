"""Registering for telephone links: xdg-mime itself in a home of the test's own, a registry in memory."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from halodesk.connectors.desktop import links_windows
from halodesk.connectors.desktop.links import handlers, standing, url_types
from halodesk.connectors.desktop.links_freedesktop import ENTRY, FreedesktopLinks, exec_line
from halodesk.connectors.desktop.links_windows import CLASS, WindowsLinks
from halodesk.engine.dial_link import SCHEMES
from halodesk.engine.errors import DesktopError

COMMAND = ["/opt/halo desk/python", "-m", "halodesk", "open", "--"]


@pytest.fixture
def desk(tmp_path: Path) -> FreedesktopLinks:
    """A desktop where another program opens tel: links."""
    applications = tmp_path / "data" / "applications"
    applications.mkdir(parents=True)
    (tmp_path / "config").mkdir()
    (applications / "other.desktop").write_text(
        "[Desktop Entry]\nType=Application\nName=Other\nExec=true %u\n"
    )
    (tmp_path / "config" / "mimeapps.list").write_text(
        "# mine\n[Default Applications]\ntext/html=web.desktop\nx-scheme-handler/tel=other.desktop\n"
    )
    return FreedesktopLinks(tmp_path, environment(tmp_path))


def environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_DIRS": str(home / "none"),
        "XDG_CONFIG_DIRS": str(home / "none"),
    }


def test_the_desktop_opens_links_with_us_and_as_before_when_we_are_removed(
    desk: FreedesktopLinks, tmp_path: Path
) -> None:
    assert desk.status().ours == ()
    assert desk.status().handlers["tel"] == "other.desktop"
    desk.install(COMMAND)
    desk.install(COMMAND)  # what was before is not forgotten by doing it again
    found = desk.status()
    assert found.installed
    assert found.ours == SCHEMES
    assert found.todo == ""
    entry = (tmp_path / "data" / "applications" / ENTRY).read_text()
    assert 'Exec="/opt/halo desk/python" -m halodesk open -- %u\n' in entry
    assert "x-scheme-handler/tel;x-scheme-handler/sip;x-scheme-handler/sips;x-scheme-handler/callto;" in entry
    desk.remove()
    after = desk.status()
    assert not after.installed
    assert after.handlers == {"tel": "other.desktop", "sip": "", "sips": "", "callto": ""}
    kept = (tmp_path / "config" / "mimeapps.list").read_text()
    assert "# mine\n" in kept
    assert "text/html=web.desktop\n" in kept
    assert ENTRY not in kept
    desk.remove()  # nothing to do


def test_other_programs_keep_their_place_in_the_lists(desk: FreedesktopLinks, tmp_path: Path) -> None:
    file = tmp_path / "config" / "mimeapps.list"
    file.write_text(
        f"[Added Associations]\nx-scheme-handler/sip=a.desktop;{ENTRY};b.desktop;\nimage/png={ENTRY}\n"
    )
    desk.remove()
    assert file.read_text() == (
        f"[Added Associations]\nx-scheme-handler/sip=a.desktop;b.desktop;\nimage/png={ENTRY}\n"
    )


def test_without_xdg_mime_it_is_said(tmp_path: Path) -> None:
    bare = FreedesktopLinks(tmp_path, {"PATH": str(tmp_path), "HOME": str(tmp_path)})
    with pytest.raises(DesktopError) as refused:
        bare.status()
    assert refused.value.todo == "Install the package xdg-utils."


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("/usr/bin/halodesk", "/usr/bin/halodesk %u"),
        ("/a b", '"/a b" %u'),
        ("/100%", '"/100%%" %u'),
        ('/q"$`\\', '"/q\\\\"\\\\$\\\\`\\\\\\\\" %u'),
    ],
)
def test_a_command_is_quoted_as_desktop_entries_want_it(part: str, line: str) -> None:
    assert exec_line([part]) == line


def test_a_command_with_control_signs_is_refused() -> None:
    with pytest.raises(DesktopError):
        exec_line(["/a\nExec=evil"])


def test_the_command_line_installs_and_tells(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "halodesk", "links", *arguments, "--json"],
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )

    before = run("status")
    assert before.returncode == 1
    assert json.loads(before.stdout)["ours"] == []
    done = run("install", "--data", str(tmp_path / "seat"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ours"] == list(SCHEMES)
    entry = (tmp_path / "data" / "applications" / ENTRY).read_text()
    line = next(line for line in entry.splitlines() if line.startswith("Exec="))
    assert shlex.split(line.removeprefix("Exec=")) == [
        *(sys.executable, "-m", "halodesk", "open", "--data", str(tmp_path / "seat"), "--", "%u")
    ]
    assert run("remove").returncode == 0
    assert run("status").returncode == 1


class MemoryRegistry:
    """HKEY_CURRENT_USER."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str] = {}

    def read(self, key: str, name: str) -> str:
        return self.values.get((key, name), "")

    def write(self, key: str, name: str, value: str) -> None:
        self.values[key, name] = value

    def remove_value(self, key: str, name: str) -> None:
        self.values.pop((key, name), None)

    def remove_key(self, key: str) -> None:
        for found in [at for at in self.values if at[0] == key or at[0].startswith(key + "\\")]:
            del self.values[found]


def test_windows_learns_what_we_open_and_the_person_chooses() -> None:
    registry = MemoryRegistry()
    registry.write(r"Software\RegisteredApplications", "Other", "x")
    desk = WindowsLinks(registry)
    assert not desk.status().installed
    desk.install([r"C:\Program Files\HaloDesk\halodesk.exe", "open", "--"])
    opens = registry.read(rf"Software\Classes\{CLASS}\shell\open\command", "")
    assert opens == r'"C:\Program Files\HaloDesk\halodesk.exe" open -- "%1"'
    assert (rf"Software\Classes\{CLASS}", "URL Protocol") in registry.values
    found = desk.status()
    assert found.installed
    assert found.ours == ()
    assert "Default apps" in found.todo
    for scheme in SCHEMES:
        registry.write(links_windows._CHOICE.format(scheme=scheme), "ProgId", CLASS)
    assert desk.status().ours == SCHEMES
    assert desk.status().todo == ""
    for scheme in SCHEMES:
        registry.remove_key(links_windows._CHOICE.format(scheme=scheme))
    desk.remove()
    assert registry.values == {(r"Software\RegisteredApplications", "Other"): "x"}


def test_a_mac_is_told_by_the_bundle() -> None:
    with pytest.raises(DesktopError, match="macOS"):
        handlers("darwin", {})
    assert url_types()[0]["CFBundleURLSchemes"] == list(SCHEMES)


def test_what_others_open_is_named() -> None:
    found = standing({"tel": "a.desktop", "sip": "b.desktop", "callto": "a.desktop"}, "us", installed=False)
    assert "The others open a.desktop, b.desktop." in found.message

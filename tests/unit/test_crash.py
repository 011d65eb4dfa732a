"""Reports of crashes: the place is in them, nothing that a caller said is."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from halodesk.runtime.crash import KEPT, CrashWatch, message_digest, reports, watched

CARD = "4242424242424242"


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[CrashWatch]:
    with watched(tmp_path / "crashes", "seat") as made:
        yield made


def fails(secret: str) -> None:
    digits = {secret: secret}
    try:
        int(f"x{digits[secret]}")
    except ValueError as error:
        raise KeyError(secret) from error


def test_a_report_holds_the_place_and_no_value(
    watch: CrashWatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        fails(CARD)
    except KeyError as error:
        sys.excepthook(KeyError, error, error.__traceback__)
    (file,) = reports(tmp_path / "crashes", 0)
    written = file.read_text()
    told = capsys.readouterr().err
    for text in (written, told):
        assert CARD not in text
        assert "digits" not in text
        assert "fails" in text
    found = json.loads(written)
    assert [failure["type"] for failure in found["failures"]] == ["builtins.KeyError", "builtins.ValueError"]
    assert found["failures"][0]["frames"][-1]["function"] == "fails"
    assert set(found) == {"at", "version", "python", "system", "process", "thread", "failures"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_threads_and_what_cannot_be_raised(watch: CrashWatch, tmp_path: Path) -> None:
    thread = threading.Thread(target=fails, args=(CARD,), name=f"caller {CARD}")
    thread.start()
    thread.join()

    class Bad:
        def __del__(self) -> None:
            fails(CARD)

    Bad()
    found = [file.read_text() for file in reports(tmp_path / "crashes", 0)]
    assert len(found) == 2
    assert not any(CARD in text for text in found), "not in the thread's name, either"


def test_types_made_of_data_are_not_kept(watch: CrashWatch) -> None:
    kind = type(f"Card {CARD} of Jo", (Exception,), {})
    file = watch.report(kind("x"), "main")
    assert file is not None
    assert CARD not in file.read_text()


def test_old_reports_go(watch: CrashWatch, tmp_path: Path) -> None:
    for _ in range(KEPT + 5):
        watch.report(ValueError(CARD), "main")
    assert len(list((tmp_path / "crashes").glob("*.crash"))) == KEPT


def test_a_full_disk_is_no_second_crash(watch: CrashWatch, tmp_path: Path) -> None:
    folder = tmp_path / "crashes"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert watch.report(ValueError("x"), "main") is None


def test_everything_is_put_back(tmp_path: Path) -> None:
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    with watched(tmp_path, "seat"):
        assert sys.excepthook is not before[0]
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_segmentation_fault_leaves_its_frames(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from halodesk.runtime.crash import CrashWatch\n"
        "watch = CrashWatch(Path(sys.argv[1]), 'phone')\n"
        f"def speak(card): os.kill(os.getpid(), signal.SIGSEGV)\nspeak('{CARD}')"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, capture_output=True)
    assert done.returncode == -signal.SIGSEGV
    (file,) = reports(tmp_path, 0)
    assert file.name == "phone.faults"
    assert "speak" in file.read_text()
    assert CARD not in file.read_text()


def test_a_message_is_known_by_its_digest() -> None:
    assert message_digest("QObject: x") == message_digest("QObject: x")
    assert message_digest("a") != message_digest("b")

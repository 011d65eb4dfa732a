"""The recording file: exact, readable after a crash, in step over a full disk."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from halodesk.protocol.phone_link import Recording
from halodesk.sip.phone.flac_file import FlacFile
from halodesk.sip.phone.masks import Masks
from halodesk.sip.phone.recorder import FRAME_SAMPLES, SAMPLE_RATE, Gate, Recorder

ROOT = Path(__file__).resolve().parents[2]


def noise(frames: int, seed: int = 1) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    """Stereo noise without a zero in it: the worst a coder can get."""
    sound = np.random.default_rng(seed).integers(1, 30_000, (frames * FRAME_SAMPLES, 2))
    return sound.astype("<i2")


def read(path: Path | str) -> Any:
    sound, rate = soundfile.read(path, dtype="int16", always_2d=True)
    assert rate == SAMPLE_RATE
    return sound


def finish(recorder: Recorder) -> Recording:
    done = threading.Event()
    result: list[Recording] = []

    def keep(recording: Recording) -> None:
        result.append(recording)
        done.set()

    recorder.finish(keep)
    assert done.wait(10)
    recorder.join(10)
    assert recorder.closed
    return result[0]


def push(recorder: Recorder, sound: Any) -> None:
    for start in range(0, len(sound), FRAME_SAMPLES):
        piece = sound[start : start + FRAME_SAMPLES]
        recorder.push(piece[:, 0].tobytes(), piece[:, 1].tobytes())


def test_the_file_is_the_sound_with_silence_where_the_windows_say(tmp_path: Path) -> None:
    masks = Masks()
    gate = Gate(guard_s=0.033)
    masks.admit("call", gate)
    faults: list[str] = []
    recorder = Recorder(
        tmp_path / "deep" / "call.flac", gate=gate, on_fault=faults.append, queue_frames=10_000
    )
    sound = noise(600)
    for number in range(6):
        push(recorder, sound[number * 100 * FRAME_SAMPLES : (number * 100 + 50) * FRAME_SAMPLES])
        masks.mask("card")
        push(recorder, sound[(number * 100 + 50) * FRAME_SAMPLES : (number * 100 + 80) * FRAME_SAMPLES])
        masks.unmask("card")
        push(recorder, sound[(number * 100 + 80) * FRAME_SAMPLES : (number + 1) * 100 * FRAME_SAMPLES])
    recording = finish(recorder)
    assert faults == []
    assert (recording.samples, recording.lost_frames) == (len(sound), 0)
    assert len(recording.windows) == 6
    for window in recording.windows:
        assert window.to_sample is not None
        assert window.to_sample - window.from_sample == 30 * FRAME_SAMPLES + round(0.033 * SAMPLE_RATE)
        sound[window.from_sample : window.to_sample] = 0
    np.testing.assert_array_equal(read(recording.path), sound)
    assert stat.S_IMODE(os.stat(recording.path).st_mode) == 0o600
    assert soundfile.info(recording.path).format == "FLAC"


def test_a_call_that_ends_masked_has_a_closed_window(tmp_path: Path) -> None:
    gate = Gate()
    recorder = Recorder(tmp_path / "call.flac", gate=gate, on_fault=print)
    push(recorder, noise(10))
    gate.mask(("card",))
    push(recorder, noise(10))
    assert recorder.recording().windows[0].to_sample is None
    recording = finish(recorder)
    (window,) = recording.windows
    assert (window.from_sample, window.to_sample) == (10 * FRAME_SAMPLES, 20 * FRAME_SAMPLES)
    recorder.push(bytes(640), bytes(640))  # late frames of the audio thread are ignored
    assert gate.position == 20 * FRAME_SAMPLES


def test_a_call_without_a_frame_leaves_no_file(tmp_path: Path) -> None:
    recording = finish(Recorder(tmp_path / "call.flac", gate=Gate(), on_fault=print))
    assert (recording.path, recording.samples) == ("", 0)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_created_is_a_fault_not_a_stop(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    faults: list[str] = []
    recorder = Recorder(tmp_path / "file" / "call.flac", gate=Gate(), on_fault=faults.append)
    push(recorder, noise(5))
    recording = finish(recorder)
    assert len(faults) == 1
    assert "cannot be created" in faults[0]
    assert (recording.path, recording.samples, recording.lost_frames) == ("", 0, 5)


def test_a_hanging_disk_costs_frames_but_neither_time_nor_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    entered = threading.Event()
    write = FlacFile.write

    def slow(self: FlacFile, stereo: bytes) -> None:
        entered.set()
        assert free.wait(10)
        write(self, stereo)

    monkeypatch.setattr(FlacFile, "write", slow)
    recorder = Recorder(tmp_path / "call.flac", gate=Gate(), on_fault=print, queue_frames=10)
    sound = noise(40)
    push(recorder, sound[:FRAME_SAMPLES])
    assert entered.wait(10)  # the first frame is out of the queue and hangs
    push(recorder, sound[FRAME_SAMPLES : 31 * FRAME_SAMPLES])  # 10 fit, 20 are lost
    free.set()
    while recorder._queue.qsize():
        pass
    push(recorder, sound[31 * FRAME_SAMPLES :])
    recording = finish(recorder)
    assert (recording.samples, recording.lost_frames) == (len(sound), 20)
    sound[11 * FRAME_SAMPLES : 31 * FRAME_SAMPLES] = 0
    np.testing.assert_array_equal(read(recording.path), sound)


CHILD = """
import json, resource, sys, threading
from pathlib import Path
import numpy as np
import msgspec
from halodesk.sip.phone.recorder import FRAME_SAMPLES, Gate, Recorder
path, freed = Path(sys.argv[1]), sys.argv[2] == "freed"
sound = np.random.default_rng(1).integers(1, 30_000, (500 * FRAME_SAMPLES, 2)).astype("<i2")
faults, result, told, done = [], [], threading.Event(), threading.Event()
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
def fault(text):
    faults.append(text); told.set()
def finished(recording):
    result.append(recording); done.set()
recorder = Recorder(path, gate=Gate(), on_fault=fault, queue_frames=10_000)
def push(start, stop):
    for number in range(start, stop):
        piece = sound[number * FRAME_SAMPLES : (number + 1) * FRAME_SAMPLES]
        recorder.push(piece[:, 0].tobytes(), piece[:, 1].tobytes())
push(0, 300)
assert told.wait(10)
while recorder._queue.qsize(): pass
if freed:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
push(300, 500)
recorder.finish(finished)
assert done.wait(10)
print(json.dumps({"faults": faults, "recording": msgspec.to_builtins(result[0])}))
"""


def run_child(path: Path, how: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD, str(path), how],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_a_disk_that_was_full_for_a_while_leaves_a_gap_of_silence(tmp_path: Path) -> None:
    result = run_child(tmp_path / "call.flac", "freed")
    recording = result["recording"]
    assert len(result["faults"]) == 1
    assert "File too large" in result["faults"][0]
    sound, saved = noise(500), read(recording["path"])
    assert saved.shape == sound.shape, "the timeline is whole"
    assert recording["samples"] == len(sound)
    lost = ~saved.any(axis=1)
    assert recording["lost_frames"] * FRAME_SAMPLES == lost.sum() > 0
    np.testing.assert_array_equal(saved[~lost], sound[~lost])
    edges = np.flatnonzero(np.diff(lost.astype(np.int8)))
    assert len(edges) == 2, "one gap"
    np.testing.assert_array_equal(saved[-150 * FRAME_SAMPLES :], sound[-150 * FRAME_SAMPLES :])


def test_a_disk_that_stays_full_leaves_a_readable_beginning(tmp_path: Path) -> None:
    recording = run_child(tmp_path / "call.flac", "full")["recording"]
    saved = read(recording["path"])
    assert len(saved) == recording["samples"]
    assert 20_000 < len(saved) < 200_000
    np.testing.assert_array_equal(saved, noise(500)[: len(saved)])
    missing = 500 * FRAME_SAMPLES - len(saved)
    assert recording["lost_frames"] * FRAME_SAMPLES >= missing - FRAME_SAMPLES
    assert os.stat(recording["path"]).st_size <= 200_000


KILLED = """
import sys
from pathlib import Path
import numpy as np
from halodesk.sip.phone.flac_file import FlacFile
sound = np.random.default_rng(1).integers(1, 30_000, (100 * 320, 2)).astype("<i2")
file = FlacFile(Path(sys.argv[1]), 16_000)
for number in range(100):
    file.write(sound[number * 320 : (number + 1) * 320].tobytes())
print("written", flush=True)
sys.stdin.read()
"""


def test_a_killed_process_leaves_a_file_that_opens(tmp_path: Path) -> None:
    path = tmp_path / "call.flac"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        child.kill()
    saved, sound = read(path), noise(100)
    assert len(saved) == len(sound) // 4096 * 4096, "all but the frame that was not complete"
    np.testing.assert_array_equal(saved, sound[: len(saved)])


def test_the_header_is_that_of_any_flac_file(tmp_path: Path) -> None:
    file = FlacFile(tmp_path / "call.flac", SAMPLE_RATE)
    sound = noise(33)
    file.write(sound.tobytes())
    assert not file.blocked
    assert file.close() == len(sound)
    assert file.cut_samples == 0
    data = (tmp_path / "call.flac").read_bytes()
    assert data[:4] == b"fLaC"
    assert int.from_bytes(data[18:26], "big") & ((1 << 36) - 1) == len(sound)
    assert data[26:42] != bytes(16), "MD5 of a whole file"
    with pytest.raises(FileExistsError):
        FlacFile(tmp_path / "call.flac", SAMPLE_RATE)

"""Encrypted recordings: what the phone writes, who can read it, and what a crash or a forger leaves."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from halodesk.crypto.recording_file import (
    DATA,
    MAGIC,
    SealedReader,
    SealedWriter,
    is_sealed,
    open_recording,
)
from halodesk.crypto.recording_key import RecordingKey, RecordingLock
from halodesk.engine.errors import SessionFileError
from halodesk.protocol.phone_link import Recording
from halodesk.sip.phone.flac_file import FlacFile
from halodesk.sip.phone.recorder import FRAME_SAMPLES, SAMPLE_RATE, Gate, Recorder

ROOT = Path(__file__).resolve().parents[2]
KEY = RecordingKey(b"k" * 32)
LOCK = RecordingLock(KEY.public)
RECORD_HEAD = 21


def noise(frames: int, seed: int = 1) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    return np.random.default_rng(seed).integers(1, 30_000, (frames * FRAME_SAMPLES, 2)).astype("<i2")


def write(path: Path, *pieces: tuple[int, bytes], close: bool = True, lock: RecordingLock = LOCK) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    writer = SealedWriter(descriptor, lock)
    for at, data in pieces:
        assert writer.put(at, data) == len(data)
    if close:
        writer.close()
    else:
        os.close(descriptor)


def content(path: Path, key: RecordingKey = KEY) -> bytes:
    with open_recording(path, key) as file:
        return file.read()


def sound_of(path: Path) -> object:
    with open_recording(path, KEY) as file:
        found, rate = soundfile.read(file, dtype="int16", always_2d=True)
    assert rate == SAMPLE_RATE
    return found


def record_places(data: bytes) -> list[int]:
    place = len(MAGIC) + 8
    place += 2 + int.from_bytes(data[place : place + 2], "big")
    places = []
    while place < len(data):
        places.append(place)
        place += RECORD_HEAD + int.from_bytes(data[place : place + 4], "big")
    return places


def test_what_was_put_is_what_is_read_wherever_one_looks(tmp_path: Path) -> None:
    path = tmp_path / "file"
    body = secrets.token_bytes(150_000)
    write(path, (0, body[:10]), (10, body[10:60_000]), (60_000, body[60_000:100_000]), (2, b"patch"),
          (100_000, body[100_000:]), (2, b"PATCH"), (59_998, b"seam"))  # fmt: skip
    wanted = bytearray(body)
    wanted[2:7], wanted[59_998:60_002] = b"PATCH", b"seam"
    assert content(path) == bytes(wanted)
    with SealedReader(path, KEY) as reader:
        assert reader.complete
    with open_recording(path, KEY) as file:
        for at in (0, 1, 6, 59_990, 60_001, 99_999, 149_999, 150_000, 200_000):
            assert file.seek(at) == at
            assert file.read(40) == bytes(wanted[at : at + 40])
        file.seek(-5, os.SEEK_END)
        assert file.read() == bytes(wanted[-5:])


def test_nothing_of_the_content_is_in_the_file_and_no_two_files_are_alike(tmp_path: Path) -> None:
    body = b"the caller said a number " * 100
    write(tmp_path / "a", (0, body))
    write(tmp_path / "b", (0, body))
    first, second = (tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()
    assert is_sealed(tmp_path / "a")
    assert b"caller" not in first
    assert first[200:] != second[200:]


def test_only_the_seats_key_opens_it(tmp_path: Path) -> None:
    write(tmp_path / "file", (0, b"secret"))
    with pytest.raises(SessionFileError, match="another seat"):
        content(tmp_path / "file", RecordingKey(b"x" * 32))
    with pytest.raises(SessionFileError, match="encrypted"):
        open_recording(tmp_path / "file", None)
    data = bytearray((tmp_path / "file").read_bytes())
    data[len(MAGIC) + 10 + 5] ^= 1  # in the sealed key
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(SessionFileError, match="head was changed"):
        content(tmp_path / "file")


def test_the_public_half_seals_and_opens_nothing() -> None:
    sealed = LOCK.seal(b"d" * 32)
    assert KEY.open(LOCK.kid, sealed) == b"d" * 32
    assert not hasattr(LOCK, "open")
    with pytest.raises(ValueError, match="32"):
        RecordingLock(b"short")


def test_a_plain_file_of_an_older_release_is_opened_as_it_is(tmp_path: Path) -> None:
    sound = noise(20)
    soundfile.write(tmp_path / "old.flac", sound, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    np.testing.assert_array_equal(sound_of(tmp_path / "old.flac"), sound)


@pytest.mark.parametrize("cut", [1, 15, 30, 1000])
def test_a_write_that_was_cut_off_costs_that_write_alone(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "file"
    write(path, (0, b"a" * 5000), (5000, b"b" * 5000), close=False)
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    with SealedReader(path, KEY) as file:
        assert not file.complete
        assert file.read() == b"a" * 5000


def test_every_flipped_bit_is_noticed_or_costs_no_more_than_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    body = secrets.token_bytes(400)
    write(path, (0, body[:100]), (100, body[100:300]), (300, body[300:]))
    whole = path.read_bytes()
    noticed = 0
    for at in range(len(MAGIC), len(whole)):
        data = bytearray(whole)
        data[at] ^= 0x04
        path.write_bytes(data)
        try:
            with SealedReader(path, KEY) as file:
                found, complete = file.readall(), file.complete
        except SessionFileError:
            noticed += 1
            continue
        assert body.startswith(found), f"byte {at}: other content passed for ours"
        assert not complete, f"byte {at} was flipped and nobody saw it"
    assert noticed > 0.95 * (len(whole) - len(MAGIC))


def test_records_cannot_be_taken_out_swapped_repeated_or_brought_from_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path, (0, b"a" * 100), (100, b"b" * 100), (200, b"c" * 100))
    write(tmp_path / "other", (0, b"x" * 100), (100, b"y" * 100), (200, b"z" * 100))
    data, foreign = path.read_bytes(), (tmp_path / "other").read_bytes()
    first, second, third, end = record_places(data)
    forged = {
        "taken out": data[:second] + data[third:],
        "swapped": data[:first] + data[second:third] + data[first:second] + data[third:],
        "repeated": data[:third] + data[second:],
        "brought": data[:second] + foreign[second:third] + data[third:],
        "head of another": foreign[:first] + data[first:],
    }
    assert end < len(data)
    for bad in forged.values():
        path.write_bytes(bad)
        with pytest.raises(SessionFileError):
            content(path)


def test_a_full_disk_leaves_the_file_as_it_was_and_no_number_is_used_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    writer = SealedWriter(descriptor, LOCK)
    writer.put(0, b"a" * 100)
    real = os.write
    room = [30]

    def narrow(fd: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        taken = real(fd, data[: room[0]])
        room[0] -= taken
        return taken

    monkeypatch.setattr(os, "write", narrow)
    for _ in range(3):
        room[0] = 30
        with pytest.raises(OSError, match="No space"):
            writer.put(100, b"b" * 100)
    monkeypatch.undo()
    assert writer.put(100, b"c" * 100) == 100
    writer.close()
    assert content(path) == b"a" * 100 + b"c" * 100
    data = path.read_bytes()
    numbers = [int.from_bytes(data[place + 4 : place + 12], "big") for place in record_places(data)]
    assert numbers == [1, 5, 6]
    assert data[record_places(data)[0] + 12] == DATA


def test_the_recorder_writes_ciphertext_and_the_sound_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "call.hdrec"
    gate, done = Gate(guard_s=0.1), threading.Event()
    kept: list[Recording] = []

    def finished(recording: Recording) -> None:
        kept.append(recording)
        done.set()

    recorder = Recorder(path, gate=gate, on_fault=print, queue_frames=10_000, lock=LOCK)
    sound = noise(300)
    for number in range(300):
        if number == 100:
            gate.mask(("card",))
        if number == 200:
            gate.unmask()
        piece = sound[number * FRAME_SAMPLES : (number + 1) * FRAME_SAMPLES]
        recorder.push(piece[:, 0].tobytes(), piece[:, 1].tobytes())
    recorder.finish(finished)
    assert done.wait(20)
    recorder.join(20)
    (window,) = kept[0].windows
    sound[window.from_sample : window.to_sample] = 0
    np.testing.assert_array_equal(sound_of(path), sound)
    assert b"fLaC" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_cut_at_the_end_of_a_full_disk_says_how_long_it_is(tmp_path: Path) -> None:
    path = tmp_path / "call.hdrec"
    file = FlacFile(path, SAMPLE_RATE, LOCK)
    sound = noise(100)
    file.write(sound.tobytes())
    file._disk._medium.cut(len(content(path)))
    assert file.close() == len(sound)
    np.testing.assert_array_equal(sound_of(path), sound)


KILLED = """
import sys
from pathlib import Path
import numpy as np
from halodesk.crypto.recording_key import RecordingLock
from halodesk.sip.phone.flac_file import FlacFile
sound = np.random.default_rng(1).integers(1, 30_000, (100 * 320, 2)).astype("<i2")
file = FlacFile(Path(sys.argv[1]), 16_000, RecordingLock(bytes.fromhex(sys.argv[2])))
for number in range(100):
    file.write(sound[number * 320 : (number + 1) * 320].tobytes())
print("written", flush=True)
sys.stdin.read()
"""


def test_a_killed_phone_leaves_all_but_the_frame_it_was_at(tmp_path: Path) -> None:
    path = tmp_path / "call.hdrec"
    argv = [sys.executable, "-c", KILLED, str(path), KEY.public.hex()]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        child.kill()
    saved, sound = np.asarray(sound_of(path)), noise(100)
    assert len(saved) == len(sound) // 4096 * 4096
    np.testing.assert_array_equal(saved, sound[: len(saved)])

"""The recorder gate and the recorder of one call.

Rules of the gate (nothing here knows pjsua2):

1. Every frame passes the gate under one lock, and `mask` takes the same lock: a frame that
   arrives after `mask` has returned is silence. Nothing waits for another thread.
2. The timeline never stops. A masked stretch is silence of the same length, so that replay
   of the session stays in step with the file.
3. `unmask` keeps silence for a guard time. What was spoken before it is still on its way:
   in the jitter buffer, in the microphone's ring, on the network.
4. A window is given in samples of the file, from the first silent sample to the first that
   may sound again. Masking again during the guard time goes on with the same window.
5. The audio thread never waits for the disk. A full queue or a full disk turns into
   silence that is counted (`Recording.lost_frames`).

One stereo file a call: left the agent, right the caller. The file is FLAC, written so that
it is readable up to the last quarter of a second at any moment (`flac_file`), and encrypted for the
seat where the phone was given a `RecordingLock`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import numpy.typing as npt

from halodesk.crypto.recording_key import RecordingLock
from halodesk.protocol.phone_link import MaskWindow, Recording
from halodesk.sip.phone.flac_file import FlacFile

SAMPLE_RATE = 16_000
"""Hz; the clock of the phone's conference bridge."""

FRAME_SAMPLES = 320
"""20 ms."""

GUARD_S = 0.5
"""Silence kept after the last lease is given back.

It must cover all sound spoken before. The caller's: the jitter buffer holds at most 0.30 s
(`endpoint.JITTER_MAX_MS`), and 0.14 s are left for the network (ITU-T G.114 calls 0.15 s one
way the limit of good speech). The agent's: the microphone's ring holds at most 0.24 s
(`audio.ring.MOST`), its block some 0.02 to 0.1 s.
"""

QUEUE_FRAMES = 500
"""10 s between the audio thread and the disk; beyond that frames are lost, not delayed."""

_Samples = npt.NDArray[np.int16]


class Gate:
    """Turns frames of two parties into stereo frames, or into silence while masked."""

    def __init__(self, *, sample_rate: int = SAMPLE_RATE, guard_s: float = GUARD_S) -> None:
        self._lock = threading.Lock()
        self._guard = round(guard_s * sample_rate)
        self._position = 0
        self._open_from: int | None = None
        self._open_until: int | None = None  # set by unmask: the end of the guard time
        self._open_leases: tuple[str, ...] = ()
        self._closed: list[MaskWindow] = []
        self._since = 0

    @property
    def position(self) -> int:
        """Samples taken so far."""
        with self._lock:
            return self._position

    @property
    def since(self) -> int:
        """The sample at which the present state (masked or not) took or takes hold."""
        with self._lock:
            return self._since

    def mask(self, leases: tuple[str, ...]) -> int:
        """Silence from this very sample on; returns it. `leases` are all that are held now."""
        with self._lock:
            if self._open_from is None:
                self._open_from = self._since = self._position
                self._open_leases = leases
            else:
                if self._open_until is not None:
                    self._since = self._position
                new = tuple(lease for lease in leases if lease not in self._open_leases)
                self._open_leases += new
            self._open_until = None
            return self._since

    def unmask(self) -> int:
        """Sound again after the guard time; returns the sample at which it comes back."""
        with self._lock:
            if self._open_from is not None and self._open_until is None:
                self._open_until = self._since = self._position + self._guard
            return self._since

    def take(self, agent: bytes, caller: bytes) -> bytes:
        """One frame of each party (16-bit mono) as one stereo frame, silence where masked.

        The longer of the two gives the length; the shorter ends in silence.
        """
        left, right = (np.frombuffer(data, dtype="<i2") for data in (agent, caller))
        samples = max(len(left), len(right))
        frame: _Samples = np.zeros((samples, 2), dtype="<i2")
        with self._lock:
            sound_from = self._sound_from(samples)
            if sound_from < samples:
                frame[sound_from : len(left), 0] = left[sound_from:]
                frame[sound_from : len(right), 1] = right[sound_from:]
            self._position += samples
        return frame.tobytes()

    def windows(self) -> tuple[MaskWindow, ...]:
        """All windows so far, the open one last (its end is None unless it is in its guard time)."""
        with self._lock:
            if self._open_from is None:
                return tuple(self._closed)
            open_window = MaskWindow(
                from_sample=self._open_from, to_sample=self._open_until, leases=self._open_leases
            )
            return (*self._closed, open_window)

    def _sound_from(self, samples: int) -> int:
        """First sample of the coming frame that may sound; `samples` when none."""
        if self._open_from is None:
            return 0
        if self._open_until is None or self._open_until >= self._position + samples:
            return samples
        sound_from = max(0, self._open_until - self._position)
        self._closed.append(
            MaskWindow(from_sample=self._open_from, to_sample=self._open_until, leases=self._open_leases)
        )
        self._open_from = self._open_until = None
        self._open_leases = ()
        return sound_from


class Recorder:
    """Records one call. `push` belongs to the audio thread, the file to a thread of its own."""

    def __init__(
        self,
        path: Path,
        *,
        gate: Gate,
        on_fault: Callable[[str], None],
        queue_frames: int = QUEUE_FRAMES,
        lock: RecordingLock | None = None,
    ) -> None:
        """Starts the writer; the file is created there, so that a slow disk delays nobody.

        `on_fault` is told in words, once an outage, on the writer thread. With a `lock` the file is
        encrypted for whoever has its key.
        """
        self.path = path
        self._lock_of_file = lock
        self.gate = gate
        self._on_fault = on_fault
        self._limit = queue_frames
        self._lock = threading.Lock()
        self._ended = False
        self._skipped = 0  # samples lost to a full queue, not yet put as silence
        self._lost_in_queue = 0  # counted by the audio thread
        self._lost_on_disk = 0  # counted by the writer thread
        self._done: Callable[[Recording], None] = _nobody
        # bytes: one stereo frame; int: so many samples of silence; None: the end
        self._queue: SimpleQueue[bytes | int | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="recorder", daemon=True)
        self._thread.start()

    def push(self, agent: bytes, caller: bytes) -> None:
        """One frame of each party; never waits for the disk, ignored after `finish`."""
        with self._lock:
            if self._ended:
                return
            frame = self.gate.take(agent, caller)
            if self._queue.qsize() >= self._limit:
                self._skipped += len(frame) // 4
                self._lost_in_queue += 1
                return
            if self._skipped:
                self._queue.put(self._skipped)
                self._skipped = 0
            self._queue.put(frame)

    def finish(self, done: Callable[[Recording], None]) -> None:
        """Ends the timeline now; `done` is called on the writer thread with the closed file."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self._done = done
            if self._skipped:
                self._queue.put(self._skipped)
            self._queue.put(None)

    @property
    def closed(self) -> bool:
        """The file is complete and the writer thread has ended."""
        return not self._thread.is_alive()

    def join(self, timeout_s: float) -> None:
        """Waits for the file to be closed, for `timeout_s` at most."""
        self._thread.join(timeout_s)

    def recording(self) -> Recording:
        """The recording as it stands while the call is up."""
        return Recording(
            path=str(self.path),
            sample_rate=SAMPLE_RATE,
            samples=self.gate.position,
            windows=self.gate.windows(),
            lost_frames=self._lost_in_queue + self._lost_on_disk,
        )

    def _write(self) -> None:
        file: FlacFile | None = None
        told = False
        try:
            file = FlacFile(self.path, SAMPLE_RATE, self._lock_of_file)
        except OSError as error:
            told = True
            self._on_fault(f"The recording file cannot be created: {error.strerror}.")
        while (item := self._queue.get()) is not None:
            if isinstance(item, int):
                item = bytes(4 * item)
            elif (file is None or file.blocked) and any(item):
                self._lost_on_disk += 1
                item = bytes(len(item))
            if file is None:
                continue
            file.write(item)
            if file.blocked and not told:
                self._on_fault(f"The disk does not take the recording: {file.trouble}.")
            told = file.blocked
        samples = 0
        if file is not None:
            samples = file.close()
            self._lost_on_disk += (file.cut_samples + FRAME_SAMPLES - 1) // FRAME_SAMPLES
        self._done(
            Recording(
                path=str(self.path) if samples else "",
                sample_rate=SAMPLE_RATE,
                samples=samples,
                windows=_clip(self.gate.windows(), samples),
                lost_frames=self._lost_in_queue + self._lost_on_disk,
            )
        )


def _nobody(_recording: Recording) -> None:
    """Stands in until `finish` names the one to tell."""


def _clip(windows: tuple[MaskWindow, ...], samples: int) -> tuple[MaskWindow, ...]:
    """Windows as they lie in a file of `samples`: none is open and none reaches beyond its end."""
    return tuple(
        MaskWindow(
            from_sample=window.from_sample,
            to_sample=samples if window.to_sample is None else min(window.to_sample, samples),
            leases=window.leases,
        )
        for window in windows
        if window.from_sample < samples
    )

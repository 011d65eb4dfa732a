"""A scripted server of OpenAI's audio endpoints: `audio/speech`, streamed, and `audio/transcriptions`.

Rules: what is said or heard next is taken from the lists, the last one stays; every request is kept. A
fault is what real servers do: hang, cut the sound, refuse, send a file of another kind.
"""

from __future__ import annotations

import email
import io
import json
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Sound(NamedTuple):
    """An answer of `audio/speech`. `fault`: a status, `hang`, `drop`, `cut`, or `wait`
    (for `more`, after the sound)."""

    pcm: bytes = b"\x10\x00" * 24_000
    fault: str = ""
    kind: str = "application/octet-stream"
    sizes: int = 4801
    """Bytes of a chunk: odd, so that samples are torn apart."""


class Text(NamedTuple):
    """An answer of `audio/transcriptions`. `fault`: a status, `hang`, `drop` or `nonsense`.

    `after`: how many later requests must have come in before this is answered.
    """

    text: str = "Yes please."
    fault: str = ""
    after: int = 0


class Upload(NamedTuple):
    """What came with a transcription."""

    fields: dict[str, str]
    rate: int
    pcm: bytes


class AudioServer:
    """The running server."""

    def __init__(self) -> None:
        self.sounds: list[Sound] = [Sound()]
        self.texts: list[Text] = [Text()]
        self.asked: list[dict[str, Any]] = []
        self.uploads: list[Upload] = []
        self.keys: list[str] = []
        self.over = threading.Event()
        self.more = threading.Event()
        """Until it is set, a sound with `wait` does not end."""
        self._news = threading.Condition()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # named by http.server
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.keys.append(self.headers.get("Authorization", ""))
                self.close_connection = True
                try:
                    if self.path == "/v1/audio/speech":
                        self._speech(json.loads(body))
                    elif self.path == "/v1/audio/transcriptions":
                        self._text(_parts(self.headers["Content-Type"], body))
                    else:
                        self._plain(404, b"{}")
                except ConnectionError:
                    return  # the client has heard enough

            def _speech(self, asked: dict[str, Any]) -> None:
                sound = server.next_sound(asked)
                if self._failed(sound.fault):
                    return
                self.send_response(200)
                self.send_header("Content-Type", sound.kind)
                self.send_header("Connection", "close")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for at in range(0, len(sound.pcm), sound.sizes):
                    piece = sound.pcm[at : at + sound.sizes]
                    self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                    self.wfile.flush()
                if sound.fault == "wait":
                    server.more.wait(20)
                if sound.fault != "cut":
                    self.wfile.write(b"0\r\n\r\n")

            def _text(self, upload: Upload) -> None:
                text = server.next_text(upload)
                if not self._failed(text.fault):
                    nonsense = text.fault == "nonsense"
                    self._plain(200, b"<html>" if nonsense else json.dumps({"text": text.text}).encode())

            def _failed(self, fault: str) -> bool:
                if fault == "hang":
                    server.over.wait(20)
                elif fault.isdigit():
                    self._plain(int(fault), b'{"error": {"message": "no", "type": "x"}}')
                return fault in ("hang", "drop") or fault.isdigit()

            def _plain(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Connection", "close")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Tests print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def next_sound(self, asked: dict[str, Any]) -> Sound:
        """The answer to a request, which is kept."""
        with self._news:
            self.asked.append(asked)
            return self.sounds.pop(0) if len(self.sounds) > 1 else self.sounds[0]

    def next_text(self, upload: Upload) -> Text:
        """The answer to an upload, which is kept; it waits for later ones if it says so."""
        with self._news:
            self.uploads.append(upload)
            self._news.notify_all()
            text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
            wanted = len(self.uploads) + text.after
            self._news.wait_for(lambda: len(self.uploads) >= wanted, 20)
            return text

    def wait_for_uploads(self, number: int) -> None:
        """Until so many have come in."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.uploads) >= number, 20)

    def stop(self) -> None:
        """End it and whoever still waits for an answer."""
        self.over.set()
        self.more.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _parts(kind: str, body: bytes) -> Upload:
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    fields: dict[str, str] = {}
    rate, pcm = 0, b""
    for part in message.get_payload():
        assert isinstance(part, Message)
        name = str(part.get_param("name", header="content-disposition"))
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if name == "file":
            with wave.open(io.BytesIO(content)) as file:
                assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
                rate, pcm = file.getframerate(), file.readframes(file.getnframes())
        else:
            fields[name] = content.decode()
    return Upload(fields, rate, pcm)


@contextmanager
def audio_server() -> Iterator[AudioServer]:
    """A server that runs as long as this."""
    server = AudioServer()
    try:
        yield server
    finally:
        server.stop()

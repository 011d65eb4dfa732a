"""A FreeSWITCH at its event socket: channels, recordings and their masks, as its interface documents them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field


@dataclass
class Leg:
    """One channel. `recordings`: file to whether it is masked."""

    call: str
    sip_call_id: str = ""
    recordings: dict[str, bool] = field(default_factory=dict)


class FakeFreeSwitch:
    """`refuse`: files whose masking fails. `mute`: answers nothing. `commands`: all that was asked."""

    def __init__(self, password: str = "ClueCon") -> None:
        self.password = password
        self.legs: dict[str, Leg] = {}
        self.refuse: set[str] = set()
        self.mute = False
        self.commands: list[str] = []
        self.starts_late: dict[str, str] = {}
        """Channel to a recording that begins as soon as something of the call was masked."""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writer.write(b"Content-Type: auth/request\n\n")
        let_in = False
        try:
            while True:
                line = (await reader.readuntil(b"\n\n")).decode().strip()
                if self.mute:
                    continue
                if line.startswith("auth "):
                    let_in = line == f"auth {self.password}"
                    said = "+OK accepted" if let_in else "-ERR invalid"
                    writer.write(f"Content-Type: command/reply\nReply-Text: {said}\n\n".encode())
                elif let_in and line.startswith("api "):
                    body = self._api(line.removeprefix("api ")).encode()
                    writer.write(b"Content-Type: log/data\nContent-Length: 4\n\nnoise"[:-1])
                    head = f"Content-Type: api/response\nContent-Length: {len(body)}\n\n"
                    writer.write(head.encode() + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            self._tasks.discard(task)

    def _api(self, command: str) -> str:
        self.commands.append(command)
        name, *rest = command.split(" ")
        if command == "show channels as json":
            rows = [{"uuid": uuid, "call_uuid": leg.call} for uuid, leg in self.legs.items()]
            return json.dumps({"row_count": len(rows), **({"rows": rows} if rows else {})})
        leg = self.legs.get(rest[0])
        if leg is None:
            return "-ERR No such channel!\n"
        if name == "uuid_getvar":
            return leg.sip_call_id or "_undef_"
        if name == "uuid_buglist":
            bugs = "".join(
                f"<media-bug><function>session_record</function><target>{file}</target></media-bug>"
                for file in leg.recordings
            )
            other = "<media-bug><function>spy</function><target>x</target></media-bug>"
            return f"<media-bugs>{other}{bugs}</media-bugs>"
        if name == "uuid_record":
            act, file = rest[1], " ".join(rest[2:])
            if file not in leg.recordings or file in self.refuse:
                return "-ERR Cannot mask recording session\n"
            leg.recordings[file] = act == "mask"
            for channel, late in self.starts_late.items():
                self.legs[channel].recordings.setdefault(late, False)
            self.starts_late.clear()
            return "+OK Success\n"
        return "-ERR command not found\n"

"""A PostgreSQL of our own for tests: from whichever binaries are there, as an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

_USERS = ("postgres", "nobody")


def binaries() -> Path | None:
    """The folder with `initdb` and `postgres`: on PATH, else where Debian puts the newest."""
    found = shutil.which("initdb")
    if found is not None and shutil.which("postgres") is not None:
        return Path(found).resolve().parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return places[-1] if places else None


class Postgres:
    """A cluster in a folder under the temporary one; it can be killed and started again."""

    def __init__(self, bin_folder: Path, *, durable: bool = False) -> None:
        self._bin = bin_folder
        self._folder = Path(tempfile.mkdtemp(prefix="halodesk-pg-"))
        self._user = None
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            names = {entry.pw_name: entry for entry in pwd.getpwall()}
            entry = next(names[name] for name in _USERS if name in names)
            self._user = entry.pw_uid
            os.chown(self._folder, entry.pw_uid, entry.pw_gid)
        self._folder.chmod(0o700)
        self._run("initdb", "-D", str(self._data), "-U", "owner", "-A", "trust", "--no-sync", "-E", "UTF8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        with psycopg.connect(self._address("postgres", "owner"), autocommit=True) as connection:
            connection.execute("CREATE ROLE halodesk LOGIN")  # no superuser: what IT would give us

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self._folder / "log").open("ab")
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-k", str(self._folder)]
        options += [] if self._durable else ["-c", "fsync=off"]
        with log:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(self._data), *options],
                user=self._user,
                stdout=log,
                stderr=log,
                cwd="/",
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self._address("postgres", "owner")).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def kill(self) -> None:
        """As a crash would: no shutdown, every connection torn."""
        assert self._process is not None
        children = subprocess.run(
            ["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        self._process.kill()
        self._process.wait(10)
        deadline = time.monotonic() + 10  # its children notice by themselves and let go of shared memory
        while time.monotonic() < deadline and any(Path(f"/proc/{child}").exists() for child in children):
            time.sleep(0.05)

    def database(self, name: str) -> str:
        """The URL of a new database of that name."""
        with psycopg.connect(self._address("postgres", "owner"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" OWNER halodesk')
        return f"postgresql://halodesk@127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        """Stop it and remove its folder."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _address(self, database: str, user: str) -> str:
        return f"host=127.0.0.1 port={self.port} dbname={database} user={user} connect_timeout=5"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / program), *arguments], user=self._user, check=True, capture_output=True, cwd="/"
        )

"""`halodesk leak-test`: proof, made here, that nothing typed into a secure box is left anywhere."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from halodesk.cli.output import Json, failing, show

if TYPE_CHECKING:
    from halodesk.selftest.leak_certificate import Certificate


def leak_test(
    out: Annotated[Path | None, typer.Option(help="File for the signed certificate.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep all the test left behind in this folder.")] = None,
    verify: Annotated[Path | None, typer.Option(help="Check a certificate instead of making one.")] = None,
    as_json: Json = False,
) -> None:
    """Type canaries through every secure box of a sandboxed seat on a real call, and search for them.

    Exit code 0: nothing in what lasts. 1: something was found, or the test could not be made.
    """
    with failing(as_json):
        from halodesk.engine.errors import DemoError
        from halodesk.selftest import leak_certificate
        from halodesk.selftest.leak_test import run

        if verify is not None:
            found = leak_certificate.read(verify.read_bytes())
            genuine = found.is_genuine()
            if not genuine:
                raise DemoError("The signature does not fit: this certificate was changed.")
            show(found, as_json=as_json, words=lambda: _words(found))
            raise typer.Exit(0 if found.ok else 1)

        def say(words: str) -> None:
            if not as_json:
                sys.stderr.write(words + "\n")

        if keep is not None and keep.exists() and any(keep.iterdir()):
            raise DemoError(f"{keep} is not empty.", "Name a new folder.")
        folder = keep or Path(tempfile.mkdtemp(prefix="halodesk-leak-"))
        try:
            found = run(folder, say=say)
        finally:
            if keep is None:
                shutil.rmtree(folder, ignore_errors=True)
        if out is not None:
            out.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
        show(found, as_json=as_json, words=lambda: _words(found))
    raise typer.Exit(0 if found.ok else 1)


def _words(found: Certificate) -> str:
    lines = []
    for place in found.places:
        finds = f"{len(place.finds)} FOUND" if place.finds else "clean"
        lines.append(f"{place.name:20} {place.things:6} things {place.size:12,} bytes  {finds}")
        lines += [f"    {find.kind} in {find.where}: {find.form}" for find in place.finds]
    sound, memory = found.recording, found.memory
    lines.append(
        f"{'masked recording':20} {sound.windows:6} windows {sound.masked_s:8.1f} s, "
        f"{sound.loud_frames} frames with sound, {sound.dtmf_frames} with keypad tones, "
        f"{sound.unproven} windows unproven"
    )
    unreadable = f", {memory.unreadable} not readable" if memory.unreadable else ""
    lines.append(
        f"{'memory':20} {memory.processes:6} processes{unreadable} {memory.size:12,} bytes  "
        f"{memory.found} found. {memory.note}"
    )
    verdict = "NOTHING LEAKED" if found.ok else "LEAKED"
    lines.append(
        f"{verdict}: {len(found.canaries)} canaries, {found.bytes_scanned:,} bytes, "
        f"{found.findings} findings in what lasts. "
        f"{found.program}, {found.made_at}, signed by {found.public_key[:16]}…"
    )
    return "\n".join(lines)

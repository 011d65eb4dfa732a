"""`halodesk phone` and the hidden worker: children of the seat."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from halodesk.cli.output import failing


def phone(
    data: Annotated[Path, typer.Option(help="Data folder of the seat this phone belongs to.")],
    start_masked: Annotated[
        bool, typer.Option("--start-masked", help="Begin with recording masked.")
    ] = False,
    orphan_after: Annotated[
        float, typer.Option(help="Seconds without a window until calls are ended.")
    ] = 60.0,
    bind: Annotated[str, typer.Option(help="Local address of all sockets (default: every interface).")] = "",
    sip_port: Annotated[int, typer.Option(help="Local SIP port; 0: any free one.")] = 0,
    rtp_port: Annotated[int, typer.Option(help="First local RTP port; 0: any free one.")] = 0,
    rtp_ports: Annotated[int, typer.Option(help="How many RTP ports from there on.")] = 200,
    dscp_sound: Annotated[int, typer.Option(help="Mark of RTP packets; 0: none.")] = 46,
    dscp_signalling: Annotated[int, typer.Option(help="Mark of SIP packets; 0: none.")] = 24,
    trace: Annotated[
        bool, typer.Option("--trace", help="Write SIP messages, redacted, to logs/sip-trace.log.")
    ] = False,
    microphone: Annotated[
        Path | None, typer.Option(help="Sound file played in a loop as the microphone.")
    ] = None,
    sound: Annotated[
        bool, typer.Option("--sound/--no-sound", help="Use the sound devices of this computer.")
    ] = True,
    microphone_device: Annotated[
        str, typer.Option(help="Id of the microphone, until one is chosen in the window.")
    ] = "",
    speaker_device: Annotated[
        str, typer.Option(help="Id of the headset or speaker, until one is chosen in the window.")
    ] = "",
    ring_device: Annotated[
        str, typer.Option(help="Id of the speaker that rings, until one is chosen in the window.")
    ] = "",
    cancel_echo: Annotated[
        bool, typer.Option("--cancel-echo", help="Cancel echo, until somebody chooses in the window.")
    ] = False,
    codecs: Annotated[
        str, typer.Option(help="Codecs of the sound, the preferred first: pcma, pcmu, g722.")
    ] = "pcma,pcmu",
    recordings: Annotated[Path | None, typer.Option(help="Folder of the recordings.")] = None,
    recording_key: Annotated[
        str, typer.Option(help="Public key (hex) recordings are encrypted for; none: they are plain.")
    ] = "",
    no_record: Annotated[bool, typer.Option("--no-record", help="Record nothing.")] = False,
) -> None:
    """Run the phone process. The window starts it by itself; a person rarely needs to."""
    with failing():
        from halodesk.runtime import crash
        from halodesk.sip.phone.main import run

        with crash.watched(data / "crashes", "phone"):
            raise typer.Exit(
                run(
                    data,
                    start_masked=start_masked,
                    orphan_after_s=orphan_after,
                    bind=bind,
                    sip_port=sip_port,
                    rtp_port=rtp_port,
                    rtp_ports=rtp_ports,
                    dscp_sound=dscp_sound,
                    dscp_signalling=dscp_signalling,
                    trace=trace,
                    microphone=microphone,
                    codecs=_codecs(codecs),
                    recordings=recordings,
                    recording_lock=_public(recording_key),
                    record=not no_record,
                    sound="auto" if sound else "none",
                    microphone_device=microphone_device,
                    speaker_device=speaker_device,
                    ring_device=ring_device,
                    cancel_echo=cancel_echo,
                )
            )


def _codecs(given: str) -> tuple[str, ...]:
    from halodesk.sip.phone.codecs import NAMES

    found = tuple(filter(None, given.split(",")))
    if not found or set(found) - NAMES.keys():
        raise typer.BadParameter(f"Codecs are {', '.join(NAMES)}, with commas between them.")
    return found


def _public(key: str) -> bytes | None:
    try:
        found = bytes.fromhex(key)
    except ValueError:
        found = b"?"
    if found and len(found) != 32:  # an X25519 key
        raise typer.BadParameter("The key of recordings is 64 hexadecimal digits.")
    return found or None


def js_worker() -> None:
    """Evaluate flow functions, asked over standard input."""
    from halodesk.runtime.js_child import main

    main()


def speech_worker() -> None:
    """Recognise one caller's speech, told over standard input."""
    from halodesk.voice.speech_worker import main

    raise typer.Exit(main())

"""`python -m halodesk.sip.phone`: the phone process by its bare options."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from halodesk.sip.phone.codecs import DEFAULT_CODECS
from halodesk.sip.phone.main import ORPHAN_AFTER_S, run
from halodesk.sip.phone.recorder import GUARD_S


def main() -> int:
    """Reads the options and runs the phone."""
    parser = argparse.ArgumentParser(prog="halodesk.sip.phone", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--start-masked", action="store_true", help='hold the mask lease "restart"')
    parser.add_argument("--orphan-after", type=float, default=ORPHAN_AFTER_S, metavar="S")
    parser.add_argument("--bind", default="", help="address of all sockets (default: every interface)")
    parser.add_argument("--sip-port", type=int, default=0)
    parser.add_argument("--rtp-port", type=int, default=0)
    parser.add_argument("--rtp-ports", type=int, default=200)
    parser.add_argument("--dscp-sound", type=int, default=46)
    parser.add_argument("--dscp-signalling", type=int, default=24)
    parser.add_argument("--trace", action="store_true", help="write SIP messages, redacted")
    parser.add_argument("--microphone", type=Path, help="sound file played in a loop")
    parser.add_argument("--sound", default="auto", choices=("auto", "none"), help="use sound devices")
    parser.add_argument("--microphone-device", default="", metavar="ID", help="until one is chosen")
    parser.add_argument("--speaker-device", default="", metavar="ID", help="until one is chosen")
    parser.add_argument("--recordings", type=Path, help="folder (default: DATA_DIR/recordings)")
    parser.add_argument("--recording-key", default="", metavar="HEX", help="public; none: plain files")
    parser.add_argument("--codecs", default="", help="of the sound, the preferred first: pcma,pcmu,g722")
    parser.add_argument("--no-record", action="store_true")
    parser.add_argument("--guard", type=float, default=GUARD_S, metavar="S", help="silence kept after unmask")
    parser.add_argument("--log-level", type=int, default=2, choices=(1, 2, 3))
    options = parser.parse_args()
    return run(
        options.data_dir,
        start_masked=options.start_masked,
        orphan_after_s=options.orphan_after,
        bind=options.bind,
        sip_port=options.sip_port,
        rtp_port=options.rtp_port,
        rtp_ports=options.rtp_ports,
        dscp_sound=options.dscp_sound,
        dscp_signalling=options.dscp_signalling,
        trace=options.trace,
        microphone=options.microphone,
        recordings=options.recordings,
        recording_lock=bytes.fromhex(options.recording_key) or None,
        codecs=tuple(options.codecs.split(",")) if options.codecs else DEFAULT_CODECS,
        record=not options.no_record,
        guard_s=options.guard,
        log_level=options.log_level,
        sound=options.sound,
        microphone_device=options.microphone_device,
        speaker_device=options.speaker_device,
    )


if __name__ == "__main__":
    sys.exit(main())

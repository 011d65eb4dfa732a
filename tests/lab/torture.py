"""Messages that are valid and look broken, or are broken and look valid, after the sections of RFC 4475."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

_HEAD = (
    "Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{name}",
    "From: Caller <sip:caller@127.0.0.1>;tag={name}",
    "To: <sip:1001@127.0.0.1>",
    "Call-ID: {name}@torture",
    "CSeq: 7 INVITE",
    "Contact: <sip:caller@127.0.0.1:{port}>",
    "Max-Forwards: 70",
)
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"

Change = dict[str, str | None]


def _message(
    name: str,
    port: int,
    change: Change | None = None,
    *,
    first: str = "INVITE sip:1001@127.0.0.1 SIP/2.0",
    body: str = SDP,
    length: str = "",
    extra: tuple[str, ...] = (),
) -> bytes:
    """`change`: header name to its new line, None leaves it out."""
    lines = []
    for line in _HEAD:
        key = line.partition(":")[0]
        new = (change or {}).get(key, line)
        if new is not None:
            lines.append(new.replace("{port}", str(port)).replace("{name}", name))
    kind = "Content-Type: application/sdp"
    text = "\r\n".join([first, *lines, *extra, kind, f"Content-Length: {length or len(body)}", "", body])
    return text.encode("utf-8", "surrogateescape")


def plain(name: str, port: int) -> bytes:
    """An INVITE with nothing wrong about it."""
    return _message(name, port)


def messages(port: int) -> Iterator[tuple[str, bytes]]:
    """Name (that of the section of RFC 4475) and message; answers go to `port` of 127.0.0.1."""

    def one(name: str, change: Change | None = None, **more: object) -> tuple[str, bytes]:
        return name, _message(name, port, change, **more)  # type: ignore[arg-type]  # the keywords above

    # 3.1.1: valid
    yield one(
        "wsinv",
        {
            "From": 'f   : "J Rosenberg \\\\\\""\r\n   <sip:jdrosen@127.0.0.1>\r\n ;\r\n tag = {name}',
            "To": "TO :\r\n sip:1001@127.0.0.1 ;\r\n p=x",
            "CSeq": "cseq: 0009\r\n  INVITE",
        },
    )
    yield one(
        "intmeth",
        {"CSeq": "CSeq: 7 !interesting-Method0123456789_*+`.%indeed'~"},
        first="!interesting-Method0123456789_*+`.%indeed'~ sip:1*_!~'();:&=+$,%x@127.0.0.1:5060 SIP/2.0",
    )
    yield one("esc01", first="INVITE sip:sips%3Auser%40example.com@127.0.0.1 SIP/2.0")
    yield one("escnull", {"Contact": "Contact: <sip:%00@127.0.0.1:{port}>, <sip:%00%00@127.0.0.1:{port}>"})
    yield one("esc02", first="RE%47IST%45R sip:1001@127.0.0.1 SIP/2.0")
    yield one("lwsdisp", {"From": "From: caller<sip:caller@127.0.0.1>;tag={name}"})
    yield one("longreq", {"From": f"From: <sip:{'amazinglylongcallername' * 60}@127.0.0.1>;tag={{name}}"})
    yield one("dblreq", body=SDP + "INVITE sip:1001@127.0.0.1 SIP/2.0\r\n\r\n", length=str(len(SDP)))
    yield one(
        "semiuri",
        first="OPTIONS sip:user;par=u%40example.net@127.0.0.1 SIP/2.0",
        change={"CSeq": "CSeq: 7 OPTIONS"},
    )
    yield one("transports", {"Via": _HEAD[0] + "\r\nVia: SIP/2.0/SCTP a.example\r\nVia: SIP/2.0/UNKNOWN b"})
    yield one("mpart01", body="--b\r\nContent-Type: x/y\r\n\r\n\x00\x01\xff\r\n--b--\r\n")
    yield "unreason", b"SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=x\r\n\r\n"
    yield "noreason", b"SIP/2.0 100 \r\nCSeq: 1 INVITE\r\nCall-ID: none\r\n\r\n"
    # 3.1.2: invalid
    yield one("badinv01", {"Contact": 'Contact: "Joe" <sip:joe@127.0.0.1>;;,;,,', "Via": _HEAD[0] + ";;,;,,"})
    yield one("clerr", length="9999")
    yield one("ncl", length="-999")
    yield one(
        "scalar02",
        {"CSeq": "CSeq: 36893488147419103232 INVITE", "Max-Forwards": "Max-Forwards: 300"},
        extra=("Expires: 10000000000000000000000000000000000000",),
    )
    yield (
        "scalarlg",
        (
            b"SIP/2.0 503 Unavailable\r\nVia: SIP/2.0/UDP h;branch=z\r\nCSeq: 929239483477230402 OPTIONS\r\n"
            b"Retry-After: 949302838503028349304023988\r\n\r\n"
        ),
    )
    yield one("quotbal", {"To": 'To: "Mr. J. User <sip:1001@127.0.0.1>'})
    yield one("ltgtruri", first="INVITE <sip:1001@127.0.0.1> SIP/2.0")
    yield one("lwsruri", first="INVITE sip:1001@127.0.0.1; lr SIP/2.0")
    yield one("lwsstart", first="INVITE  sip:1001@127.0.0.1  SIP/2.0")
    yield one("trws", first="INVITE sip:1001@127.0.0.1 SIP/2.0  ")
    yield one("escruri", first="INVITE sip:1001@127.0.0.1?Route=%3Csip:example.com%3E SIP/2.0")
    yield one("baddate", extra=("Date: Fri, 01 Jan 2010 16:00:00 EST",))
    yield one(
        "regbadct",
        {"Contact": "Contact: sip:1001@127.0.0.1?Route=%3Csip:x%3E", "CSeq": "CSeq: 7 REGISTER"},
        first="REGISTER sip:127.0.0.1 SIP/2.0",
    )
    yield one("badaspec", {"To": 'To: "Watson, Thomas" < sip:t.watson@127.0.0.1 >'})
    yield one("baddn", {"From": "From: Bell, Alexander <sip:a.g.bell@127.0.0.1>;tag=43"})
    yield one("badvers", first="INVITE sip:1001@127.0.0.1 SIP/7.0")
    yield one("mismatch01", {"CSeq": "CSeq: 8 OPTIONS"})
    yield one("mismatch02", first="NEWMETHOD sip:1001@127.0.0.1 SIP/2.0")
    yield (
        "bigcode",
        b"SIP/2.0 4294967301 better not break\r\nVia: SIP/2.0/UDP h;branch=z\r\nCSeq: 8 X\r\n\r\n",
    )
    # 3.2 and 3.3: semantics
    yield one("badbranch", {"Via": "Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK"})
    for gone in ("Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards"):
        yield one(f"insuf{gone}", {gone: None})
    yield one(
        "unkscm",
        first="OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0",
        change={"CSeq": "CSeq: 7 OPTIONS"},
    )
    yield one("novelsc", first="INVITE soap.beep://192.0.2.103:3002 SIP/2.0")
    yield one(
        "bext01", extra=("Require: nothingSupportsThis, nothingSupportsThisEither", "Proxy-Require: foo")
    )
    yield one("invut", body="<audio><pcmu port='443'/></audio>")
    yield one("regaut01", extra=("Authorization: NoOneKnowsThisScheme opaque-data=here",))
    for twice in ("CSeq: 5 INVITE", "Call-ID: again", "To: <sip:b@127.0.0.1>", "From: <sip:c@x>;tag=2"):
        yield one(f"multi{twice[:2]}", extra=(twice, twice))
    yield one("mcl01", extra=("Content-Length: 5", "Content-Length: 13"))
    yield one("zeromf", {"Max-Forwards": "Max-Forwards: 0"})
    yield one("cparam01", {"Contact": "Contact: sip:+19725552222@127.0.0.1:{port};unknownparam"})
    yield one("sdp01", extra=("Accept: text/nobodyKnowsThis",))
    yield one(
        "inv2543",
        {
            "Via": "Via: SIP/2.0/UDP 127.0.0.1:{port}",
            "From": "From: <sip:x@127.0.0.1>",
            "Max-Forwards": None,
            "Contact": None,
        },
    )
    # beside RFC 4475
    yield "empty", b""
    yield "zeros", bytes(1000)
    yield "noise", random.Random(4475).randbytes(1400)
    yield one("nothing", body="", length="0")
    yield one(
        "html", {"From": 'From: "<img src=x onerror=alert(1)>" <sip:%3Cscript%3E@127.0.0.1>;tag={name}'}
    )
    yield one("latin", {"From": 'From: "M\udcfcller" <sip:caller@127.0.0.1>;tag={name}'})
    yield one("crypto", body=SDP + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 3000 + "\r\n")
    yield one("media", body=SDP + "m=video 1 RTP/AVP 99\r\n" * 60)
    yield one("replaces", extra=("Replaces: nobody@x;to-tag=1;from-tag=2", "Require: replaces"))
    yield one("timer", extra=("Session-Expires: 1;refresher=uac", "Min-SE: 1", "Supported: timer"))


def mutants(count: int, port: int, seed: int = 3261) -> Iterator[bytes]:
    """INVITEs with bytes, lines and words changed by chance, the same ones for the same seed."""
    chance = random.Random(seed)
    for number in range(count):
        message = bytearray(_message(f"mutant{number}", port))
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(message))
            match chance.randrange(7):
                case 0:
                    message[at] = chance.randrange(256)
                case 1:
                    del message[at : at + chance.randint(1, 30)]
                case 2:
                    message[at:at] = chance.randbytes(chance.randint(1, 40))
                case 3:
                    message[at:at] = chance.choice(
                        (b"\r\n", b"\n", b"\0", b"%00", b'"', b"<", b";", b"\r\n\r\n")
                    )
                case 4:
                    lines = bytes(message).split(b"\r\n")
                    lines.insert(chance.randrange(len(lines)), chance.choice(lines))
                    message = bytearray(b"\r\n".join(lines))
                case 5:
                    number_found = re.search(rb"\d+", bytes(message[at:]))
                    if number_found:
                        begin = at + number_found.start()
                        message[begin : at + number_found.end()] = chance.choice(
                            (b"-1", b"0", b"4294967296", b"99999999999999999999", b"")
                        )
                case _:
                    message[at:at] = chance.choice((b"A", b"%41", b"(", b"=")) * chance.randint(100, 1500)
            if not message:
                message = bytearray(b"x")
        yield bytes(message[:60_000])

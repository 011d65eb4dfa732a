"""The doctor's lines about the telephone, each with the thing it looks at broken for real."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from halodesk.demo.lab import free_port
from halodesk.protocol.phone_link import Capabilities, Registration
from halodesk.runtime import settings as s
from halodesk.selftest import children, sip_ping, telephone
from halodesk.selftest.children import Devices, Probe
from tests.fakes.ami import FakeAmi
from tests.lab.phones import Seat
from tests.unit.test_doctor_seat import said

HOST = "127.0.0.1"
NOT_HERE = "192.0.2.1"
"""An address no computer has (RFC 5737)."""


def settings(**given: object) -> s.Settings:
    return s.Settings(**({"sip_bind": HOST} | given))  # type: ignore[arg-type]


@contextmanager
def ami(configure: str = "", value: object = None) -> Iterator[FakeAmi]:
    """A manager interface on a thread of its own."""
    fake = FakeAmi()
    if configure:
        setattr(fake, configure, value)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(fake.start(), loop).result(10)
    try:
        yield fake
    finally:
        asyncio.run_coroutine_threadsafe(fake.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


# --- the phone and its devices ------------------------------------------------------------------


def test_a_phone_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "command", lambda: [sys.executable, "-c", "raise SystemExit('no pjsua2')"])
    found = children.probe(tmp_path, settings())
    said(telephone.phone(found), "problem", "no pjsua2")
    given = settings(account=s.SipAccount(uri="sip:1@x", registrar=f"sip:{HOST}:{free_port()}"))
    said(telephone.pbx(given, found), "not_checked", "No phone could try")


def test_what_the_build_can_do(tmp_path: Path) -> None:
    found = children.probe(tmp_path, settings())
    assert telephone.phone(found).state in ("ok", "warning")
    assert "pjsua2" in telephone.phone(found).message
    assert list(tmp_path.iterdir()) == [], "it works in a folder of its own"


def fake_qt(folder: Path, media: str) -> str:
    """A PySide6 whose Qt Multimedia is this module."""
    package = folder / "PySide6"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    core = "class QCoreApplication:\n    def __init__(self, arguments): ...\n    def shutdown(self): ...\n"
    (package / "QtCore.py").write_text(core, encoding="utf-8")
    (package / "QtMultimedia.py").write_text(media, encoding="utf-8")
    return str(folder)


SOME = """
class Device:
    def __init__(self, name): self.name = name
    def description(self): return self.name

class QMediaDevices:
    audioInputs = staticmethod(lambda: [Device(name) for name in %r])
    audioOutputs = staticmethod(lambda: [Device("Built-in"), Device("Headset")])
    defaultAudioInput = staticmethod(lambda: Device("Headset"))
    defaultAudioOutput = staticmethod(lambda: Device("Headset"))
"""


@pytest.mark.parametrize(
    ("media", "state", "words"),
    [
        (SOME % (["Webcam", "Headset"],), "ok", "Microphones: Headset, Webcam. Speakers: Headset, Built-in"),
        (SOME % ([],), "problem", "no microphone"),
        ("raise ImportError('libpulse.so.0: cannot open')", "problem", "libpulse.so.0"),
        ("import os; os.abort()", "problem", "has died"),
    ],
)
def test_sound_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, media: str, state: str, words: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", fake_qt(tmp_path, media))
    said(telephone.devices(settings(), children.devices), state, words)


def test_a_sound_system_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = "import threading; threading.Event().wait()"
    monkeypatch.setenv("PYTHONPATH", fake_qt(tmp_path, hang))
    monkeypatch.setattr(children, "DEVICES_S", 3.0)
    said(telephone.devices(settings(), children.devices), "problem", "did not come in time")


def test_the_sound_devices_of_this_computer() -> None:
    """Whatever there is here, it is a line in words."""
    found = children.devices()
    assert found == Devices(missing=found.missing) or not found.missing
    assert telephone.devices(settings(), lambda: found).message.endswith(".")


# --- ports --------------------------------------------------------------------------------------


def test_a_free_port(tmp_path: Path) -> None:
    said(telephone.sip_port(tmp_path, settings()), "ok", "by itself")
    port = free_port()
    said(telephone.sip_port(tmp_path, settings(sip_port=port)), "ok", f"{port} is free")


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_another_program_has(tmp_path: Path, kind: int) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind((HOST, 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        taken = telephone.sip_port(tmp_path, settings(sip_port=other.getsockname()[1]))
    said(taken, "problem", "in use by a program that does not speak SIP", "0 for any")


def test_a_port_another_phone_has(tmp_path: Path) -> None:
    port = free_port()
    other = Seat(tmp_path / "other", "--sip-port", str(port))
    try:
        taken = telephone.sip_port(tmp_path / "seat", settings(sip_port=port))
        said(taken, "problem", "in use by another phone or a PBX, HaloDesk")
        said(telephone.sip_port(tmp_path / "other", settings(sip_port=port)), "ok", "seat's own phone")
        other.kill()
        said(telephone.sip_port(tmp_path / "other", settings(sip_port=port)), "ok", "is free")
    finally:
        other.quit()


def test_an_address_this_computer_has_not(tmp_path: Path) -> None:
    said(telephone.sip_port(tmp_path, settings(sip_bind=NOT_HERE)), "problem", "no address of this computer")
    said(telephone.rtp_ports(settings(sip_bind=NOT_HERE)), "problem", "Check `sip_bind`")


def test_ports_for_sound() -> None:
    said(telephone.rtp_ports(settings()), "ok", "8 of them are free")


# --- the PBX ------------------------------------------------------------------------------------


def line(registrar: str, **given: str) -> s.Settings:
    return settings(account=s.SipAccount(uri="sip:1001@pbx", registrar=registrar, **given))  # type: ignore[arg-type]


def test_no_line(tmp_path: Path) -> None:
    said(telephone.pbx(settings(), Probe()), "not_checked", "No SIP account")
    said(telephone.pbx(line(""), Probe()), "not_checked", "Direct calls")
    said(telephone.pbx(line("sip:@:"), Probe()), "problem", "no SIP address")
    said(telephone.pbx(line("sip:pbx.invalid"), Probe()), "problem", "not known here", "DNS")


def test_a_registrar_that_is_dead(tmp_path: Path) -> None:
    given = line(f"sip:{HOST}:{free_port()}")
    said(telephone.pbx(given, children.probe(tmp_path, given)), "problem", "server away", "answers no ping")


@pytest.mark.slow
def test_a_registrar_that_is_silent(tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind((HOST, 0))
        given = line(f"sip:{HOST}:{silent.getsockname()[1]}")
        said(telephone.pbx(given, children.probe(tmp_path, given)), "problem", "answers no ping")


def test_a_transport_this_phone_has_not(tmp_path: Path) -> None:
    given = line(f"sip:{HOST}:{free_port()}", transport="pigeon")
    said(telephone.pbx(given, children.probe(tmp_path, given)), "problem", "pigeon")


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("sip:pbx.example.com", ("pbx.example.com", 5060)),
        ("sip:pbx.example.com:5080;transport=tcp", ("pbx.example.com", 5080)),
        ("<sips:1001@[2001:db8::1]:5061>", ("2001:db8::1", 5061)),
        ("10.0.0.1:5070", ("10.0.0.1", 5070)),
        ("sip:", ("", 5060)),
    ],
)
def test_where_a_sip_address_leads(uri: str, found: tuple[str, int]) -> None:
    assert sip_ping.host_port(uri) == found


def _answer(request: bytes, status: str) -> bytes:
    call = next(x for x in request.decode().split("\r\n") if x.startswith("Call-ID"))
    return f"SIP/2.0 {status}\r\n{call}\r\nServer: Test\r\n\r\n".encode()


def test_a_ping_is_sent_again_and_takes_only_its_own_answer() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as pbx:
        pbx.bind((HOST, 0))

        def serve() -> None:
            pbx.recvfrom(65_535)  # the first is lost
            request, there = pbx.recvfrom(65_535)
            pbx.sendto(b"\x00\xff", there)
            pbx.sendto(b"SIP/2.0 200 OK\r\nCall-ID: another\r\n\r\n", there)
            pbx.sendto(_answer(request, "100 Trying"), there)
            pbx.sendto(_answer(request, "401 Unauthorized"), there)

        thread = threading.Thread(target=serve)
        thread.start()
        answer = sip_ping.ping(HOST, pbx.getsockname()[1])
        thread.join(10)
    assert answer is not None
    assert (answer.status, answer.who) == (401, "Test")
    assert answer.rtt_ms >= 400


def test_a_way_that_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = sip_ping.Answer(status=200, who="", rtt_ms=800.0)
    monkeypatch.setattr(sip_ping, "ping", lambda *where, **how: slow)
    registered = Probe(registration=Registration(account="main", state="registered"))
    said(telephone.pbx(line(f"sip:{HOST}"), registered), "warning", "800 ms", "heard late")


# --- the PBX's manager, gateways ----------------------------------------------------------------


def manager(fake: FakeAmi, secret: str = "") -> s.Settings:
    return settings(ami=s.Ami(host=HOST, port=fake.port, username="lab", secret=secret or fake.secret))


def test_no_manager_is_set() -> None:
    said(telephone.recorders(settings()), "warning", "Name in `recorders`")


def test_a_manager_that_lets_us_in() -> None:
    with ami() as fake:
        said(telephone.recorders(manager(fake)), "ok", "is let in")


def test_a_wrong_secret_is_tried_once() -> None:
    with ami() as fake:
        said(
            telephone.recorders(manager(fake, "wrong")), "problem", "refuses the manager user", "manager.conf"
        )
        assert len(fake.sent("Login")) == 1


def test_a_manager_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telephone, "AMI_S", 1.0)
    with ami("greeting", b"") as fake:
        fake.closes_at = "Challenge"
        said(telephone.recorders(manager(fake)), "problem", "manager.conf")


@pytest.mark.slow
def test_what_is_no_manager() -> None:
    with ami("greeting", b"220 mail.example.com\r\n") as fake:
        said(telephone.recorders(manager(fake)), "problem", "not an Asterisk manager")


def test_a_manager_that_is_not_there() -> None:
    given = settings(ami=s.Ami(host=HOST, port=free_port(), username="x", secret="y"))
    said(telephone.recorders(given), "problem", "refused")


def test_gateways() -> None:
    said(telephone.gateways(settings()), "not_checked", "No payment gateway")
    with socket.create_server((HOST, 0)) as there:
        good = s.Gateway(provider="sandbox", url=f"http://{HOST}:{there.getsockname()[1]}")
        said(telephone.gateways(settings(gateways=(good,))), "ok", "default")
        unknown = s.Gateway(provider="piggy", url=good.url)
        said(telephone.gateways(settings(gateways=(good, unknown))), "problem", "piggy", "sandbox")
    said(telephone.gateways(settings(gateways=(good,))), "problem", "refused")
    away = s.Gateway(provider="sandbox", url="https://pay.invalid")
    said(telephone.gateways(settings(gateways=(away,))), "problem", "pay.invalid", "DNS")


def test_a_seat_that_wants_no_sound_is_not_looked_at() -> None:
    given = s.Settings(sound=s.Sound(devices="none"))
    check = telephone.devices(given, lambda: pytest.fail("it looked"))
    said(check, "not_checked", "no sound devices")


@pytest.mark.parametrize(
    ("account", "state", "words"),
    [
        ({"transport": "tls"}, "problem", "Demanded, and not in this build: TLS of sip:1@x"),
        ({"srtp": "required", "transport": "tls"}, "problem", "SRTP of sip:1@x"),
        ({"srtp": "offered"}, "warning", "keys of encrypted calls travel in the clear"),
        ({}, "warning", "Not in this build: TLS, SRTP"),
    ],
)
def test_a_build_without_what_the_account_demands(account: dict[str, str], state: str, words: str) -> None:
    bare = Capabilities(version="2", tls=False, srtp=False, codecs=(), sound_devices=0, max_calls=4)
    given = settings(account=s.SipAccount(uri="sip:1@x", **account))  # type: ignore[arg-type]  # two of many
    found = telephone.phone(children.Probe(capabilities=bare), given)
    assert (found.state, words in found.message) == (state, True)

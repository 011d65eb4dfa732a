"""What the phone does with each request of the seat.

Masking is done on the reader thread of the client, at once. Everything that touches a pj
object is posted to the SIP thread, which answers when it is done.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import msgspec

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import (
    PROTOCOL_VERSION,
    AnswerCall,
    Attach,
    Attached,
    CancelTransfer,
    Capabilities,
    CompleteTransfer,
    Dial,
    Done,
    HangUp,
    HearCall,
    Hold,
    LendVoice,
    Mask,
    MaskState,
    Merge,
    Ping,
    Quit,
    ReadMask,
    Refusal,
    Register,
    Request,
    Rescue,
    ReturnVoice,
    SendDtmf,
    SetMicrophone,
    Snapshot,
    Speak,
    Split,
    StopHearing,
    StopSpeech,
    Transfer,
    Unhold,
    Unmask,
    Unregister,
)
from halodesk.sip.phone.accounts import Accounts, resolve_peers
from halodesk.sip.phone.audio.requests import SoundRequest, reply_to
from halodesk.sip.phone.audio.sound import Sound
from halodesk.sip.phone.board import Board
from halodesk.sip.phone.calls import Calls
from halodesk.sip.phone.endpoint import SipThread
from halodesk.sip.phone.hub import Client
from halodesk.sip.phone.log import words
from halodesk.sip.phone.masks import Masks
from halodesk.sip.phone.transfer import Transfers
from halodesk.sip.phone.voices import VoiceRequest, Voices


class Service:
    """Handler of the hub."""

    def __init__(
        self,
        *,
        sip: SipThread,
        board: Board,
        masks: Masks,
        accounts: Accounts,
        calls: Calls,
        transfers: Transfers,
        capabilities: Capabilities,
        sound: Sound | None,
        on_quit: Callable[[], None],
        on_attendance: Callable[[], None],
    ) -> None:
        """`on_attendance` is told whenever a window attaches or leaves. No `sound`: silent by setting."""
        self._sip = sip
        self._board = board
        self._masks = masks
        self._accounts = accounts
        self._calls = calls
        self._transfers = transfers
        self._capabilities = capabilities
        self._sound = sound
        self._voices = Voices(calls, masks)
        self._on_quit = on_quit
        self._on_attendance = on_attendance

    def handle(self, request: Request, client: Client) -> None:
        """Answers one request; see `Handler.handle`."""
        rid = request.rid
        if isinstance(request, SoundRequest):
            self._on_sound(request, client)
            return
        match request:
            case Mask(lease=lease) | Unmask(lease=lease) if not lease:
                client.send(Refusal(rid=rid, code="no_lease", message="A mask needs the name of its lease."))
            case Mask(lease=lease):
                self._masked(self._masks.mask(lease), rid, client)
            case Unmask(lease=lease):
                self._masked(self._masks.unmask(lease), rid, client)
            case ReadMask():
                client.send(_numbered(self._masks.state(), rid))
            case Ping():
                client.send(Done(rid=rid))
            case Attach():
                self._attach(request, client)
            case Quit():
                self._sip.log.info("quit_asked", client=client.number)
                client.send(Done(rid=rid))
                self._on_quit()
            case Register(account=account):
                if not account.key or not account.uri:
                    self._refuse(client, rid, PhoneRefusedError("The account needs a key and a SIP address."))
                    return

                def register() -> None:
                    peers = resolve_peers(account)  # may take seconds: neither here nor on the SIP thread
                    self._on_sip(rid, client, lambda: self._accounts.register(account, peers))

                threading.Thread(target=register, name="register", daemon=True).start()
            case Unregister(account=key):
                self._on_sip(rid, client, lambda: self._accounts.unregister(key))
            case Dial():
                self._on_sip(rid, client, lambda: self._calls.dial(request))
            case AnswerCall(call=call):
                self._on_sip(rid, client, lambda: self._calls.answer(call))
            case Rescue(call=info):
                self._on_sip(rid, client, lambda: self._calls.rescue(info))
            case Hold(call=call):
                self._on_sip(rid, client, lambda: self._calls.hold(call, True))
            case Unhold(call=call):
                self._on_sip(rid, client, lambda: self._calls.hold(call, False))
            case SetMicrophone(call=call, muted=muted):
                self._on_sip(rid, client, lambda: self._calls.set_microphone(call, muted))
            case SendDtmf():
                self._on_sip(rid, client, lambda: self._calls.send_dtmf(request))
            case Transfer():
                self._on_sip(rid, client, lambda: self._transfers.begin(request))
            case CompleteTransfer():
                self._on_sip(rid, client, lambda: self._transfers.complete(request))
            case CancelTransfer():
                self._on_sip(rid, client, lambda: self._transfers.cancel(request))
            case Merge(calls=(first, second)):
                self._on_sip(rid, client, lambda: self._calls.merge(first, second))
            case Split(keep=keep):
                self._on_sip(rid, client, lambda: self._calls.split(keep))
            case LendVoice() | ReturnVoice() | Speak() | StopSpeech() | HearCall() | StopHearing():
                self._on_voice(request, client)
            case HangUp(call=call, code=code):
                self._on_sip(rid, client, lambda: self._calls.hang_up(call, code))

    def gone(self, client: Client) -> None:
        """A window has left or died; masks and calls stay as they are."""
        self._board.detach(client.send)
        self._sip.post(lambda: self._voices.forget(client))
        self._sip.log.info("client_gone", client=client.number)
        self._on_attendance()

    def _attach(self, request: Attach, client: Client) -> None:
        if request.protocol != PROTOCOL_VERSION:
            self._refuse(
                client,
                request.rid,
                PhoneRefusedError(
                    f"This phone speaks version {PROTOCOL_VERSION}, the window {request.protocol}.",
                    "End all calls and restart HaloDesk.",
                ),
                code="protocol",
            )
            return

        def welcome(snapshot: Snapshot) -> None:
            client.send(
                Attached(
                    rid=request.rid,
                    protocol=PROTOCOL_VERSION,
                    pid=os.getpid(),
                    capabilities=self._capabilities,
                    snapshot=snapshot,
                )
            )

        self._board.detach(client.send)  # attaching twice gives a new snapshot, not notices twice
        self._board.attach(client.send, welcome)
        self._sip.log.info("client_attached", client=client.number)
        self._on_attendance()

    def _on_sound(self, request: SoundRequest, client: Client) -> None:
        try:
            client.send(msgspec.structs.replace(reply_to(self._sound, request), rid=request.rid))
        except PhoneRefusedError as refusal:
            self._refuse(client, request.rid, refusal)

    def _on_voice(self, request: VoiceRequest, client: Client) -> None:
        rid = request.rid
        match request:
            case LendVoice(call=call):
                self._on_sip(rid, client, lambda: self._voices.lend(call, client))
            case ReturnVoice(call=call):
                self._on_sip(rid, client, lambda: self._voices.give_back(call))
            case HearCall(call=call, near=near):
                self._on_sip(rid, client, lambda: self._voices.hear(call, client, near=near))
            case StopHearing(call=call):
                self._on_sip(rid, client, lambda: self._voices.stop_hearing(call, client))
            case Speak() | StopSpeech():  # here and now: a cut must not wait for the SIP thread
                try:
                    self._voices.take(request)
                except PhoneRefusedError as refusal:
                    self._refuse(client, rid, refusal)
                else:
                    client.send(Done(rid=rid))

    def _masked(self, state: MaskState, rid: int, client: Client) -> None:
        client.send(_numbered(state, rid))
        self._board.publish(state, but=client.send)
        self._sip.post(self._calls.masks_changed)
        self._sip.log.info("mask", masked=state.masked, leases=state.leases, client=client.number)

    def _on_sip(self, rid: int, client: Client, job: Callable[[], None]) -> None:
        def run() -> None:
            try:
                job()
            except PhoneRefusedError as refusal:
                self._refuse(client, rid, refusal)
            except Exception as error:  # callback boundary of the SIP thread: logged as text
                self._sip.log.error("request_failed", error=words(error))
                failed = PhoneRefusedError("The phone failed at this request.")
                self._refuse(client, rid, failed, code="internal")
            else:
                client.send(Done(rid=rid))

        self._sip.post(run)

    def _refuse(self, client: Client, rid: int, refusal: PhoneRefusedError, *, code: str = "refused") -> None:
        client.send(Refusal(rid=rid, code=code, message=refusal.message, todo=refusal.todo))


def _numbered(state: MaskState, rid: int) -> MaskState:
    return MaskState(rid=rid, masked=state.masked, leases=state.leases, positions=state.positions)

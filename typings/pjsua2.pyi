"""What HaloDesk uses of pjsua2 2.15 (SWIG), by hand. Add what you use; leave out the rest."""

from collections.abc import Iterator
from types import ModuleType
from typing import SupportsInt

PJMEDIA_FORMAT_PCM: int
PJMEDIA_FRAME_TYPE_AUDIO: int
PJMEDIA_FRAME_TYPE_NONE: int
PJMEDIA_TYPE_AUDIO: int
PJMEDIA_SRTP_DISABLED: int
PJMEDIA_SRTP_MANDATORY: int
PJMEDIA_SRTP_OPTIONAL: int
PJSIP_INV_STATE_CALLING: int
PJSIP_INV_STATE_CONFIRMED: int
PJSIP_INV_STATE_CONNECTING: int
PJSIP_INV_STATE_DISCONNECTED: int
PJSIP_INV_STATE_EARLY: int
PJSIP_INV_STATE_INCOMING: int
PJSIP_TP_STATE_DISCONNECTED: int
PJSIP_TRANSPORT_TCP: int
PJSIP_TRANSPORT_TLS: int
PJSIP_TRANSPORT_UDP: int
PJSUA_CALL_MEDIA_ACTIVE: int
PJSUA_CALL_MEDIA_REMOTE_HOLD: int
PJSUA_CALL_MEDIA_LOCAL_HOLD: int
PJSUA_CALL_UNHOLD: int
PJSUA_DTMF_METHOD_RFC2833: int
PJSUA_DTMF_METHOD_SIP_INFO: int
PJSIP_REDIRECT_ACCEPT: int
PJSIP_REDIRECT_REJECT: int
PJSIP_TSX_STATE_COMPLETED: int
PJSIP_TSX_STATE_TERMINATED: int
PJSIP_ROLE_UAC: int
PJSUA_INVALID_ID: int
PJSUA_100REL_MANDATORY: int
PJSUA_SIP_TIMER_REQUIRED: int
PJSUA_STUN_RETRY_ON_FAILURE: int
PJSUA_STUN_USE_DISABLED: int
PJ_QOS_PARAM_HAS_DSCP: int
PJ_SSL_CERT_EISSUER_NOT_FOUND: int
PJ_SSL_CERT_EUNTRUSTED: int
PJ_SSL_CERT_EVALIDITY_PERIOD: int
PJ_SSL_CERT_EINVALID_PURPOSE: int
PJ_SSL_CERT_EISSUER_MISMATCH: int
PJ_SSL_CERT_EREVOKED: int
PJ_SSL_CERT_ECHAIN_TOO_LONG: int
PJ_SSL_CERT_EWEAK_SIGNATURE: int
PJ_SSL_CERT_EIDENTITY_NOT_MATCH: int
PJSIP_EVENT_RX_MSG: int
PJSIP_EVENT_TX_MSG: int
PJSIP_EVENT_TSX_STATE: int

_pjsua2: ModuleType

class Error(Exception):
    status: int
    title: str
    reason: str

class Version:
    full: str

class ByteVector:
    this: SupportsInt
    def __init__(self, data: bytes = ...) -> None: ...
    def resize(self, size: int) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[int]: ...

class MediaFrame:
    type: int
    buf: ByteVector
    size: int

class MediaFormatAudio:
    def init(
        self, formatId: int, clockRate: int, channelCount: int, frameTimeUsec: int, bitsPerSample: int
    ) -> None: ...

class AudioMedia:
    def startTransmit(self, sink: AudioMedia) -> None: ...
    def stopTransmit(self, sink: AudioMedia) -> None: ...
    def adjustRxLevel(self, level: float) -> None: ...
    def adjustTxLevel(self, level: float) -> None: ...

class AudioMediaPort(AudioMedia):
    def __init__(self) -> None: ...
    def __disown__(self) -> AudioMediaPort: ...
    def createPort(self, name: str, fmt: MediaFormatAudio) -> None: ...
    def onFrameRequested(self, frame: MediaFrame) -> None: ...
    def onFrameReceived(self, frame: MediaFrame) -> None: ...

class LogEntry:
    level: int
    msg: str

class LogWriter:
    def __init__(self) -> None: ...
    def __disown__(self) -> LogWriter: ...
    def write(self, entry: LogEntry) -> None: ...

class UaConfig:
    threadCnt: int
    mainThreadOnly: bool
    maxCalls: int
    userAgent: str

class MediaConfig:
    clockRate: int
    audioFramePtime: int
    noVad: bool
    jbMax: int

class LogConfig:
    level: int
    consoleLevel: int
    msgLogging: int
    decor: int
    writer: LogWriter

class EpConfig:
    uaConfig: UaConfig
    medConfig: MediaConfig
    logConfig: LogConfig

class StringVector:
    def __init__(self) -> None: ...
    def append(self, value: str) -> None: ...

class pj_qos_params:
    flags: int
    dscp_val: int

class TlsConfig:
    CaListFile: str
    verifyServer: bool
    qosParams: pj_qos_params

class TransportConfig:
    port: int
    portRange: int
    boundAddress: str
    tlsConfig: TlsConfig
    qosParams: pj_qos_params

class TransportInfo:
    localAddress: str

class TimeVal:
    sec: int

class SslCertInfo:
    subjectCn: str
    validityStart: TimeVal
    validityEnd: TimeVal

class TlsInfo:
    verifyStatus: int
    remoteCertInfo: SslCertInfo
    def isEmpty(self) -> bool: ...

class OnTransportStateParam:
    state: int
    tlsInfo: TlsInfo

class IpChangeParam:
    restartListener: bool
    shutdownTransport: bool
    def __init__(self) -> None: ...

class CodecInfo:
    codecId: str

class AudDevManager:
    def setNullDev(self) -> None: ...
    def getDevCount(self) -> int: ...

class Endpoint:
    def __init__(self) -> None: ...
    @staticmethod
    def instance() -> Endpoint: ...
    def libCreate(self) -> None: ...
    def libInit(self, prmEpConfig: EpConfig) -> None: ...
    def libStart(self) -> None: ...
    def libDestroy(self) -> None: ...
    def libHandleEvents(self, msec_timeout: int) -> int: ...
    def libVersion(self) -> Version: ...
    def transportCreate(self, type: int, cfg: TransportConfig) -> int: ...
    def transportGetInfo(self, id: int) -> TransportInfo: ...
    def transportClose(self, id: int) -> None: ...
    def audDevManager(self) -> AudDevManager: ...
    def codecEnum2(self) -> list[CodecInfo]: ...
    def codecSetPriority(self, codec_id: str, priority: int) -> None: ...
    def srtpCryptoEnum(self) -> list[object]: ...
    def natUpdateStunServers(self, prmServers: StringVector, prmWait: bool) -> None: ...
    def handleIpChange(self, param: IpChangeParam) -> None: ...
    def onSelectAccount(self, prm: OnSelectAccountParam) -> None: ...
    def onTransportState(self, prm: OnTransportStateParam) -> None: ...

class AuthCredInfo:
    def __init__(self, scheme: str, realm: str, user_name: str, data_type: int, data: str) -> None: ...

class AccountRegConfig:
    registrarUri: str
    registerOnAdd: bool
    timeoutSec: int
    retryIntervalSec: int
    firstRetryIntervalSec: int

class AccountCallConfig:
    prackUse: int
    timerUse: int

class AccountNatConfig:
    sipStunUse: int
    mediaStunUse: int
    iceEnabled: bool
    turnEnabled: bool
    turnServer: str
    turnUserName: str
    turnPassword: str
    contactRewriteUse: int
    viaRewriteUse: int
    sipOutboundUse: int
    udpKaIntervalSec: int

class AccountSipConfig:
    authCreds: list[AuthCredInfo]
    proxies: StringVector
    transportId: int

class AccountMediaConfig:
    transportConfig: TransportConfig
    srtpUse: int
    srtpSecureSignaling: int

class AccountConfig:
    idUri: str
    regConfig: AccountRegConfig
    sipConfig: AccountSipConfig
    mediaConfig: AccountMediaConfig
    callConfig: AccountCallConfig
    natConfig: AccountNatConfig

class SipRxData:
    this: SupportsInt
    def __init__(self) -> None: ...
    wholeMsg: str
    srcAddress: str

class SipTxData:
    wholeMsg: str

class _TsxStateSource:
    rdata: SipRxData
    tdata: SipTxData

class SipTransaction:
    role: int
    method: str
    state: int
    statusCode: int

class TsxStateEvent:
    src: _TsxStateSource
    tsx: SipTransaction
    type: int

class TxMsgEvent:
    tdata: SipTxData

class RxMsgEvent:
    rdata: SipRxData

class SipEventBody:
    tsxState: TsxStateEvent
    txMsg: TxMsgEvent
    rxMsg: RxMsgEvent

class SipEvent:
    type: int
    body: SipEventBody

class OnRegStateParam:
    status: int
    code: int
    expiration: int
    rdata: SipRxData

class OnSelectAccountParam:
    rdata: SipRxData
    accountIndex: int

class OnIncomingCallParam:
    callId: int
    rdata: SipRxData

class Account:
    def __init__(self) -> None: ...
    def create(self, cfg: AccountConfig) -> None: ...
    def getId(self) -> int: ...
    def shutdown(self) -> None: ...
    def setRegistration(self, renew: bool) -> None: ...
    def onRegState(self, prm: OnRegStateParam) -> None: ...
    def onIncomingCall(self, prm: OnIncomingCallParam) -> None: ...

class SipHeader:
    hName: str
    hValue: str

class SipTxOption:
    headers: list[SipHeader]

class CallSetting:
    flag: int

class CallOpParam:
    opt: CallSetting
    statusCode: int
    reason: str
    txOption: SipTxOption
    def __init__(self, useDefaultCallSetting: bool = ...) -> None: ...

class CallMediaInfo:
    type: int
    status: int

class CallInfo:
    state: int
    callIdString: str
    remoteContact: str
    lastStatusCode: int
    lastReason: str
    media: list[CallMediaInfo]

class StreamInfo:
    codecName: str
    codecClockRate: int

class MathStat:
    n: int
    last: int
    mean: int
    max: int

class RtcpStreamStat:
    pkt: int
    loss: int
    discard: int
    updateCount: int
    jitterUsec: MathStat

class RtcpStat:
    rxStat: RtcpStreamStat
    txStat: RtcpStreamStat
    rttUsec: MathStat

class JbufState:
    discard: int
    lost: int
    avgDelayMsec: int

class StreamStat:
    rtcp: RtcpStat
    jbuf: JbufState

class OnCallStateParam:
    e: SipEvent

class OnCallMediaStateParam: ...

class OnCallTsxStateParam:
    e: SipEvent

class CallSendDtmfParam:
    method: int
    digits: str
    def __init__(self) -> None: ...

class CallSendRequestParam:
    method: str
    def __init__(self) -> None: ...

class OnDtmfDigitParam:
    method: int
    digit: str

class OnCallRedirectedParam:
    targetUri: str

class OnCallTransferRequestParam:
    statusCode: int

class OnCallReplaceRequestParam:
    statusCode: int

class OnCallTransferStatusParam:
    statusCode: int
    reason: str
    finalNotify: bool
    cont: bool

class Call:
    def __init__(self, acc: Account, call_id: int = ...) -> None: ...
    def getId(self) -> int: ...
    def getInfo(self) -> CallInfo: ...
    def dump(self, with_media: bool, indent: str) -> str: ...
    def getAudioMedia(self, med_idx: int) -> AudioMedia: ...
    def getStreamInfo(self, med_idx: int) -> StreamInfo: ...
    def getStreamStat(self, med_idx: int) -> StreamStat: ...
    def makeCall(self, dst_uri: str, prm: CallOpParam) -> None: ...
    def answer(self, prm: CallOpParam) -> None: ...
    def hangup(self, prm: CallOpParam) -> None: ...
    def onCallState(self, prm: OnCallStateParam) -> None: ...
    def setHold(self, prm: CallOpParam) -> None: ...
    def reinvite(self, prm: CallOpParam) -> None: ...
    def sendDtmf(self, param: CallSendDtmfParam) -> None: ...
    def sendRequest(self, prm: CallSendRequestParam) -> None: ...
    def onDtmfDigit(self, prm: OnDtmfDigitParam) -> None: ...
    def onCallRedirected(self, prm: OnCallRedirectedParam) -> int: ...
    def onCallTsxState(self, prm: OnCallTsxStateParam) -> None: ...
    def onCallMediaState(self, prm: OnCallMediaStateParam) -> None: ...
    def onCallTransferRequest(self, prm: OnCallTransferRequestParam) -> None: ...
    def onCallReplaceRequest(self, prm: OnCallReplaceRequestParam) -> None: ...
    def xfer(self, dest: str, prm: CallOpParam) -> None: ...
    def xferReplaces(self, dest_call: Call, prm: CallOpParam) -> None: ...
    def onCallTransferStatus(self, prm: OnCallTransferStatusParam) -> None: ...

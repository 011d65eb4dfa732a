"""The sockets SIP goes through: UDP and TCP from the start, TLS for each list of authorities, STUN.

SIP thread only. Every certificate is verified (`tls`); pjsip binds an account to its transport, so an
account never borrows a connection that believed other authorities.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pjsua2 as pj

from halodesk.sip.phone.log import Log, words
from halodesk.sip.phone.tls import TlsProblem, authorities


@dataclass(frozen=True, kw_only=True)
class TransportSettings:
    """Where SIP is spoken. Port 0: the system chooses."""

    bind: str = ""
    """Address of all sockets; empty: every interface."""
    sip_port: int = 0
    last_sip_port: int = 0
    """Of a phone that died here. Tried first where `sip_port` is 0: the PBX may ring a dead phone's
    port until its registration runs out."""
    dscp_signalling: int = 24
    """Mark of SIP packets (RFC 4594: CS3); 0: none."""


class Transports:
    """pjsua2's transports by their ids."""

    def __init__(self, settings: TransportSettings, log: Log) -> None:
        self._settings = settings
        self._log = log
        self.sip_port = 0
        """UDP port in use, once opened."""
        self.udp = self.tcp = -1
        self._tls: dict[str, int] = {}
        self._tls_problem: TlsProblem | None = None
        self._stun: tuple[str, ...] = ()

    def open(self, endpoint: pj.Endpoint) -> None:
        """Opens UDP and TCP; raises `pj.Error` when a port is taken."""
        self.udp = self._open_udp(endpoint)
        self.sip_port = int(endpoint.transportGetInfo(self.udp).localAddress.rsplit(":", 1)[1])
        self.tcp = endpoint.transportCreate(pj.PJSIP_TRANSPORT_TCP, self._config(self._settings.sip_port))

    def tls(self, ca_file: str) -> int:
        """The TLS transport that believes `ca_file` (empty: the system's authorities).

        Opened when first wanted; raises `pj.Error`.
        """
        believed = authorities(ca_file)
        if believed not in self._tls:
            transport = self._config(0)
            transport.tlsConfig.CaListFile = believed
            transport.tlsConfig.verifyServer = True
            mark(transport.tlsConfig, self._settings.dscp_signalling)  # pjsip reads its own here
            created = pj.Endpoint.instance().transportCreate(pj.PJSIP_TRANSPORT_TLS, transport)
            self._tls[believed] = created
        return self._tls[believed]

    def has_tls(self, endpoint: pj.Endpoint) -> bool:
        """Whether this build knows TLS at all."""
        with contextlib.suppress(pj.Error):
            endpoint.transportClose(endpoint.transportCreate(pj.PJSIP_TRANSPORT_TLS, self._config(0)))
            return True
        return False

    def use_stun(self, servers: tuple[str, ...]) -> None:
        """Ask these servers, too; pjsua2 has one list for all accounts."""
        wanted = tuple(dict.fromkeys((*self._stun, *servers)))
        if wanted != self._stun:
            self._stun = wanted
            found = pj.StringVector()
            for server in wanted:
                found.append(server)
            pj.Endpoint.instance().natUpdateStunServers(found, False)

    def note_tls(self, problem: TlsProblem | None) -> None:
        """A certificate was refused; kept until the account that wanted it asks."""
        if problem is not None:
            self._tls_problem = problem

    def take_tls_problem(self) -> TlsProblem | None:
        """Why the TLS connection that has just failed was refused, once."""
        found, self._tls_problem = self._tls_problem, None
        return found

    def _open_udp(self, endpoint: pj.Endpoint) -> int:
        settings = self._settings
        if settings.last_sip_port and not settings.sip_port:
            try:
                last = self._config(settings.last_sip_port)
                return int(endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, last))
            except pj.Error as error:  # somebody else has it by now
                self._log.info("last_port_taken", port=settings.last_sip_port, error=words(error))
        return int(endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, self._config(settings.sip_port)))

    def _config(self, port: int) -> pj.TransportConfig:
        transport = pj.TransportConfig()
        transport.port = port
        transport.boundAddress = self._settings.bind
        mark(transport, self._settings.dscp_signalling)
        return transport


def mark(transport: pj.TransportConfig | pj.TlsConfig, dscp: int) -> None:
    """Marks what leaves a socket (RFC 2474); systems that do not allow it send it unmarked."""
    if dscp:
        transport.qosParams.flags = pj.PJ_QOS_PARAM_HAS_DSCP
        transport.qosParams.dscp_val = dscp

"""The account that strangers get: whoever rings it is turned away without a line.

pjsua gives every INVITE one of its four lines before we hear of it, and keeps the line until a refusal
is acknowledged, 32 s if it never is. Which account an INVITE is for is asked before (`onSelectAccount`).
So strangers are led to this one, whose demands nobody meets: reliable provisional answers, session
timers, and encryption from end to end. pjsua refuses them at once (421, 488 or 500) and keeps no line.

It is also the first account made, so that pjsua takes it for whatever belongs to none.
"""

from __future__ import annotations

import pjsua2 as pj


def open_door() -> pj.Account:
    """Makes the account; SIP thread only, before any other."""
    config = pj.AccountConfig()
    config.idUri = "sip:nobody@invalid"
    config.callConfig.prackUse = pj.PJSUA_100REL_MANDATORY
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_REQUIRED
    config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
    config.mediaConfig.srtpSecureSignaling = 2
    door = pj.Account()
    door.create(config)
    return door

"""Lamps and messages: subscriptions (RFC 6665) to dialogs (RFC 4235) and to a mailbox (RFC 3842).

pjsua2 subscribes to presence only, so this is a small SIP user agent of its own, beside the phone and
without media: see docs/adr/0016.
"""

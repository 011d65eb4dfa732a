"""The phone process: pjsua2, sound and the recorder. Only this package imports pjsua2.

`main.run` is the whole process. A synthetic caller is made of the same parts without the
hub: `SipThread`, `Masks`, `Board`, `Accounts`, `Calls` and
`CallKit(sip, Bridges(sip), board, masks, line, None)` with a line of its own
(`audio.bridge.Line`). It attaches a receiver to the board to hear of its calls, and calls
`Accounts` and `Calls` through `SipThread.post`.
"""

"""Sound of the phone process.

`bridge`: a call's port at pjsua2. `ring`: the elastic store between two clocks. `patch`: which
call hears which device. `convert`: sampling rates and channels of a device. `backend`: what a sound
library must be able to do; `qt` is the one of Qt Multimedia. `choice`: which device is used.
`sound`: holds all of it together and tells the seat.

Only the modules whose names begin with `qt` import Qt. They are imported when the phone is ready.
"""

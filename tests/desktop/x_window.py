"""What a window manager and other programs do on an X screen."""

from __future__ import annotations

from Xlib import X
from Xlib.display import Display
from Xlib.protocol import event


class OtherProgram:
    """A window that has the keyboard."""

    def __init__(self, name: str) -> None:
        self._display = Display(name)
        screen = self._display.screen()
        self.window = screen.root.create_window(
            0, 0, 200, 100, 0, screen.root_depth, event_mask=X.KeyPressMask | X.StructureNotifyMask
        )
        self.window.map()
        while self._display.next_event().type != X.MapNotify:
            pass
        self.window.set_input_focus(X.RevertToParent, X.CurrentTime)
        self._display.sync()

    def heard(self) -> int:
        """Key presses that came to it so far."""
        self._display.sync()
        events = [self._display.next_event() for _ in range(self._display.pending_events())]
        return sum(found.type == X.KeyPress for found in events)

    def close(self) -> None:
        """Its connection ends, and with it its window."""
        self._display.close()


def close_window(name: str, pid: int) -> None:
    """The cross of the main window is clicked: WM_DELETE_WINDOW (ICCCM 4.2.8.1)."""
    display = Display(name)
    protocols, delete = display.intern_atom("WM_PROTOCOLS"), display.intern_atom("WM_DELETE_WINDOW")
    of_pid = display.intern_atom("_NET_WM_PID")
    for window in display.screen().root.query_tree().children:
        owner = window.get_full_property(of_pid, X.AnyPropertyType)
        if owner is not None and owner.value[0] == pid and window.get_wm_name() == "HaloDesk":
            told = event.ClientMessage(
                window=window, client_type=protocols, data=(32, [delete, X.CurrentTime, 0, 0, 0])
            )
            window.send_event(told)
    display.sync()
    display.close()

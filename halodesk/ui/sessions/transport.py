"""Below the page of a replay: play, time, time line, and whether anything can be heard."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from halodesk.runtime.review import Review
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import label
from halodesk.ui.parts.words import clock
from halodesk.ui.sessions.time_line import TimeLine
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Size, Space


class Transport(QFrame):
    """Renders the time; what is pressed is the replay's to do."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("pane", "card")
        self._seconds = 0.0
        self.line = TimeLine()
        self.play = Button(
            kind="primary", icon="play", hint=self.tr("Space"), name="replay_play", height=Size.BUTTON_SMALL
        )
        self._time = label(role="number", name="replay_time")
        self._sound = label(role="caption", name="replay_sound")
        self._sign = label()
        bottom = QHBoxLayout()
        bottom.setSpacing(Space.M)
        bottom.addWidget(self.play)
        bottom.addWidget(self._time)
        bottom.addSpacing(Space.M)
        bottom.addWidget(self._sign)
        bottom.addWidget(self._sound)
        bottom.addStretch(1)
        keys = self.tr("← → what happened  ·  ↑ ↓ steps  ·  Home, End")
        bottom.addWidget(label(keys, "caption"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.M, Space.M, Space.M, Space.M)
        layout.setSpacing(Space.S)
        layout.addWidget(self.line)
        layout.addLayout(bottom)
        self.show_playing(False)

    def show_review(self, review: Review, silent: str) -> None:
        """Another session; `silent`: why nothing is heard, empty where sound comes out."""
        self._seconds = review.seconds
        self.line.show_review(review)
        self.show_sound(review, silent)

    def show_sound(self, review: Review, silent: str) -> None:
        """Whether anything can be heard; a speaker may come and go."""
        audio, lost = review.audio, ""
        if audio is not None and audio.lost_s:
            lost = self.tr("{seconds} s lost to a full disk").format(seconds=f"{audio.lost_s:.1f}")
        sides = self.tr("agent above, caller below") if audio is not None else ""
        silent = silent if audio is not None else self.tr("No recording of this session")
        self._sign.setPixmap(pixmap("silent", "muted", 16))
        self._sign.setVisible(bool(silent))
        self._sound.setText("  ·  ".join(filter(None, (silent, lost, sides))))

    def show_time(self, at_s: float, step: int) -> None:
        """Where the replay stands."""
        self._time.setText(f"{clock(at_s)} / {clock(self._seconds)}")
        self.line.show_time(at_s, step)

    def show_playing(self, playing: bool) -> None:
        """What the button does next."""
        self.play.icon_name = "pause" if playing else "play"
        self.play.set_words(self.tr("Pause") if playing else self.tr("Play"))

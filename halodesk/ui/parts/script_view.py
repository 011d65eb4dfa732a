"""The script text: what to say in large quote cards, instructions quietly between them."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRectF, Qt, QUrl
from PySide6.QtGui import (
    QBrush,
    QDesktopServices,
    QFont,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser

from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.tokens import Radius, Space, Type

_QUOTE = int(QTextFormat.Property.BlockQuoteLevel)
_INSET = Space.XL
_LINKS = ("https", "mailto")


class ScriptView(QTextBrowser):
    """Shows the engine's safe HTML, as high as its text. Loads nothing, goes nowhere by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("script")
        self.setAccessibleName(self.tr("Script"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.viewport().setAutoFillBackground(False)
        self.document().setDocumentMargin(0)
        self.document().setDefaultFont(font(Type.LEAD))
        self.document().setUndoRedoEnabled(False)
        self.anchorClicked.connect(self._open)
        self._html = ""
        self._tokens = ""

    def show_html(self, html: str) -> None:
        """Shows the text; nothing happens where it is the same as before."""
        tokens = colour("text").name()
        if (html, tokens) == (self._html, self._tokens):
            return
        self._html, self._tokens = html, tokens
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Text, colour("text"))
        palette.setColor(QPalette.ColorRole.Link, colour("accent_ink"))
        self.setPalette(palette)
        self.setHtml(html)
        self._dress()
        self._fit()
        self.setVisible(bool(html.strip()))

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Nothing: a script text brings no pictures, and no file is read for it."""
        return None

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keeps the height that the text needs at this width."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Cards behind the quotes, then the text."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for top, bottom in self._cards():
            card = QRectF(0, top - Space.L, self.viewport().width(), bottom - top + 2 * Space.L)
            painter.setBrush(colour("accent_soft"))
            painter.drawRoundedRect(card, Radius.M, Radius.M)
            painter.setBrush(colour("accent"))
            painter.drawRoundedRect(QRectF(0, card.top(), 5, card.height()), 2.5, 2.5)
        painter.end()
        super().paintEvent(event)

    def _open(self, link: QUrl) -> None:
        if link.scheme() in _LINKS:
            QDesktopServices.openUrl(link)

    def _blocks(self) -> list[tuple[QTextBlock, bool]]:
        found = []
        block = self.document().begin()
        while block.isValid():
            found.append((block, bool(block.blockFormat().intProperty(_QUOTE))))
            block = block.next()
        return found

    def _dress(self) -> None:
        blocks = self._blocks()
        cursor = QTextCursor(self.document())
        # The margin of a first block is not laid out; that of the root frame is.
        frame = self.document().rootFrame()
        shape_of_all = frame.frameFormat()
        shape_of_all.setTopMargin(Space.L if blocks and blocks[0][1] else 0)
        shape_of_all.setBottomMargin(Space.L if blocks and blocks[-1][1] else 0)
        frame.setFrameFormat(shape_of_all)
        for index, (block, quoted) in enumerate(blocks):
            before = blocks[index - 1][1] if index else None
            after = blocks[index + 1][1] if index + 1 < len(blocks) else None
            cursor.setPosition(block.position())
            cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
            shape = QTextBlockFormat(block.blockFormat())
            shape.setLineHeight(
                142 if quoted else 135, int(QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
            )
            shape.setTopMargin(self._gap(before, quoted))
            shape.setBottomMargin(Space.L if quoted and after is False else 0)
            if quoted:
                shape.setLeftMargin(_INSET)
                shape.setRightMargin(_INSET)
            cursor.setBlockFormat(shape)
            self._ink(block, cursor, quoted)

    def _gap(self, before: bool | None, quoted: bool) -> int:
        """Distance to the block before: a quote needs room for the edge of its card."""
        if before is None:
            return 0
        if quoted != before:
            return Space.XL + Space.S if quoted else Space.L
        return Space.M

    def _ink(self, block: QTextBlock, cursor: QTextCursor, quoted: bool) -> None:
        """Size and colour of the block; bold runs keep their weight."""
        look = QTextCharFormat()
        made = font(
            Type.SCRIPT if quoted else Type.LEAD, QFont.Weight.Medium if quoted else QFont.Weight.Normal
        )
        look.setProperty(QTextFormat.Property.FontPixelSize, made.pixelSize())
        look.setForeground(QBrush(colour("text" if quoted else "muted")))
        cursor.mergeCharFormat(look)

    def _cards(self) -> list[tuple[float, float]]:
        layout = self.document().documentLayout()
        cards: list[tuple[float, float]] = []
        joined = False
        for block, quoted in self._blocks():
            if quoted:
                area = layout.blockBoundingRect(block)
                if joined:
                    cards[-1] = (cards[-1][0], area.bottom())
                else:
                    cards.append((area.top(), area.bottom()))
            joined = quoted
        return cards

    def _fit(self) -> None:
        width = self.viewport().width()
        self.document().setTextWidth(width)
        self.setFixedHeight(round(self.document().size().height()) + 2)

"""The style sheet, made from tokens.

Rules: no bare `QWidget {}` (it eats indicators); roles are dynamic properties that a widget
gets before it is shown; whatever changes often is painted by its own widget instead.
"""

from __future__ import annotations

from halodesk.ui.theme.tokens import Colours, Radius, Space, Type


def stylesheet(colours: Colours) -> str:
    """Style sheet of the application."""
    return "\n".join(
        (_labels(colours), _panes(colours), _inputs(colours), _lists(colours), _scrolling(colours))
    )


def _labels(c: Colours) -> str:
    def label(role: str, size: int, weight: int, colour: str) -> str:
        return f'QLabel[role="{role}"] {{ font-size: {size}px; font-weight: {weight}; color: {colour}; }}'

    return "\n".join(
        (
            label("body", Type.BODY, 400, c.text),
            label("muted", Type.BODY, 400, c.muted),
            label("strong", Type.BODY, 600, c.text),
            label("caption", Type.CAPTION, 400, c.muted),
            label("caption-strong", Type.CAPTION, 600, c.text),
            label("label", Type.LABEL, 600, c.text),
            label("eyebrow", Type.CAPTION, 600, c.muted),
            label("lead", Type.LEAD, 400, c.muted),
            label("section", Type.SECTION, 600, c.text),
            label("title", Type.TITLE, 600, c.text),
            label("display", Type.DISPLAY, 700, c.text),
            label("number", Type.SECTION, 600, c.text),
            label("amount", Type.TITLE, 700, c.text),
            label("amount-big", Type.DISPLAY, 700, c.text),
            label("error", Type.LABEL, 500, c.danger_ink),
            label("help", Type.LABEL, 400, c.muted),
            label("hint", Type.LABEL, 500, c.warning_ink),
            label("good", Type.LABEL, 600, c.success_ink),
            label("rail", 11, 600, c.rail_text),
        )
    )


def _panes(c: Colours) -> str:
    return f"""
    QMainWindow#halodesk, QWidget[pane="canvas"] {{ background: {c.canvas}; }}
    QFrame[pane="bar"] {{ background: {c.surface}; border: none; }}
    QFrame[pane="card"] {{ background: {c.surface}; border: 1px solid {c.border};
        border-radius: {Radius.L}px; }}
    QFrame[pane="page"] {{ background: {c.surface}; border: 1px solid {c.border};
        border-radius: {Radius.L}px; }}
    QFrame[pane="footer"] {{ background: {c.raised}; border: none; border-top: 1px solid {c.border};
        border-bottom-left-radius: {Radius.L}px; border-bottom-right-radius: {Radius.L}px; }}
    QFrame[pane="inset"] {{ background: {c.raised}; border: none; border-radius: {Radius.M}px; }}
    QFrame[pane="rail"] {{ background: {c.rail}; border: none; }}
    QFrame[pane="line"] {{ background: {c.border}; border: none; }}
    QDialog {{ background: {c.surface}; }}
    QToolTip {{ background: {c.rail}; color: {c.on_rail_chosen}; border: none;
        padding: {Space.XS}px {Space.S}px; font-size: {Type.LABEL}px; }}
    """


def _inputs(c: Colours) -> str:
    return f"""
    QLineEdit, QPlainTextEdit, QComboBox {{ background: {c.surface}; color: {c.text};
        border: 1px solid {c.edge}; border-radius: {Radius.M}px; padding: 0 {Space.M}px;
        font-size: 15px; selection-background-color: {c.accent};
        selection-color: {c.on_accent}; }}
    QPlainTextEdit {{ padding: {Space.S}px; }}
    QLineEdit:focus, QPlainTextEdit:focus, QComboBox:focus, QComboBox:on {{
        border: 2px solid {c.accent}; padding: 0 {Space.M - 1}px; }}
    QPlainTextEdit:focus {{ padding: {Space.S - 1}px; }}
    QLineEdit[wrong="true"], QPlainTextEdit[wrong="true"], QComboBox[wrong="true"] {{
        border: 2px solid {c.danger}; padding: 0 {Space.M - 1}px; }}
    QPlainTextEdit[wrong="true"] {{ padding: {Space.S - 1}px; }}
    QLineEdit:disabled, QPlainTextEdit:disabled, QComboBox:disabled, QLineEdit:read-only {{
        background: {c.raised}; color: {c.muted}; border: 1px solid {c.border}; }}
    QComboBox::drop-down {{ border: none; width: 36px; }}
    QComboBox::down-arrow {{ image: none; }}
    QComboBox QAbstractItemView {{ background: {c.surface}; color: {c.text}; outline: none;
        border: 1px solid {c.edge}; padding: {Space.XS}px;
        selection-background-color: {c.accent_soft}; selection-color: {c.accent_ink}; }}
    QComboBox QAbstractItemView::item {{ min-height: 36px; padding: 0 {Space.S}px;
        border-radius: {Radius.S}px; color: {c.text}; }}
    QComboBox QAbstractItemView::item:selected {{ background: {c.accent_soft}; color: {c.accent_ink}; }}
    QTextBrowser {{ background: transparent; border: none; color: {c.text};
        selection-background-color: {c.accent}; selection-color: {c.on_accent}; }}
    """


def _lists(c: Colours) -> str:
    return f"""
    QListWidget[role="ticks"] {{ background: {c.surface}; border: 1px solid {c.edge};
        border-radius: {Radius.M}px; outline: none; padding: {Space.XS}px 0; color: {c.text}; }}
    QListWidget[role="ticks"]:focus {{ border: 2px solid {c.accent}; padding: {Space.XS - 1}px 0; }}
    QListWidget[role="ticks"][wrong="true"] {{ border: 2px solid {c.danger}; padding: {Space.XS - 1}px 0; }}
    QListWidget[role="ticks"]:disabled {{ background: {c.raised}; border: 1px solid {c.border}; }}
    QFrame#calendar_popup {{ background: {c.surface}; border: 1px solid {c.edge};
        border-radius: {Radius.M}px; }}
    QCalendarWidget QWidget {{ background: {c.surface}; color: {c.text}; alternate-background-color:
        {c.surface}; }}
    QCalendarWidget QToolButton {{ background: transparent; color: {c.text}; border: none;
        border-radius: {Radius.S}px; padding: {Space.XS}px {Space.S}px; font-size: {Type.BODY}px;
        font-weight: 600; }}
    QCalendarWidget QToolButton:hover {{ background: {c.accent_soft}; }}
    QCalendarWidget QToolButton::menu-indicator {{ image: none; }}
    QCalendarWidget QAbstractItemView {{ selection-background-color: {c.accent};
        selection-color: {c.on_accent}; outline: none; font-size: {Type.BODY}px; }}
    QCalendarWidget QAbstractItemView:disabled {{ color: {c.thumb}; }}
    QTableView, QListView[role="list"] {{ background: transparent; border: none; outline: none;
        color: {c.text}; font-size: {Type.BODY}px; selection-background-color: transparent; }}
    QHeaderView {{ background: transparent; border: none; }}
    QHeaderView::section {{ background: transparent; color: {c.muted}; border: none;
        border-bottom: 1px solid {c.border}; padding: 0 {Space.M}px; font-size: {Type.CAPTION}px;
        font-weight: 600; }}
    """


def _scrolling(c: Colours) -> str:
    return f"""
    QScrollArea, QScrollArea > QWidget > QWidget[pane="scrolled"] {{ background: transparent; border: none; }}
    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 2px; }}
    QScrollBar::handle:vertical {{ background: {c.thumb}; border-radius: 3px; min-height: 36px; }}
    QScrollBar::handle:vertical:hover {{ background: {c.edge}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; width: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 2px; }}
    QScrollBar::handle:horizontal {{ background: {c.thumb}; border-radius: 3px; min-width: 36px; }}
    """

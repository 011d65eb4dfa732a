"""What Qt says is written down later, without its text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, qInstallMessageHandler, qWarning
from structlog.testing import capture_logs

from halodesk.app.qt_words import QtWords


@pytest.fixture
def words(qapp: QCoreApplication) -> Iterator[QtWords]:
    made = QtWords()
    yield made
    qInstallMessageHandler(None)


def test_a_warning_is_written_down_once_the_call_is_over(words: QtWords, qapp: QCoreApplication) -> None:
    with capture_logs() as logs:
        qWarning("sip:ann@example.com is not there")
        assert logs == [], "nothing within Qt's call"
        qapp.processEvents()
    (line,) = logs
    assert (line["event"], line["state"]) == ("qt_message", "QtWarningMsg")
    assert "ann" not in str(line)

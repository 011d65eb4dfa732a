"""A page that refuses whatever it is asked for: windows, files, permissions, dialogs, certificates.

Rules:
- No dialog of the page is ever shown as one: it would hold the whole program. `alert` becomes a note,
  `confirm` and `prompt` are answered with "no". Too many of them end the page.
- Credentials are given to our own proxy only, by its address.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QUrl, Signal
from PySide6.QtNetwork import QAuthenticator
from PySide6.QtWebEngineCore import (
    QWebEngineCertificateError,
    QWebEngineClientCertificateSelection,
    QWebEngineDesktopMediaRequest,
    QWebEngineFileSystemAccessRequest,
    QWebEngineFullScreenRequest,
    QWebEnginePage,
    QWebEnginePermission,
    QWebEngineRegisterProtocolHandlerRequest,
    QWebEngineWebAuthUxRequest,
)

from halodesk.ui.browser.fence import Profile, is_page
from halodesk.ui.browser.origins import origin_of

_MOST_DIALOGS = 10


class FencedPage(QWebEnginePage):
    """`refused(what)`: code of what it wanted. `said(words)`: foreign text. `flooded`: it must go."""

    refused = Signal(str)
    said = Signal(str)
    flooded = Signal()
    form_sent = Signal()
    left_fence = Signal(str, bool)
    bad_certificate = Signal(str)

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile.qt)
        self._profile = profile
        self._dialogs = 0
        self.setAudioMuted(True)  # the agent listens to the caller
        self.permissionRequested.connect(self._no_permission)
        self.certificateError.connect(self._no_certificate)
        self.proxyAuthenticationRequired.connect(self._prove)
        self.authenticationRequired.connect(self._no_password)
        self.selectClientCertificate.connect(self._no_client_certificate)
        self.registerProtocolHandlerRequested.connect(self._no_protocol)
        self.fileSystemAccessRequested.connect(self._no_file_system)
        self.desktopMediaRequested.connect(self._no_screen)
        self.fullScreenRequested.connect(self._no_full_screen)
        self.webAuthUxRequested.connect(self._no_web_auth)

    # what Qt asks

    def acceptNavigationRequest(
        self, url: QUrl | str, type: QWebEnginePage.NavigationType, isMainFrame: bool
    ) -> bool:
        """Frames and the page itself stay inside of the fence."""
        target = QUrl(url)
        if not is_page(target, self._profile.fence.allowed):
            self.left_fence.emit(origin_of(target) or f"{target.scheme()}:", isMainFrame)
            return False
        if isMainFrame and type == QWebEnginePage.NavigationType.NavigationTypeFormSubmitted:
            self.form_sent.emit()
        return True

    def createWindow(self, type: QWebEnginePage.WebWindowType) -> QWebEnginePage:
        """No second window."""
        self.refused.emit("window")
        return None  # type: ignore[return-value]  # Qt's way to say no, which the stubs do not know

    def chooseFiles(
        self, mode: QWebEnginePage.FileSelectionMode, oldFiles: Any, acceptedMimeTypes: Any
    ) -> list[str]:
        """No file of this computer."""
        self.refused.emit("file")
        return []

    def javaScriptAlert(self, securityOrigin: QUrl | str, msg: str) -> None:
        """A note."""
        self._dialog(msg)

    def javaScriptConfirm(self, securityOrigin: QUrl | str, msg: str) -> bool:
        """No; but a page may be left."""
        self._dialog(msg)
        self.refused.emit("confirm")
        return False

    def javaScriptPrompt(self, securityOrigin: QUrl | str, msg: str, defaultValue: str) -> tuple[bool, str]:
        """Nothing."""
        self._dialog(msg)
        self.refused.emit("confirm")
        return False, ""

    def javaScriptConsoleMessage(
        self,
        level: QWebEnginePage.JavaScriptConsoleMessageLevel,
        message: str,
        lineNumber: int,
        sourceID: str,
    ) -> None:
        """Not into our log: it may hold what was typed."""

    def _dialog(self, words: str) -> None:
        self._dialogs += 1
        if self._dialogs == _MOST_DIALOGS:
            self.flooded.emit()
        elif self._dialogs < _MOST_DIALOGS:
            self.said.emit(words)

    # what the page asks

    def _no_permission(self, permission: QWebEnginePermission) -> None:
        permission.deny()
        self.refused.emit("permission")

    def _no_certificate(self, error: QWebEngineCertificateError) -> None:
        error.rejectCertificate()
        if error.isMainFrame():
            self.bad_certificate.emit(error.description())

    def _prove(self, url: QUrl, authenticator: QAuthenticator, host: str) -> None:
        if host == "127.0.0.1" and self._profile.password:
            authenticator.setUser(self._profile.user)
            authenticator.setPassword(self._profile.password)

    def _no_password(self, url: QUrl, authenticator: QAuthenticator) -> None:
        self.refused.emit("password")

    def _no_client_certificate(self, selection: QWebEngineClientCertificateSelection) -> None:
        selection.selectNone()

    def _no_protocol(self, request: QWebEngineRegisterProtocolHandlerRequest) -> None:
        request.reject()

    def _no_file_system(self, request: QWebEngineFileSystemAccessRequest) -> None:
        request.reject()
        self.refused.emit("file")

    def _no_screen(self, request: QWebEngineDesktopMediaRequest) -> None:
        request.cancel()
        self.refused.emit("permission")

    def _no_full_screen(self, request: QWebEngineFullScreenRequest) -> None:
        request.reject()

    def _no_web_auth(self, request: QWebEngineWebAuthUxRequest) -> None:
        request.cancel()

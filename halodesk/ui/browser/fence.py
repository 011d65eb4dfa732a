"""Profiles with a fence: off the record, one origin list, nothing to disk, nothing asked for is granted.

Rules:
- A request is blocked first and let through after it was judged: a fault here blocks.
- One profile a session: what one caller's page left behind is not there for the next. A profile
  with a name is kept, in memory, until the program ends: an agent logs in to a portal once a shift.
- Deleted in the order view, page, profile; Qt WebEngine crashes otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import shiboken6
import structlog
from PySide6.QtCore import QUrl
from PySide6.QtWebEngineCore import (
    QWebEngineDownloadRequest,
    QWebEngineProfile,
    QWebEngineSettings,
    QWebEngineUrlRequestInfo,
    QWebEngineUrlRequestInterceptor,
)

from halodesk.ui.browser.origins import may_fetch, normal, origin_of

_log = structlog.get_logger("browser")

_Attribute = QWebEngineSettings.WebAttribute
_OFF = (
    _Attribute.JavascriptCanOpenWindows,
    _Attribute.JavascriptCanAccessClipboard,
    _Attribute.JavascriptCanPaste,
    _Attribute.LocalContentCanAccessRemoteUrls,
    _Attribute.LocalContentCanAccessFileUrls,
    _Attribute.HyperlinkAuditingEnabled,
    _Attribute.ErrorPageEnabled,
    _Attribute.PluginsEnabled,
    _Attribute.PdfViewerEnabled,
    _Attribute.FullScreenSupportEnabled,
    _Attribute.ScreenCaptureEnabled,
    _Attribute.WebGLEnabled,
    _Attribute.AutoLoadIconsForPage,
    _Attribute.TouchIconsEnabled,
    _Attribute.FocusOnNavigationEnabled,
    _Attribute.AllowRunningInsecureContent,
    _Attribute.AllowGeolocationOnInsecureOrigins,
    _Attribute.AllowWindowActivationFromJavaScript,
    _Attribute.DnsPrefetchEnabled,
    _Attribute.NavigateOnDropEnabled,
    _Attribute.BackForwardCacheEnabled,
)
_ON = (_Attribute.PlaybackRequiresUserGesture, _Attribute.WebRTCPublicInterfacesOnly)
_NAVIGATIONS = (
    QWebEngineUrlRequestInfo.ResourceType.ResourceTypeMainFrame,
    QWebEngineUrlRequestInfo.ResourceType.ResourceTypeSubFrame,
)


class Fence(QWebEngineUrlRequestInterceptor):
    """Lets requests to the allowed origins through, and no others. `blocked` is told of each other one."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed: frozenset[str] = frozenset()
        self.blocked: Callable[[str, bool], None] = lambda origin, main: None

    def allow(self, origins: Iterable[str]) -> None:
        """From now on these, and only these."""
        self.allowed = frozenset(filter(None, map(normal, origins)))

    def interceptRequest(self, info: QWebEngineUrlRequestInfo) -> None:
        """Judges one request; also those of workers, frames, beacons, web sockets and redirects."""
        info.block(True)
        kind, url = info.resourceType(), info.requestUrl()
        if may_fetch(url, self.allowed, navigation=kind in _NAVIGATIONS):
            info.block(False)
            return
        main = kind == QWebEngineUrlRequestInfo.ResourceType.ResourceTypeMainFrame
        origin = origin_of(url) or f"{url.scheme()}:"
        _log.warning("browser_blocked", origin=origin, main=main)
        self.blocked(origin, main)


class Profile:
    """A profile with its fence, and the name under which its requests go through the proxy."""

    def __init__(self, user: str) -> None:
        self.user, self.password = user, ""
        self.fence = Fence()
        self.qt = QWebEngineProfile()
        self.refused: Callable[[str], None] = lambda what: None
        self.qt.setUrlRequestInterceptor(self.fence)
        self.qt.downloadRequested.connect(self._no_download)
        self.qt.setNotificationPresenter(lambda notification: None)
        self.qt.setPushServiceEnabled(False)
        self.qt.setSpellCheckEnabled(False)
        settings = self.qt.settings()
        for attribute in _OFF:
            settings.setAttribute(attribute, False)
        for attribute in _ON:
            settings.setAttribute(attribute, True)
        settings.setUnknownUrlSchemePolicy(
            QWebEngineSettings.UnknownUrlSchemePolicy.DisallowUnknownUrlSchemes
        )

    def _no_download(self, request: QWebEngineDownloadRequest) -> None:
        request.cancel()
        self.refused("download")

    def delete(self) -> None:
        """Cookies, storage and cache go with it. Its pages must be gone."""
        shiboken6.delete(self.qt)
        shiboken6.delete(self.fence)


def is_page(url: QUrl, allowed: frozenset[str]) -> bool:
    """Whether a frame may go there."""
    return may_fetch(url, allowed, navigation=True)

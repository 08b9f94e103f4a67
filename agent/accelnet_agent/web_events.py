"""What goes wrong in the web server is told once, and its repeats with their number."""

from __future__ import annotations

import logging
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_AGAIN = 60.0  # seconds before a repeat is told


class Events:
    """Tells of each event about each thing at most once a minute: no client can fill a log."""

    def __init__(self, on_event: Callable[..., None]) -> None:
        self._on_event = on_event
        self._last: dict[tuple[str, str], tuple[float, int]] = {}

    def tell(self, event: str, about: str, error: str) -> None:
        """`about` is one of few: a path, an errno, a message of tornado's code."""
        now = time.monotonic()
        told, repeats = self._last.get((event, about), (None, 0))
        if told is not None and now - told < _AGAIN:
            self._last[event, about] = told, repeats + 1
            return
        self._last[event, about] = now, 0
        self._on_event(event, about=about, error=error, repeats=repeats)


class TornadoLog(logging.Handler):
    """What tornado logs as an error is a bug, and told; what it logs of clients is not told.

    It warns of each TLS handshake that fails, which any port scan makes it do.
    """

    def __init__(self, events: Events) -> None:
        super().__init__(logging.ERROR)
        self._events = events
        self._logger = logging.getLogger("tornado")

    def begin(self) -> None:
        """Take tornado's messages."""
        self._logger.addHandler(self)
        self._logger.propagate = False

    def end(self) -> None:
        """Leave them to others again."""
        self._logger.removeHandler(self)
        self._logger.propagate = True

    def emit(self, record: logging.LogRecord) -> None:
        """One message."""
        raised = record.exc_info[1] if record.exc_info else None
        error = record.getMessage() if raised is None else repr(raised)
        self._events.tell("web_server_error", str(record.msg), error)

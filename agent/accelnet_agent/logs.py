"""The agent's log: events with facts, one line a change of state, through structlog.

An event that repeats within ten minutes is told once, and then counted: the next
line of it says how often it came meanwhile.
"""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping
    from typing import Any, Literal

    Level = Literal["debug", "info", "warning", "error"]

LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")
FORMATS = ("logfmt", "json")
QUIET = 600.0  # seconds in which a repetition is counted instead of told
_MOST = 200  # kinds of repetition that are remembered


class Log:
    """Writes to standard error, which systemd leads to the journal."""

    def __init__(
        self,
        level: Level = "info",
        form: str = "logfmt",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._least = LEVELS.index(level)
        self._clock = clock
        self._form = form
        self._logger: Any = None
        self._told: dict[tuple[str, ...], tuple[float, int]] = {}
        self._held: list[tuple[Level, str, dict[str, Any]]] | None = None

    def hold(self) -> None:
        """Keep lines back: what writes them takes longer to import than a first answer may."""
        self._held = []

    def release(self) -> None:
        """Write what was kept back, and hold no more."""
        held, self._held = self._held, None
        for level, event, facts in held or ():
            self(level, event, **facts)

    def __call__(self, level: Level, event: str, **facts: Any) -> None:
        """Tell an event."""
        if LEVELS.index(level) < self._least or sys.stderr is None:  # 2 was closed at our start
            return
        if self._held is not None:
            self._held.append((level, event, facts))
            return
        if self._logger is None:
            self._logger = _logger(self._form)
        shown = {name: value for name, value in facts.items() if value is not None}
        try:
            getattr(self._logger, level)(event, **shown)
        except OSError:
            pass  # nobody reads it any more: no reason to end

    def repeated(self, level: Level, event: str, **facts: Any) -> None:
        """Tell an event that may come again and again."""
        key = (event, *(f"{name}={value}" for name, value in facts.items()))
        now = self._clock()
        since, count = self._told.get(key, (-QUIET, 0))
        if now - since < QUIET:
            self._told[key] = (since, count + 1)
            return
        if len(self._told) >= _MOST:
            del self._told[next(iter(self._told))]
        self._told.pop(key, None)
        self._told[key] = (now, 0)
        self(level, event, **facts, repeated=count or None)


def _logger(form: str) -> Any:
    import structlog  # 70 ms

    render: Any = (
        structlog.processors.JSONRenderer(default=str)
        if form == "json"
        else structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "event"], bool_as_flag=False
        )
    )
    return structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _one_line,
            render,
        ],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """What the machine calls its things makes no line of its own, and moves no cursor."""
    return {
        name: value if isinstance(value, (int, float)) else printable(str(value))
        for name, value in event.items()
    }


def printable(text: str) -> str:
    """One line: what is not printable, or no UTF-8, as escapes."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)

"""The operator's exporter-toolkit `web.yml`: read, and read again when it changes.

Format and meaning: prometheus/exporter-toolkit docs/web-configuration.md, web/tls_config.go
(`Config`), web/handler.go.  docs/web-config.md lists the keys, and where accelnet differs.
"""

from __future__ import annotations

import os
import re
import time
from types import MappingProxyType

from accelnet_agent.report import UsageError
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from accelnet_agent.web_tls import TlsSettings
    from accelnet_agent.web_yaml import Value

    Signature = tuple[tuple[int, ...] | None, ...]

_LOOK_EVERY = 1.0  # seconds
# web/handler.go, `extraHTTPHeaders`: the headers that can be set, and what they may be.
_HEADERS: dict[str, tuple[str, ...]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
# What htpasswd, Python, PHP and Go write.  The 22nd character of the salt has four bits to spare.
_BCRYPT = re.compile(
    r"\$2[abxy]\$(?:0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}"
)
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")  # of Go's time package
_UNIT = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}


class Rate(Record):
    """Requests allowed: one every `interval` seconds, and `burst` at once."""

    interval: float
    burst: int


class WebConfig(Record):
    """What a `web.yml` asks for."""

    tls: ssl.SSLContext | None = None
    allowed_sans: frozenset[str] | None = None  # a client certificate has one of these
    users: Mapping[str, str] = MappingProxyType({})  # bcrypt hashes; none: no authentication
    headers: Mapping[str, str] = MappingProxyType({})
    rate: Rate | None = None


class _Settings(Record):
    """What the file itself says, before those that it names are read."""

    tls: TlsSettings | None
    users: Mapping[str, str]
    headers: Mapping[str, str]
    rate: Rate | None


def load(path: str) -> WebConfig:
    """What the file and those that it names say; UsageError, one line, for any mistake."""
    return _build(_parse(path))


def _parse(path: str) -> _Settings:
    from accelnet_agent import web_tls, web_yaml  # PyYAML costs 15 ms

    known = ("tls_server_config", "http_server_config", "rate_limit", "basic_auth_users")
    fields = web_yaml.read(path).fields(known)
    tls, http, limit, users = (fields.get(name) for name in known)
    return _Settings(
        tls=None if tls is None else web_tls.parse(tls, os.path.dirname(path)),
        headers={} if http is None else _headers(http),
        rate=None if limit is None else _rate(limit),
        users={} if users is None else _users(users),
    )


def _build(settings: _Settings) -> WebConfig:
    from accelnet_agent import web_tls

    tls = settings.tls
    return WebConfig(
        tls=None if tls is None else web_tls.context(tls),
        allowed_sans=None if tls is None else tls.allowed_sans,
        users=settings.users,
        headers=settings.headers,
        rate=settings.rate,
    )


def _headers(section: Value) -> dict[str, str]:
    fields = section.fields(("http2", "headers"))
    if "http2" in fields:
        fields["http2"].truth()  # HTTP/1.1 is all there is: every client of HTTP/2 speaks it too
    headers: dict[str, str] = {}
    for name, value in (
        fields["headers"].fields(tuple(_HEADERS)) if "headers" in fields else {}
    ).items():
        text, allowed = value.text(), _HEADERS[name]
        if allowed and text not in allowed:
            raise value.wrong(" or ".join(allowed))
        if not (text.isascii() and text.isprintable()):
            raise value.wrong("one line of printable ASCII")
        headers[name] = text
    return headers


def _users(section: Value) -> dict[str, str]:
    users = {name: value.text() for name, value in section.entries().items()}
    for name, value in section.entries().items():
        if not _BCRYPT.fullmatch(users[name]):
            # What stands there may be a password: it is not shown.
            raise value.wrong("a bcrypt hash, $2y$ and 57 characters", "something else")
    return users


def _rate(section: Value) -> Rate | None:
    fields = section.fields(("interval", "burst"))
    interval = _seconds(fields["interval"]) if "interval" in fields else 0
    burst = fields["burst"].number() if "burst" in fields else 0
    if interval <= 0:
        return None
    if burst < 1:
        raise fields.get("burst", section).wrong("a burst of 1 or more: else nothing is answered")
    return Rate(interval=interval, burst=burst)


def _seconds(value: Value) -> float:
    """Go's time.Duration: "1m30s", or a plain number of nanoseconds."""
    text = value.text()
    if re.fullmatch(r"[-+]?[0-9]{1,18}", text):
        return int(text) / 1e9
    sign, unsigned = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    parts = _PART.findall(unsigned)
    if not parts or "".join(number + unit for number, unit in parts) != unsigned:
        raise value.wrong("a duration such as 1s, 100ms or 1m30s")
    return sign * sum(float(number) * _UNIT[unit] for number, unit in parts)


class WebConfigFile:
    """The configuration as it is now.

    Whoever asks for it makes it look, once a second at most, whether the file or one that it names
    has changed; a link that leads elsewhere is a change too.  There is no timer.  A mistake leaves
    the last good configuration in force, and is told once, if it is still there at the next look:
    a certificate and its key are seldom replaced at the same moment.

    A file that asks for no TLS or no password any more may be one that is being written: such a
    change takes a reload (SIGHUP) or a restart.
    """

    def __init__(
        self, path: str, *, on_error: Callable[[str], None], on_reload: Callable[[], None]
    ) -> None:
        self._path = path
        self._on_error = on_error
        self._on_reload = on_reload
        self._files: tuple[str, ...] = ()
        self._seen: Signature = ()
        self._untold = False
        self._told: str | None = None
        self._config = self._read()
        self._next_look = time.monotonic() + _LOOK_EVERY

    def current(self) -> WebConfig:
        """The last good configuration."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_EVERY
            if self._untold or self._signature() != self._seen:
                self._take(tell=self._untold)
        return self._config

    def reload(self) -> None:
        """Read it now, changed or not, and tell a mistake at once."""
        self._told = None
        self._take(tell=True, asked=True)

    def _take(self, *, tell: bool, asked: bool = False) -> None:
        try:
            found = self._read()
            if not asked:
                _refuse_to_open(self._path, self._config, found)
            self._config = found
        except UsageError as error:
            self._untold = not tell
            if tell and self._told != str(error):
                self._told = str(error)
                self._on_error(str(error))
        else:
            self._untold, self._told = False, None
            self._on_reload()

    def _read(self) -> WebConfig:
        # Signatures are taken before what they sign: a change meanwhile is seen at the next look.
        self._seen = self._signature()
        settings = _parse(self._path)
        self._files = settings.tls.files if settings.tls is not None else ()
        self._seen = (self._seen[0], *map(_signature, self._files))
        return _build(settings)

    def _signature(self) -> Signature:
        return tuple(_signature(path) for path in (self._path, *self._files))


def _asks_clients(config: WebConfig) -> bool:
    import ssl  # where there is TLS, it is imported already

    return config.tls is not None and config.tls.verify_mode == ssl.CERT_REQUIRED


def _refuse_to_open(path: str, before: WebConfig, after: WebConfig) -> None:
    """UsageError where a change would let in whom the configuration in force keeps out."""
    lost = [
        what
        for what, was, now in (
            ("TLS", before.tls, after.tls),
            ("client certificates", _asks_clients(before), _asks_clients(after)),
            ("allowed names of clients", before.allowed_sans, after.allowed_sans),
            ("passwords", before.users, after.users),
        )
        if was and not now
    ]
    if lost:
        raise UsageError(
            f"{path}: {' and '.join(lost)} would be switched off: expected a reload (SIGHUP) for "
            "that; what was in force stays"
        )


def _signature(path: str) -> tuple[int, ...] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

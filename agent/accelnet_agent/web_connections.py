"""Connections: accepted, bounded in number, and cut when their time is up.

tornado reads and writes HTTP/1.1 (tornado.http1connection on tornado.iostream, the documented
lower half of tornado.httpserver).  Accepting is done here, since tornado.tcpserver has one TLS
context for good, no limit of connections, and stops reading nobody; its one timeout counts from
the last answer to the end of the next request's head, so a slow client has as long as an idle one.
"""

from __future__ import annotations

import asyncio
import errno
from ipaddress import ip_address
from typing import cast

from tornado.http1connection import HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.httputil import HTTPServerConnectionDelegate
from tornado.iostream import IOStream, SSLIOStream

from accelnet_agent.web_deadlines import Deadlines
from accelnet_agent.web_http import bad_request
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable
    from typing import Any, TypeVar

    from tornado.http1connection import HTTP1Connection
    from tornado.httputil import HTTPConnection, HTTPMessageDelegate

    from accelnet_agent.web_config import WebConfig
    from accelnet_agent.web_events import Events

    _S = TypeVar("_S", bound="_Plain")

_MAX_HEAD = 16384
_CHUNK = 8192  # bytes a read; a request's head is some 300
_PARAMETERS = HTTP1ConnectionParameters(
    chunk_size=_CHUNK, max_header_size=_MAX_HEAD, max_body_size=0, header_timeout=None
)
_AT_ONCE = 64  # connections accepted before others have their turn
_PAUSE = 1.0  # seconds without accepting, when descriptors or memory are out
_FAIR = 0.25  # seconds that a connection has at least, however many others come
_HEAD, _IDLE, _WRITE = "head", "idle", "write"
# What HTTP1Connection answers to what it can not read; one that says it otherwise is left alone.
_TORNADOS_REFUSAL = b"HTTP/1.1 400 Bad Request\r\n\r\n"


class Limits(Record):
    """How much a client may ask for."""

    connections: int = 512
    head: float = 10.0  # seconds for the TLS handshake and the first request's head together
    idle: float = 120.0  # seconds between requests; Prometheus scrapes every 15 to 60
    write: float = 30.0  # seconds to take an answer


class _Plain(IOStream):
    """A stream that says when it has read something, and dresses tornado's own answer."""

    heard: Callable[[], None] | None = None

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        count = super().read_from_fd(buf)
        if count and self.heard is not None:
            self.heard()
        return count

    def write(self, data: bytes | memoryview) -> asyncio.Future[None]:
        return super().write(bad_request() if data == _TORNADOS_REFUSAL else data)


class _Tls(_Plain, SSLIOStream):
    """The same over TLS."""


class Connection(HTTPServerConnectionDelegate):
    """One client."""

    def __init__(self, connections: Connections, stream: _Plain) -> None:
        self.kind: str | None = None  # what it is waited for
        self.stream = stream
        self._connections = connections
        self._asked = False

    def serve(self) -> None:
        """Read requests."""
        self.stream.heard = self._heard
        HTTP1ServerConnection(self.stream, _PARAMETERS).start_serving(self)

    def secured(
        self, handshake: asyncio.Future[SSLIOStream], allowed: frozenset[str] | None
    ) -> None:
        """The TLS handshake is done, or failed."""
        if handshake.cancelled() or handshake.exception() is not None:
            self._connections.forget(self)
        elif allowed is not None and not allowed & _names_of(handshake.result().socket):
            self.stream.close()
            self._connections.forget(self)
        else:
            self.serve()

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """The next request is waited for, and the last answer is written (tornado calls it)."""
        if self._asked:
            self._connections.rests(self)
        self._asked = True
        return self._connections.exchange(self, cast("HTTP1Connection", request_conn))

    def on_close(self, server_conn: object) -> None:
        """It is closed (tornado calls it)."""
        self._connections.forget(self)

    def answers(self) -> None:
        """A request has arrived in full: how long its answer takes is not the client's doing."""
        self._connections.deadlines.end(self)

    def writes(self) -> None:
        """An answer waits for the client to take it."""
        self._connections.deadlines.begin(self, _WRITE)

    def _heard(self) -> None:
        if self.kind == _IDLE:
            self._connections.deadlines.begin(self, _HEAD)


class Connections:
    """All clients, and the sockets that they come by."""

    def __init__(
        self,
        exchange: Callable[[Connection, HTTP1Connection], HTTPMessageDelegate],
        config: Callable[[], WebConfig],
        limits: Limits,
        events: Events,
    ) -> None:
        self.exchange = exchange
        seconds = {_HEAD: limits.head, _IDLE: limits.idle, _WRITE: limits.write}
        self.deadlines = Deadlines(seconds, self._cut)
        self.draining = False
        self._config = config
        self._most = limits.connections
        self._events = events
        self._listeners: list[socket.socket] = []
        self._open: set[Connection] = set()
        self._again: asyncio.TimerHandle | None = None  # while nothing is accepted
        self._empty = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, listener: socket.socket) -> None:
        """Accept connections from this socket."""
        self._listeners.append(listener)
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def rests(self, connection: Connection) -> None:
        """It has its answer, and is waited for."""
        if self.draining:
            connection.stream.close()
            return
        self.deadlines.begin(connection, _IDLE)
        self._resume()  # there is one again that can make room

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        self.deadlines.end(connection)
        connection.stream.heard = None
        self._open.discard(connection)
        if not self._open:
            self._empty.set()
        self._resume()

    async def drain(self, seconds: float) -> None:
        """Accept no more, let answers be finished for so long, and close everything."""
        self.draining = True
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        self._listeners.clear()
        for connection in self.deadlines.all(_HEAD, _IDLE):
            connection.stream.close()
        await self._emptied(seconds)
        for connection in tuple(self._open):
            connection.stream.close()
        await self._emptied(_PAUSE)  # what is closed ends in the loop's next rounds

    async def _emptied(self, seconds: float) -> None:
        if self._open:
            self._empty.clear()
            try:
                await asyncio.wait_for(self._empty.wait(), seconds)
            except asyncio.TimeoutError:
                return

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            if len(self._open) >= self._most and not self._make_room():
                # The kernel's backlog keeps the others until one has its answer, or is cut.
                self._stop(_FAIR)
                return
            try:
                accepted, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # EMFILE and the like; accept(2) has some of the network too
                name = errno.errorcode.get(error.errno or 0, "unknown")
                self._events.tell("web_accept_failed", name, str(error))
                self._make_room()
                self._stop(_PAUSE)
                return
            self._begin(accepted)

    def _begin(self, accepted: socket.socket) -> None:
        config = self._config()
        try:
            if config.tls is None:
                self._enter(Connection(self, _stream(_Plain, accepted))).serve()
                return
            accepted.getpeername()  # ssl would wrap what is not connected, and never begin
            secure = config.tls.wrap_socket(
                accepted, server_side=True, do_handshake_on_connect=False
            )
        except (OSError, ValueError):  # it has gone already
            accepted.close()
            return
        stream = _stream(_Tls, secure)
        connection = self._enter(Connection(self, stream))
        allowed = config.allowed_sans
        stream.wait_for_handshake().add_done_callback(
            lambda handshake: connection.secured(handshake, allowed)
        )

    def _enter(self, connection: Connection) -> Connection:
        self._open.add(connection)
        self.deadlines.begin(connection, _HEAD)
        return connection

    def _make_room(self) -> bool:
        """Close the connection that has been waited for longest; none that is being answered."""
        longest = self.deadlines.longest(_HEAD, _IDLE)
        if longest is None or longest[0] > asyncio.get_running_loop().time() - _FAIR:
            return False
        self._cut(longest[1])
        return True

    def _cut(self, connection: Connection) -> None:
        connection.stream.close()
        self.forget(connection)

    def _stop(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.remove_reader(listener)
        self._again = loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        if self._again is not None and not self.draining:
            self._again.cancel()
            self._again = None
            for listener in self._listeners:
                asyncio.get_running_loop().add_reader(listener, self._accept, listener)


def _stream(kind: type[_S], connected: socket.socket) -> _S:
    return kind(connected, max_buffer_size=4 * _MAX_HEAD, read_chunk_size=_CHUNK)


def _names_of(secure: ssl.SSLSocket) -> set[str]:
    """What the client's certificate is for (`VerifyPeerCertificate` in web/tls_config.go)."""
    certificate: dict[str, Any] = dict(secure.getpeercert() or {})
    alternatives: tuple[tuple[str, str], ...] = certificate.get("subjectAltName", ())
    names = {name for kind, name in alternatives if kind in ("DNS", "email", "URI")}
    return names | {_as_go(name) for kind, name in alternatives if kind == "IP Address"}


def _as_go(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:  # "<invalid>": neither 4 nor 16 bytes
        return address

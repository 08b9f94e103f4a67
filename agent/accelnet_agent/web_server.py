"""The HTTP server of accelnet-agent: what is asked, who may ask, and when it is too late.

One task a request and no timer that an answer in time would not have cancelled.  What a request
goes through, in the order of prometheus/exporter-toolkit web/handler.go: the rate limit, basic
authentication, then the method, the path, its turn, the route.
"""

from __future__ import annotations

import asyncio
import time
from http.client import responses

from tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)

from accelnet_agent import web_http, web_sockets
from accelnet_agent.web_auth import Authenticator, TooManyChecksError
from accelnet_agent.web_config import WebConfig
from accelnet_agent.web_connections import Connections, Limits
from accelnet_agent.web_events import Events, TornadoLog
from accelnet_agent.web_http import Request, Response, plain
from accelnet_agent.web_limits import Bucket, Turns

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from tornado.http1connection import HTTP1Connection

    from accelnet_agent.web_config import WebConfigFile
    from accelnet_agent.web_connections import Connection
    from accelnet_agent.web_http import Route

__all__ = ["Limits", "Request", "Response", "WebServer"]

_PLAIN_HTTP = WebConfig()
_TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"


class WebServer:
    """Answers requests by the routes, on the running event loop.

    At most `max_requests` are answered at once (0: any number); more wait for their turn until
    their deadline.  As many can wait as there are connections: a connection has one request at a
    time, and those that it sends ahead wait unread.
    """

    def __init__(
        self,
        routes: Mapping[str, Route],
        *,
        config: WebConfigFile | None,
        max_requests: int,
        on_event: Callable[..., None],
        limits: Limits | None = None,
    ) -> None:
        self.events = Events(on_event)
        self._routes = routes
        self._config = config
        self._connections = Connections(
            self._exchange, self.config, limits or Limits(), self.events
        )
        self._turns = Turns(max_requests)
        self._authenticator = Authenticator()
        self._bucket: Bucket | None = None
        self._addresses: list[str] = []
        self._log = TornadoLog(self.events)
        self._log.begin()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens, with the ports that were chosen."""
        return tuple(self._addresses)

    def listen(self, address: str) -> None:
        """Accept connections there; UsageError says why not."""
        for listener in web_sockets.listeners(address):
            self._add(listener)

    def adopt(self, fd: int) -> None:
        """Accept connections by this listening socket, TCP or Unix, which is the server's now."""
        self._add(web_sockets.adopted(fd))

    async def drain(self, seconds: float) -> None:
        """Accept no more, finish what is being answered, and close everything."""
        await self._connections.drain(seconds)
        self._authenticator.close()
        self._log.end()

    def config(self) -> WebConfig:
        """The configuration in force."""
        return _PLAIN_HTTP if self._config is None else self._config.current()

    @property
    def draining(self) -> bool:
        """Whether each answer is a connection's last."""
        return self._connections.draining

    async def answer(self, line: RequestStartLine, headers: HTTPHeaders, until: float) -> Response:
        """What to answer to one request."""
        config = self.config()
        if not self._within_rate(config):
            return plain(429)
        if config.users:
            try:
                known = await self._authenticator.allows(headers.get("Authorization"), config.users)
            except TooManyChecksError:
                return plain(503)
            if not known:
                return plain(401, {"WWW-Authenticate": "Basic"})
        if line.method not in ("GET", "HEAD"):
            return plain(405, {"Allow": "GET, HEAD"})
        path, text = web_http.split_target(line.path)
        route, query = self._routes.get(path), web_http.parse_query(text)
        if route is None or query is None:
            return plain(404 if route is None else 400)
        request = Request(
            method=line.method, path=path, query=query, headers=headers, deadline=until
        )
        await self._turns.take()
        try:
            return await route(request)
        finally:
            self._turns.give()

    def known(self, line: RequestStartLine) -> str:
        """The path that is asked for, of those that there are: what a log may be filled with."""
        path, _ = web_http.split_target(line.path)
        return path if path in self._routes else "-"

    def _add(self, listener: socket.socket) -> None:
        self._connections.add(listener)
        self._addresses.append(web_sockets.name_of(listener))

    def _within_rate(self, config: WebConfig) -> bool:
        if config.rate is None:
            return True
        if self._bucket is None or self._bucket.rate != config.rate:
            self._bucket = Bucket(config.rate)
        return self._bucket.take(time.monotonic())

    def _exchange(self, connection: Connection, wire: HTTP1Connection) -> HTTPMessageDelegate:
        return _Exchange(self, connection, wire)


class _Exchange(HTTPMessageDelegate):
    """One request, from its head to its answer."""

    def __init__(self, server: WebServer, connection: Connection, wire: HTTP1Connection) -> None:
        self._server = server
        self._connection = connection
        self._wire = wire
        self._over = False

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        """The head is here (tornado calls it)."""
        assert isinstance(start_line, RequestStartLine)  # noqa: S101 - the other is a client's
        if start_line.version != "HTTP/1.0" and len(headers.get_list("Host")) != 1:
            raise HTTPInputError("expected one Host")  # RFC 9112, 3.2
        self._line = start_line
        self._headers = headers

    def finish(self) -> None:
        """The request is here in full (tornado calls it)."""
        self._connection.answers()
        loop = asyncio.get_running_loop()
        seconds, grace = web_http.seconds_to_answer(self._headers.get(_TIMEOUT))
        until = time.monotonic() + seconds
        self._timer = loop.call_later(seconds + grace, self._late)
        self._task = loop.create_task(self._server.answer(self._line, self._headers, until))
        self._task.add_done_callback(self._done)
        self._wire.set_close_callback(self._gone)

    def _late(self) -> None:
        self._send(plain(503))
        self._task.cancel()

    def _gone(self) -> None:
        self._over = True
        self._task.cancel()

    def _done(self, task: asyncio.Task[Response]) -> None:
        self._timer.cancel()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            path = self._server.known(self._line)
            self._server.events.tell(
                "web_route_failed", f"{path} {type(error).__name__}", repr(error)
            )
        if self._over:
            return
        if error is not None or task.cancelled():
            self._send(plain(503 if error is None else 500))
        else:
            self._send(task.result())

    def _send(self, response: Response) -> None:
        self._over = True
        try:
            headers, body = web_http.dress(
                response, self._headers.get("Accept-Encoding"), self._server.config().headers
            )
            if self._server.draining:
                headers["Connection"] = "close"
            phrase = responses.get(response.status, "Unknown")
            written = self._wire.write_headers(
                ResponseStartLine("HTTP/1.1", response.status, phrase),
                HTTPHeaders(headers),
                None if self._line.method == "HEAD" else body,
            )
            self._wire.finish()
        except BaseException:  # of a route's own headers: else the client would wait for ever
            self._wire.close()
            raise
        if not written.done():
            self._connection.writes()

"""A WebServer for tests: real sockets, an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from accelnet_agent.web_config import WebConfigFile
from accelnet_agent.web_server import Limits, Request, Response, WebServer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine, Generator, Mapping
    from pathlib import Path

    from accelnet_agent.web_http import Route

EXPOSITION = b"# HELP accelnet_up It is.\n# TYPE accelnet_up gauge\naccelnet_up 1\n"
LONG = EXPOSITION + b"# a comment that is packed well\n" * 2000


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Site:
    """Routes, and what they have seen."""

    def __init__(self) -> None:
        self.running = self.most = self.asked = 0
        self.open = asyncio.Event()
        self.cancelled = 0

    def routes(self) -> dict[str, Route]:
        """One route for each thing that a route can do."""
        return {
            "/metrics": self.metrics,
            "/long": self.long,
            "/echo": self.echo,
            "/held": self.held,
            "/broken": self.broken,
            "/page": self.page,
            "/smuggling": self.smuggling,
        }

    async def metrics(self, request: Request) -> Response:
        """A few lines."""
        self.asked += 1
        return Response(status=200, content_type="text/plain", body=EXPOSITION)

    async def long(self, request: Request) -> Response:
        """More than fits into a packet, or, with ?megabytes=N, into a socket."""
        body = bytes(int(request.query.get("megabytes", "0")) * 1048576)
        return Response(status=200, content_type="text/plain", body=body or LONG)

    async def echo(self, request: Request) -> Response:
        """What the route was given."""
        seen = {
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "agent": request.headers.get("user-AGENT"),
            "seconds": request.deadline - time.monotonic(),
        }
        return Response(status=200, content_type="application/json", body=json.dumps(seen).encode())

    async def held(self, request: Request) -> Response:
        """An answer that comes when the test lets it."""
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return Response(status=200, content_type="text/plain", body=b"at last\n")

    async def broken(self, request: Request) -> Response:
        """A bug."""
        raise ZeroDivisionError("secret detail")

    async def smuggling(self, request: Request) -> Response:
        """A header that would be two."""
        headers = {"X-One": "1\r\nX-Two: 2"}
        return Response(status=200, content_type="text/plain", body=b"", headers=headers)

    async def page(self, request: Request) -> Response:
        """A page, with a header of its own."""
        return Response(
            status=200,
            content_type="text/html; charset=utf-8",
            body=b"<!doctype html>\n",
            headers={"Referrer-Policy": "same-origin"},
        )


class Serving:
    """A server that runs, seen from outside."""

    server: WebServer
    config: WebConfigFile | None = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.site = Site()
        self.events: list[tuple[str, dict[str, object]]] = []
        self.errors: list[str] = []
        self.reloads = 0
        self.bugs: list[dict[str, Any]] = []

    def event(self, event: str, **fields: object) -> None:
        """What the server tells."""
        self.events.append((event, fields))

    def reloaded(self) -> None:
        """A change of the configuration took effect."""
        self.reloads += 1

    @property
    def port(self) -> int:
        """That of the first address."""
        return int(self.server.addresses[0].rpartition(":")[2])

    def do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run it in the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def open_gate(self) -> None:
        """Let /held answer."""
        self.loop.call_soon_threadsafe(self.site.open.set)

    def connection(
        self, context: ssl.SSLContext | None = None, timeout: float = 10
    ) -> http.client.HTTPConnection:
        """A client that keeps its connection."""
        if context is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=context)

    def get(
        self,
        path: str = "/metrics",
        headers: Mapping[str, str] | None = None,
        *,
        context: ssl.SSLContext | None = None,
        method: str = "GET",
    ) -> Answer:
        """One request on a connection of its own."""
        client = self.connection(context)
        try:
            return ask(client, path, headers, method=method)
        finally:
            client.close()

    def raw(self, timeout: float = 10) -> socket.socket:
        """A connection below HTTP."""
        return socket.create_connection(("127.0.0.1", self.port), timeout)


def ask(
    client: http.client.HTTPConnection,
    path: str = "/metrics",
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
) -> Answer:
    """One request on this connection."""
    client.request(method, path, headers=dict(headers or {}))
    response = client.getresponse()
    return Answer(response.status, response.headers, response.read())


def read_all(connection: socket.socket) -> bytes:
    """All until the server closes."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Return as soon as it holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.005)


@contextmanager
def serving(
    *,
    config: Path | None = None,
    max_requests: int = 40,
    limits: Limits | None = None,
    listen: Callable[[WebServer], None] = lambda server: server.listen("127.0.0.1:0"),
) -> Generator[Serving]:
    """A server of the Site's routes; nothing may reach the event loop's handler of bugs."""
    loop = asyncio.new_event_loop()
    running = Serving(loop)
    loop.set_exception_handler(lambda _, context: running.bugs.append(context))

    async def start() -> None:
        file = None
        if config is not None:
            file = WebConfigFile(
                str(config), on_error=running.errors.append, on_reload=running.reloaded
            )
        running.config = file
        running.server = WebServer(
            running.site.routes(),
            config=file,
            max_requests=max_requests,
            on_event=running.event,
            limits=limits,
        )
        listen(running.server)

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield running
    finally:
        running.open_gate()
        running.do(running.server.drain(0.5))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
    assert running.bugs == []

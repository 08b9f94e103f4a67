"""A metadata service on loopback: what it answers, and what it was asked."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator


class Asked(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    method: str = "GET"


class Server(ThreadingHTTPServer):
    """Answers with each of `answers` in turn, and with the last from then on."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.requests: list[Asked] = []

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Remembers what it was asked."""

    def do_GET(self) -> None:
        """One answer."""
        server = self.server
        assert isinstance(server, Server)
        server.requests.append(Asked(self.path, dict(self.headers.items()), self.command))
        answers = server.answers
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", f"{server.endpoint}/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - http.server's own name; it must never be asked so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own
        """Nothing on standard error."""


@contextmanager
def serving(*answers: tuple[int, bytes]) -> Generator[Server]:
    """Serve these answers while the block runs."""
    with Server(*answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()

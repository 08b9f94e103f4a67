"""A real Prometheus on loopback.

with prometheus(folder, configuration) as server:
    server.instant("up")
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from serving import ask

SECONDS = 60.0


class Prometheus:
    """Its HTTP API."""

    pid = 0  # of its process

    def __init__(self, port: int) -> None:
        self._client = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)

    def get(self, path: str, parameters: Mapping[str, str | float] | None = None) -> Any:
        """`data` of an answer; AssertionError with what is wrong with the query."""
        answer = ask(self._client, f"/api/v1/{path}?{urlencode(parameters or {})}")
        assert answer.status == 200, answer.body.decode()
        return json.loads(answer.body)["data"]

    def snapshot(self) -> str:
        """The name of a folder with all that it has, as blocks."""
        self._client.request("POST", "/api/v1/admin/tsdb/snapshot")
        answer = self._client.getresponse()
        said = json.loads(answer.read())
        assert answer.status == 200, said
        name: str = said["data"]["name"]
        return name

    def close(self) -> None:
        """No more questions."""
        self._client.close()

    def instant(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """The series of an instant vector."""
        moment = time.time() if at is None else at
        found: list[dict[str, Any]] = self.get("query", {"query": expression, "time": moment})[
            "result"
        ]
        return found

    def range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """The series over time."""
        times = {"start": start, "end": end, "step": step}
        found: list[dict[str, Any]] = self.get("query_range", {"query": expression, **times})[
            "result"
        ]
        return found

    def label_values(self, label: str, series: str, start: float, end: float) -> list[str]:
        """The values of a label of these series."""
        found: list[str] = self.get(
            f"label/{label}/values", {"match[]": series, "start": start, "end": end}
        )
        return found

    def until(self, expression: str, seconds: float = SECONDS) -> None:
        """As soon as it has a series."""
        end = time.monotonic() + seconds
        while not self.instant(expression):
            assert time.monotonic() < end, f"it did not come: {expression}"
            time.sleep(0.2)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def prometheus(folder: Path, configuration: Mapping[str, Any]) -> Generator[Prometheus]:
    """One that is ready; it has ended afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    config, port = folder / "prometheus.yml", free_port()
    config.write_text(yaml.safe_dump(dict(configuration)), encoding="utf-8")
    arguments: Sequence[str] = (
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
        "--web.enable-admin-api",
    )
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            with closing(Prometheus(port)) as server:
                server.pid = process.pid
                _until_ready(process, server, folder / "prometheus.log")
                yield server
        finally:
            process.terminate()
            process.wait(SECONDS)


def _until_ready(process: subprocess.Popen[bytes], server: Prometheus, log: Path) -> None:
    end = time.monotonic() + SECONDS
    while True:
        with suppress(OSError, AssertionError):
            server.get("status/runtimeinfo")
            return
        server.close()  # what failed leaves a connection of no use
        alive = process.poll() is None and time.monotonic() < end
        assert alive, log.read_text(encoding="utf-8")
        time.sleep(0.05)

"""The Application Health extension with rich health states: what it makes of an agent's answers.

From its sources (Azure/applicationhealth-extension-linux): main/health.go (`evaluate`),
main/probeResponse.go, main/cmds.go (`enable`), main/schema.go and handlersettings.go; what the
platform does then, from virtual-machine-scale-sets-health-extension of learn.microsoft.com.

extension = Extension(settings)
assert extension.probe() == "Initializing"
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from typing import Any

TIMEOUT = 30.0
# Health state -> (a rolling upgrade goes on, automatic repairs act)
CONSEQUENCES = {
    "Initializing": (False, False),
    "Healthy": (True, False),
    "Unhealthy": (False, True),
    "Unknown": (False, True),
}
SETTINGS: dict[str, tuple[type, int | None, int | None]] = {  # public settings: type, least, most
    "protocol": (str, None, None),
    "port": (int, 1, 65535),
    "requestPath": (str, None, None),
    "intervalInSeconds": (int, 5, 60),
    "numberOfProbes": (int, 1, 24),
    "gracePeriod": (int, 5, 14400),
}
MOST_TO_SETTLE = 120  # intervalInSeconds * numberOfProbes


def check(settings: Mapping[str, Any]) -> None:
    """AssertionError for settings that the extension would not start with."""
    for name, value in settings.items():
        kind, least, most = SETTINGS[name]
        assert type(value) is kind, name
        if isinstance(value, int):
            assert least is None or least <= value, name
            assert most is None or value <= most, name
    assert settings["protocol"] in ("http", "https")
    assert settings["requestPath"]
    settling = settings.get("intervalInSeconds", 5) * settings.get("numberOfProbes", 1)
    assert settling <= MOST_TO_SETTLE
    assert settings.get("gracePeriod", settling) >= settling


def rich(settings: Mapping[str, Any], port: int | None = None) -> str:
    """One probe of version 2: an answer that is not 2xx, or that says nothing, is Unknown."""
    try:
        status, body = _get(settings, port)
    except (OSError, http.client.HTTPException):
        return "Unknown"
    if not 200 <= status <= 299:
        return "Unknown"
    try:
        found = json.loads(body)
    except ValueError:
        return "Unknown"
    # Go's json.Unmarshal takes a key in whatever case.
    values = [value for key, value in found.items() if key.lower() == "applicationhealthstate"]
    return values[0] if values and values[0] in ("Healthy", "Unhealthy", "Busy") else "Unknown"


def binary(settings: Mapping[str, Any], port: int | None = None) -> str:
    """One probe of version 1: 200, or not."""
    try:
        return "Healthy" if _get(settings, port)[0] == 200 else "Unhealthy"
    except (OSError, http.client.HTTPException):
        return "Unhealthy"


def _get(settings: Mapping[str, Any], port: int | None) -> tuple[int, bytes]:
    """By localhost, in both families as Go dials it; certificates are not verified."""
    address = ("localhost", port or settings["port"])
    client = http.client.HTTPConnection(*address)
    client.sock = socket.create_connection(address, timeout=TIMEOUT)
    try:
        if settings["protocol"] == "https":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            client.sock = context.wrap_socket(client.sock, server_hostname="localhost")
        path = "/" + settings["requestPath"].removeprefix("/")
        client.request("GET", path, headers={"User-Agent": "ApplicationHealthExtension/1.0"})
        answer = client.getresponse()
        return answer.status, answer.read()
    finally:
        client.close()


class Commitment:
    """Which state is reported: one that was seen numberOfProbes times without another between."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._number = settings.get("numberOfProbes", 1)
        self._interval = settings.get("intervalInSeconds", 5)
        self._grace = settings.get("gracePeriod", self._interval * self._number)
        self._honour = True
        self._before, self._count, self._probes = "", 0, 0
        self.state = ""

    def take(self, state: str) -> str:
        """One probe's state, `interval` seconds after the one before."""
        elapsed = self._probes * self._interval
        self._probes += 1
        self._count = self._count + 1 if state == self._before else 1
        self._before = state
        if self._honour:
            if elapsed >= self._grace:
                self._honour, self._before, self._count, self.state = False, "Unknown", 1, ""
                state = "Unknown"
            elif self._count == self._number and state != "Unknown":
                self._honour = False
            else:
                state = "Initializing"
        if self._count == self._number or not self.state:
            self.state = state
            if self._count == self._number:
                self._count = 0
        return self.state

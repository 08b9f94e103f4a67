"""Asking the instance metadata service: one GET, no proxy, no redirect.

http.client knows nothing of proxy variables and follows no redirect, which is
what IMDS needs.  Called only in a worker process: a server that drips its
answer is bounded by the worker's deadline.
"""

from __future__ import annotations

import errno
import time

from accelnet_probes.files import errno_name
from accelnet_probes.instance import MAX_BODY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_probes.worker import Emit

ENDPOINT = "http://169.254.169.254"  # link-local; asked only where DMI says that this is Azure
PATH = "/metadata/instance?api-version=2021-02-01"
DEADLINE = 4.0  # seconds for all tries together
_RETRIED = (410, 429, 500, 502, 503, 504)  # Azure documents 410, 429 and 500 as "try again"
_TRIES, _PAUSE, _TIMEOUT = 3, 0.5, 2.0


def ask(endpoint: str, emit: Emit) -> None:
    """Emit ("body", bytes), or ("refused", an errno's name or "HTTP 429")."""
    answer: tuple[str, bytes | str] = ("refused", "ETIMEDOUT")
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE)
        answer = get(endpoint, PATH, _TIMEOUT)
        if answer[0] == "body" or answer[1] not in [f"HTTP {code}" for code in _RETRIED]:
            break
    emit(answer)


def get(endpoint: str, target: str, timeout: float) -> tuple[str, bytes | str]:
    """("body", bytes), or ("refused", an errno's name or "HTTP 429")."""
    import http.client

    host, _, prefix = endpoint.removeprefix("http://").partition("/")
    try:
        connection = http.client.HTTPConnection(host, timeout=timeout)
        try:
            path = f"/{prefix.rstrip('/')}{target}" if prefix.strip("/") else target
            connection.request("GET", path, headers={"Metadata": "true", "Connection": "close"})
            response = connection.getresponse()
            if response.status != 200:
                return "refused", f"HTTP {response.status}"
            body = response.read(MAX_BODY + 1)
        finally:
            connection.close()
    except TimeoutError:
        return "refused", "ETIMEDOUT"
    except ConnectionResetError:  # http.client's own for "closed without an answer" has no errno
        return "refused", "ECONNRESET"
    except OSError as error:  # a name that does not resolve has an errno of its own kind
        known = error.errno in errno.errorcode
        return "refused", errno_name(error) if known else "EHOSTUNREACH"
    except (http.client.HTTPException, ValueError):
        return "refused", "EPROTO"
    return ("refused", "EFBIG") if len(body) > MAX_BODY else ("body", body)


def endpoint_error(text: str) -> str | None:
    """Why `text` can not be an endpoint, in a few words; None where it can."""
    host, _, _ = text.removeprefix("http://").partition("/")
    if not text.startswith("http://") or not host:
        return "expected http://HOST[:PORT] or off"
    if not text.isascii() or not text.isprintable() or " " in text:
        return "it has characters that no URL has"
    if any(sign in text for sign in "@?#"):
        return "expected http://HOST[:PORT] alone"
    name, colon, port = host.rpartition(":")
    if (
        colon
        and "]" not in port
        and not (name and port.isdecimal() and len(port) < 6 and int(port) < 65536)
    ):
        return "its port is not a number below 65536"
    return None

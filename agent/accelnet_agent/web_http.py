"""What a request asks for, and what an answer looks like: HTTP without a socket."""

from __future__ import annotations

import math
import time
import zlib
from http.client import responses
from types import MappingProxyType
from urllib.parse import parse_qsl

from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Route = Callable[["Request"], Awaitable["Response"]]

_DEFAULT_TIMEOUT = 10.0  # Prometheus' own scrape_timeout
_LONGEST_TIMEOUT = 60.0
_WORTH_PACKING = 1024  # bytes: less fits into one packet anyway

_TEXT = "text/plain; charset=utf-8"
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_PAGE = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Request(Record):
    """A request, as a route sees it."""

    method: str  # GET or HEAD
    path: str
    query: Mapping[str, str]  # of a name that is repeated, the last
    headers: Mapping[str, str]  # names in any case
    deadline: float  # time.monotonic() by which to answer


class Response(Record):
    """An answer of a route."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})


def plain(status: int, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """An answer that says its status and no more."""
    body = f"{status} {responses[status]}\n".encode()
    return Response(status=status, content_type=_TEXT, body=body, headers=headers)


def split_target(target: str) -> tuple[str, str]:
    """Path and query of a request's target, of one with scheme and host too (RFC 9112, 3.2)."""
    if not target.startswith("/") and "://" in target:
        _, slash, rest = target.partition("://")[2].partition("/")
        target = slash + rest
    path, _, query = target.partition("?")
    return path, query


def parse_query(query: str) -> dict[str, str] | None:
    """Names and values, or None where there are too many."""
    if not query:
        return {}
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=100))
    except ValueError:
        return None


def seconds_to_answer(scrape_timeout: str | None) -> tuple[float, float]:
    """How long a route may take, and how much later it is too late, by Prometheus' header.

    Both are less than the timeout, so that what is answered still arrives.
    """
    try:
        timeout = float(scrape_timeout) if scrape_timeout is not None else _DEFAULT_TIMEOUT
    except ValueError:
        timeout = _DEFAULT_TIMEOUT
    if not (math.isfinite(timeout) and timeout > 0):
        timeout = _DEFAULT_TIMEOUT
    timeout = min(timeout, _LONGEST_TIMEOUT)
    margin = 0.5 if timeout >= 2 else timeout / 4
    return timeout - margin, margin / 2


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Whether the client takes gzip (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for part in (accept_encoding or "").lower().split(",")[:32]:
        coding, _, parameter = part.partition(";")
        name, _, weight = parameter.partition("=")
        try:
            weights[coding.strip()] = float(weight) if name.strip() == "q" else 1.0
        except ValueError:
            weights[coding.strip()] = 0.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def dress(
    response: Response, accept_encoding: str | None, configured: Mapping[str, str]
) -> tuple[dict[str, str], bytes]:
    """All headers of an answer, and its body as it goes out.

    The route's headers override ours, and the operator's override both; an empty one is left out
    (exporter-toolkit, docs/web-configuration.md: "Unset if blank").
    """
    body = response.body
    headers = {
        "Date": _http_date(time.time()),
        "Content-Type": response.content_type,
        "Vary": "Accept-Encoding",
        "Content-Security-Policy": (
            _PAGE if response.content_type.startswith("text/html") else _NOTHING
        ),
        **_HEADERS,
        **response.headers,
        **configured,
    }
    if len(body) > _WORTH_PACKING and accepts_gzip(accept_encoding):
        packer = zlib.compressobj(1, wbits=31)
        body = packer.compress(body) + packer.flush()
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    return {name: value for name, value in headers.items() if value}, body


def bad_request() -> bytes:
    """A whole last answer, for what is no request."""
    headers, body = dress(plain(400, {"Connection": "close"}), None, {})
    lines = ["HTTP/1.1 400 Bad Request", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _http_date(seconds: float) -> str:
    from email.utils import formatdate

    return formatdate(seconds, usegmt=True)

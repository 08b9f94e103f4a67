"""Listening sockets: bound here, or handed over by systemd."""

from __future__ import annotations

import errno
import os
import socket

from accelnet_agent.report import UsageError

_BACKLOG = 512
_FORMS = "HOST:PORT, :PORT or [IPV6]:PORT"
# A family or an address of a name that this machine does not have; another of them may do.
_NOT_HERE = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def listeners(address: str) -> list[socket.socket]:
    """Sockets that listen on all that `address` means; UsageError says why there are none."""
    host, port = _split(address)
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no host has such a name"
        raise UsageError(f"listen address {address!a}: {reason}") from error
    bound: list[socket.socket] = []
    refused: OSError | None = None
    for family, _, _, _, where in dict.fromkeys(found):
        # Port 0 is any port, and the same for all families of one name.
        chosen = bound[0].getsockname()[1] if bound and port == 0 else port
        try:
            bound.append(_listen(family, (where[0], chosen, *where[2:])))
        except OSError as error:
            refused = error
            if error.errno not in _NOT_HERE:
                break
    if bound and (refused is None or refused.errno in _NOT_HERE):
        return bound
    for listener in bound:
        listener.close()
    reason = os.strerror(refused.errno or 0) if refused is not None else "it means no address"
    raise UsageError(f"listen address {address!a}: {reason}") from refused


def adopted(descriptor: int) -> socket.socket:
    """The listening stream socket (TCP or Unix) that has this descriptor (sd_listen_fds(3))."""
    try:
        adopted = socket.socket(fileno=descriptor)
    except OSError as error:
        raise UsageError(f"descriptor {descriptor}: {error.strerror}, expected a socket") from error
    known = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
    listens = adopted.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if not listens or adopted.type != socket.SOCK_STREAM or adopted.family not in known:
        adopted.detach()
        raise UsageError(f"descriptor {descriptor}: expected a listening TCP or Unix socket")
    adopted.settimeout(0)
    return adopted


def name_of(listener: socket.socket) -> str:
    """Where it listens, as an address that `listeners` takes, or the path of a Unix socket."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return os.fsdecode(name)
    host = f"[{name[0]}]" if listener.family == socket.AF_INET6 else name[0]
    return f"{host}:{name[1]}"


def _split(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or (":" in host and not bracketed):
        raise UsageError(f"listen address {address!a}: expected {_FORMS}")
    if not (port.isascii() and port.isdecimal() and len(port) < 6 and int(port) < 65536):
        raise UsageError(f"listen address {address!a}: its port is not a number below 65536")
    return host[1:-1] if bracketed else host, int(port)


def _listen(family: int, where: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.settimeout(0)
        listener.bind(where)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener

"""Who may ask: basic authentication against the bcrypt hashes of a `web.yml`.

As in prometheus/exporter-toolkit web/handler.go and web/cache.go: every path is covered, one
comparison runs at a time, its outcome is kept, and an unknown user costs what a known one does.
Unlike there, no password is kept (a digest with a key of this process is), and failures are kept
apart from successes: a flood of wrong passwords pushes out no scraper that is known.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import ThreadPoolExecutor

_KEPT = 1000  # outcomes of either kind, 32 bytes each
_WAITING = 64  # comparisons that wait for the one thread; 5 s of them at a cost of 10
# A salt and a digest that no password is known for, at the cost of the configured hashes.
_NOBODY = "$2b${cost}$KwZ4pV8T5MJEqn0yRrNhKe4AhsJR6jvXH1i8dEq0vQkzCzW7mYt2u"


class TooManyChecksError(Exception):
    """More unknown passwords than can be compared in time."""


class Authenticator:
    """Says whether an Authorization header is one of the users'."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._allowed: dict[bytes, None] = {}
        self._refused: dict[bytes, None] = {}
        self._running: dict[bytes, asyncio.Task[bool]] = {}
        self._pool: ThreadPoolExecutor | None = None

    async def allows(self, header: str | None, users: Mapping[str, str]) -> bool:
        """Whether it holds a user's name and password; bcrypt runs beside the event loop."""
        credentials = _credentials(header)
        if credentials is None:
            return False
        name, password = credentials
        expected = users.get(name.decode("utf-8", "replace"))
        hashed = (expected or _nobody(users)).encode()
        digest = self._digest(name, hashed, password)
        if digest in self._allowed or digest in self._refused:
            return digest in self._allowed
        check = self._running.get(digest)
        if check is None:
            if len(self._running) >= _WAITING:
                raise TooManyChecksError
            check = asyncio.ensure_future(self._check(digest, hashed, password, expected))
            self._running[digest] = check
        # It goes on when whoever asked has gone: the outcome is kept for the next time.
        return await asyncio.shield(check)

    def close(self) -> None:
        """Begin no further comparison."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _check(
        self, digest: bytes, hashed: bytes, password: bytes, expected: str | None
    ) -> bool:
        try:
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(1, "bcrypt")
            loop = asyncio.get_running_loop()
            equal = await loop.run_in_executor(self._pool, _matches, password, hashed)
        finally:
            del self._running[digest]
        kept = self._allowed if equal and expected is not None else self._refused
        if len(kept) >= _KEPT:
            del kept[next(iter(kept))]
        kept[digest] = None
        return kept is self._allowed

    def _digest(self, *parts: bytes) -> bytes:
        digest = hashlib.blake2b(key=self._key, digest_size=32)
        for part in parts:
            digest.update(len(part).to_bytes(4, "big"))
            digest.update(part)
        return digest.digest()


def _credentials(header: str | None) -> tuple[bytes, bytes] | None:
    """Name and password of "Basic ..." (RFC 7617), or None."""
    scheme, _, text = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        return None
    name, colon, password = decoded.partition(b":")
    return (name, password) if colon else None


def _nobody(users: Mapping[str, str]) -> str:
    # "$2y$10$...": the highest cost there is, so that time tells nothing of a name.
    return _NOBODY.format(cost=max(hashed.split("$")[2] for hashed in users.values()))


def _matches(password: bytes, hashed: bytes) -> bool:
    import bcrypt  # in the thread: 10 ms that no first scrape waits for

    try:
        # bcrypt takes 72 bytes; Go's ignores what comes after them, this library refuses it.
        return bcrypt.checkpw(password[:72], hashed)
    except ValueError:  # a NUL in the password, with releases before 4.2
        return False

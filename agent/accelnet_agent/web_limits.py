"""How many requests at once, and how often."""

from __future__ import annotations

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_agent.web_config import Rate


class Turns:
    """At most so many at once (0: any number); the others in the order in which they came."""

    def __init__(self, most: int) -> None:
        self._free = most if most > 0 else None
        self._waiting: dict[asyncio.Future[None], None] = {}

    async def take(self) -> None:
        """Return when it is the caller's turn."""
        if self._free is None:
            return
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        try:
            await turn
        except asyncio.CancelledError:
            self._waiting.pop(turn, None)
            if not turn.cancelled():
                self.give()  # its turn had come at the same moment
            raise

    def give(self) -> None:
        """Let the next one have it."""
        if self._free is None:
            return
        while self._waiting:
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class Bucket:
    """A token bucket, as golang.org/x/time/rate: full at first, one token each interval."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._tokens = float(rate.burst)
        self._at: float | None = None

    def take(self, now: float) -> bool:
        """Whether there is a token, which is then gone."""
        if self._at is not None:
            grown = (now - self._at) / self.rate.interval
            self._tokens = min(float(self.rate.burst), self._tokens + grown)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

"""One timer for everything that waits."""

from __future__ import annotations

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnet_agent.web_connections import Connection


class Deadlines:
    """Who waits for what, and until when.

    All waits of one kind are equally long, so a dict, which keeps the order of insertion, is a
    queue in the order of deadlines.  The timer stands at the first of them and nowhere else: what
    is in time wakes nobody.
    """

    def __init__(self, seconds: dict[str, float], on_late: Callable[[Connection], None]) -> None:
        self._seconds = seconds
        self._on_late = on_late
        self._queues: dict[str, dict[Connection, float]] = {kind: {} for kind in seconds}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, connection: Connection, kind: str) -> None:
        """`connection` waits for this from now on, and for nothing else."""
        if connection.kind is not None:
            del self._queues[connection.kind][connection]
        connection.kind = kind
        self._queues[kind][connection] = asyncio.get_running_loop().time() + self._seconds[kind]
        self._arm()

    def end(self, connection: Connection) -> None:
        """`connection` waits for nothing that has a deadline."""
        if connection.kind is not None:
            del self._queues[connection.kind][connection]
            connection.kind = None
            self._arm()

    def longest(self, *kinds: str) -> tuple[float, Connection] | None:
        """Since when, by the loop's clock, and who has waited longest for any of these."""
        firsts = [(kind, next(iter(self._queues[kind].items()), None)) for kind in kinds]
        since = [(first[1] - self._seconds[kind], first[0]) for kind, first in firsts if first]
        return min(since, key=lambda wait: wait[0]) if since else None

    def all(self, *kinds: str) -> list[Connection]:
        """Everybody who waits for any of these."""
        return [connection for kind in kinds for connection in self._queues[kind]]

    def _arm(self) -> None:
        firsts = [next(iter(queue.values())) for queue in self._queues.values() if queue]
        first = min(firsts, default=None)
        if self._timer is not None:
            if self._timer.when() == first:
                return
            self._timer.cancel()
            self._timer = None
        if first is not None:
            self._timer = asyncio.get_running_loop().call_at(first, self._late)

    def _late(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for queue in self._queues.values():
            late: list[Connection] = []
            for connection, until in queue.items():
                if until > now:
                    break
                late.append(connection)
            for connection in late:
                self._on_late(connection)
        self._arm()

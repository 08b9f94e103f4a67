"""Waiting for the kernel's answers without waiting: the asker's child on the event loop.

A question has a deadline.  One that hangs is left alone: until it answers nobody asks
again, and each observation says that it had no answer.
"""

from __future__ import annotations

import asyncio

from accelnet_probes.asker import Answers, Asker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEADLINE = 2.5  # seconds for all calls of one question; a slow firmware takes milliseconds


class Kernel:
    """The kernel, as far as asking it may hang."""

    def __init__(
        self, asker: Asker | None, on_recovery: Callable[[], None], deadline: float = DEADLINE
    ) -> None:
        """`asker`: forked early, while the process was small; None where that failed.

        `on_recovery` is called when a question that had hung is answered after all.
        """
        self._asker = asker
        self._on_recovery = on_recovery
        self._deadline = deadline
        self._waiting: asyncio.Future[None] | None = None
        if asker is not None:
            self._listen(asker)

    async def ask(self, interfaces: Mapping[str, int | None], *, whole: bool = True) -> Answers:
        """What it answers about these in time; nothing where it hangs already.

        Not `whole`: links and statistics are asked for, the rest may be of a moment ago.
        """
        if not interfaces:
            return Answers(ethtool={}, addresses=(), links=(), complete=True)
        for _ in range(2):  # a child that was killed is replaced, once
            asker = self._asker or self._fork()
            if asker is None or asker.busy:
                return Answers(ethtool={})
            try:
                asker.ask(interfaces, whole=whole)
            except BrokenPipeError:
                self._bury(asker)
                continue
            await self._answer()
            if self._asker is asker:
                return asker.answers()
        return Answers(ethtool={})

    async def _answer(self) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait_for(self._waiting, self._deadline)
        except asyncio.TimeoutError:
            pass  # what came in time stands
        finally:
            self._waiting = None

    def _readable(self) -> None:
        asker = self._asker
        if asker is None:
            return
        if not asker.settle():
            self._bury(asker)
        if self._waiting is None:
            self._on_recovery()
        elif not self._waiting.done():
            self._waiting.set_result(None)

    def _fork(self) -> Asker | None:
        try:
            self._asker = Asker()
        except OSError:
            return None  # no process or memory is left: the observation says "no answer"
        self._listen(self._asker)
        return self._asker

    def _listen(self, asker: Asker) -> None:
        asyncio.get_running_loop().add_reader(asker.fileno(), self._readable)

    def _bury(self, asker: Asker) -> None:
        self._asker = None
        asyncio.get_running_loop().remove_reader(asker.fileno())
        asker.close()
        asker.reap()

    def close(self) -> None:
        """Let the child end."""
        if self._asker is not None:
            self._bury(self._asker)

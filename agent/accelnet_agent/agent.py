"""The agent at work: what makes it look again, what it tells, what it keeps."""

from __future__ import annotations

import asyncio
import importlib

from accelnet_agent import changes
from accelnet_agent.clock import boot_id, moment
from accelnet_agent.history import encode
from accelnet_agent.machine import SETTLING
from accelnet_agent.metadata import circumstance_of, keep_instance, vm_name_of, watch_events
from accelnet_agent.service import WATCHDOG
from accelnet_agent.shares import Shares
from accelnet_probes import imds
from accelnet_probes.snapshot import known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from accelnet_agent.daemon_arguments import Options
    from accelnet_agent.kernel import Kernel
    from accelnet_agent.logs import Log
    from accelnet_agent.observer import Observation, Observer
    from accelnet_agent.service import Notifier
    from accelnet_agent.state_file import StateFile
    from accelnet_agent.tracker import Tracker
    from accelnet_agent.tracks import Happening
    from accelnet_probes.link_events import LinkEvents
    from accelnet_probes.resident import ResidentHost
    from accelnet_probes.rtnetlink import Link
    from accelnet_probes.scheduled_events import ScheduledEvent

FIRST_ANSWERS = 0.2  # seconds
OWN_INTERVAL = 60.0  # seconds between two observations where nobody asks
SETTLE = 0.05  # seconds from an event to a look: a VF that leaves sends several
STEP = 0.15  # seconds between two looks while events go on
SAVE_STEP = 0.5  # seconds between two states while VFs come and go
STORM = 10.0  # seconds between two lines about a flood of happenings
SAVE_INTERVAL = 300.0  # seconds between two states while only time passes


class Agent:
    """Observes when something happens, when time alone may change the verdict, and now and then."""

    def __init__(
        self, observer: Observer, host: ResidentHost, tracker: Tracker, options: Options, log: Log
    ) -> None:
        self.shares = Shares()
        self._observer, self._host, self._tracker = observer, host, tracker
        self._options, self._log = options, log
        self._look: asyncio.TimerHandle | None = None
        self._looked = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._told = tracker.changes
        self._storm = -STORM
        self._tasks: set[asyncio.Task[None]] = set()
        self._events: LinkEvents | None = None
        self._asks_metadata = False
        self._ended = False
        observer.on_observation = self._observed
        tracker.overflow(deaf=True)  # until there is a socket

    def attach(self, state: StateFile, notifier: Notifier) -> None:
        """Where history is kept, and who is told that all is well."""
        self._state, self._notifier = state, notifier
        self._saved, self._saved_changes = -SAVE_INTERVAL, -1  # the first observation is kept
        self._save: asyncio.TimerHandle | None = None
        self._boot_id = boot_id()
        watchdog = notifier.watchdog
        self._interval = min(OWN_INTERVAL, watchdog / 3) if watchdog else OWN_INTERVAL

    async def begin(self) -> None:
        """The first observation; then what takes longer to start."""
        self._look_now()
        await asyncio.wait(self._tasks)
        self._keep(self._listen())

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self) -> None:
        """pyroute2 takes a while to import: after the first answers, and beside the next."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(FIRST_ANSWERS)
        module = await loop.run_in_executor(
            None, importlib.import_module, "accelnet_probes.link_events"
        )
        self._events = events = module.LinkEvents(self._link, self._loss, self._no_events)
        self._observer.on_look = events.drain
        events.start()

    # --- what makes it look again

    def _link(self, link: Link) -> None:
        changes_before = self._tracker.changes
        if self._tracker.link(link, moment()):
            self._host.doubt()
            self.stir()
        if self._tracker.changes != changes_before:
            self._host.forget()

    def _loss(self, why: str | None) -> None:
        self._tracker.overflow(deaf=why is not None)
        if why is not None:
            self._log.repeated("warning", "links.lost", why=why)
        self.stir()

    def _no_events(self, error: OSError) -> None:
        self._log.repeated("error", "links.unavailable", error=str(error))

    def stir(self) -> None:
        """Look again soon: once for many events, and once after the last of them."""
        if self._look is None and not self._ended:
            loop = asyncio.get_running_loop()
            delay = max(SETTLE, self._looked + STEP - loop.time())
            self._look = loop.call_later(delay, self._look_now)

    def _look_now(self) -> None:
        self._look = None
        self._looked = asyncio.get_running_loop().time()
        self._arm(self._interval)  # again, whatever comes of this
        self._keep(self._observe())

    async def _observe(self) -> None:
        await self._observer.observe()

    def _set_alarm(self) -> None:
        """Look when time alone may change what is judged, and after the interval at the latest."""
        limits = (*SETTLING.values(), self._options.vf_grace)
        left = self._tracker.pending(moment(), limits).values()
        self._arm(min([self._interval, *(seconds + SETTLE for seconds in left)]))

    def _arm(self, delay: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(delay, self._look_now)

    # --- what it tells, and keeps

    def _observed(self, before: Observation | None, after: Observation) -> None:
        """After each observation."""
        if self._ended:
            return
        self._notifier(WATCHDOG)
        self.shares.take(after.report, moment())
        self._tell(before, after)
        self._keep_state()
        self._ask_metadata(after)
        self._set_alarm()

    def _tell(self, before: Observation | None, after: Observation) -> None:
        lines = [
            *changes.of_happenings(self._new_happenings()),
            *changes.of_reports(before.report if before is not None else None, after.report),
        ]
        for line in lines:
            self._log(line.level, line.event, **line.facts)

    def _new_happenings(self) -> list[Happening]:
        """Those not told yet; of a flood again only after a while."""
        now = asyncio.get_running_loop().time()
        new = self._tracker.changes - self._told
        if new > changes.MOST and now - self._storm < STORM:
            return []
        if new > changes.MOST:
            self._storm = now
        self._told = self._tracker.changes
        return self._tracker.happenings[-new:] if new else []

    def _keep_state(self) -> None:
        now = asyncio.get_running_loop().time()
        changed = self._tracker.changes != self._saved_changes
        if now - self._saved >= (SAVE_STEP if changed else SAVE_INTERVAL):
            self.save()
        elif changed and self._save is None:
            self._save = asyncio.get_running_loop().call_later(SAVE_STEP, self.save)

    def save(self) -> None:
        """Write the state."""
        if self._save is not None:
            self._save.cancel()
            self._save = None
        self._saved, self._saved_changes = asyncio.get_running_loop().time(), self._tracker.changes
        self._tracker.advance(moment())
        try:
            self._state.save(encode(self._tracker, self._boot_id))
        except OSError as error:
            self._log.repeated("error", "state.unwritable", error=str(error))

    # --- instance metadata, Scheduled Events

    def _ask_metadata(self, observation: Observation) -> None:
        """Once it is known that this is Azure, or where the operator named an endpoint."""
        endpoint = self._options.imds_endpoint
        dmi = known(observation.report.machine.snapshot.dmi)
        if self._asks_metadata or endpoint == "off":
            return
        if endpoint is None and (dmi is None or not dmi.is_azure):
            return
        self._asks_metadata = True
        endpoint = endpoint or imds.ENDPOINT
        self._host.metadata = "EAGAIN"  # asked, and not answered yet
        self._keep(keep_instance(endpoint, self._instance))
        if self._options.scheduled_events:
            self._keep(watch_events(endpoint, self._scheduled))

    def _instance(self, answer: bytes | str) -> None:
        if isinstance(answer, str):
            self._log.repeated("warning", "imds.refused", why=answer)
            if isinstance(self._host.metadata, bytes):
                return  # what was answered once stands until there is another answer
        if answer != self._host.metadata:
            self._host.metadata = answer
            self.stir()

    def _scheduled(self, found: tuple[ScheduledEvent, ...] | str) -> None:
        if isinstance(found, str):
            self._log.repeated("warning", "scheduled-events.refused", why=found)
            return
        circumstance = circumstance_of(found, vm_name_of(self._host.metadata))
        if circumstance != self._tracker.circumstance:
            self._log("info", "scheduled-events.changed", now=circumstance or "none")
            self._tracker.put_down_to(circumstance, moment())
            self.stir()

    def end(self, kernel: Kernel) -> None:
        """Stop all that goes on, and keep what is known."""
        self._ended = True
        for timer in (self._look, self._alarm, self._save):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self._events is not None:
            self._events.close()
        self.save()
        kernel.close()

"""observe(host) -> Snapshot: every probe once, each failing for itself."""

from __future__ import annotations

import time

from accelnet_probes import netdevs, pci, sysfs, system, vmbus
from accelnet_probes.files import errno_name
from accelnet_probes.host import InstanceRefusedError, NotAskedError, sample_of
from accelnet_probes.snapshot import (
    NOTHING_SENT,
    PASS_THROUGH_CLASS,
    Gap,
    MissingFactsError,
    ProbeRun,
    Snapshot,
    known,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from accelnet_probes.files import Files
    from accelnet_probes.host import Host, Memory, Sample
    from accelnet_probes.snapshot import (
        Dmi,
        Instance,
        KernelLog,
        ModuleTree,
        Netdev,
        NetworkSetup,
        NextHost,
        Observed,
        PciFunction,
        Sent,
        VmbusDevice,
    )

    T = TypeVar("T")

_VF_VENDORS = ("15b3", "1414")


class _Runs:
    """Runs each probe; remembers which did not answer, and how long each took."""

    def __init__(self, durations: dict[str, float] | None, memory: Memory | None) -> None:
        self.runs: list[ProbeRun] = []
        self._durations = {} if durations is None else durations
        self._memory = memory

    def __call__(self, name: str, probe: Callable[[], Observed[T]]) -> Observed[T]:
        kept = self._memory.recall(name) if self._memory is not None else None
        if kept is None:
            kept = self._ask(name, probe)
            if self._memory is not None:
                self._memory.keep(name, kept)
        self._durations[name] = kept[2]
        self.runs.append(kept[1])
        found: Observed[T] = kept[0]
        return found

    def _ask(
        self, name: str, probe: Callable[[], Observed[T]]
    ) -> tuple[Observed[T], ProbeRun, float]:
        why: str | None = None
        found: Observed[T]
        started = time.monotonic()
        try:
            found = probe()
        except MissingFactsError as missing:
            found = missing.gap
        except NotAskedError as error:
            found = Gap(asked=False, why=str(error))
        except OSError as error:
            found = Gap(asked=True, why=f"{name}: {errno_name(error)}")
        except Exception as error:  # a bug in one probe must not silence the others
            why = f"{type(error).__name__}: {error} (a bug in accelnet: please report it)"
            found = Gap(asked=True, why=f"the {name} probe failed: {why}")
        return found, ProbeRun(name=name, why=why), time.monotonic() - started


def observe(host: Host, durations: dict[str, float] | None = None) -> Snapshot:
    """Ask the host everything, twice where there is a window.

    `durations` takes the seconds that each probe took, by its name.
    """
    run, early = _Runs(durations, host.memory), _Runs(None, host.memory)
    machine: Observed[Dmi] = early("dmi", lambda: system.dmi(host.files))
    is_azure = not isinstance(machine, Gap) and machine.is_azure
    early("imds", lambda: host.begin_instance(azure=is_azure))

    samples: list[Sample] = []
    window: float | None = None
    sent: Observed[Mapping[str, Sent]] = NOTHING_SENT
    earlier = host.earlier()
    if earlier is not None:
        samples.append(earlier)
        window = host.pause()
    elif host.samples == 2:
        functions = early("pci", lambda: pci.probe(host.files))
        devices = early("vmbus", lambda: vmbus.probe(host.files))
        found = early("netdevs", lambda: _netdevs(host))
        first = _interfaces(found, functions, devices)
        samples.append(sample_of(host, 0, first))
        sent = early(
            "active-proof",
            lambda: host.send(lambda: _senders(found, devices, first, azure=is_azure)),
        )
        window = host.pause()

    files = host.files  # a recording begins anew with the last sample
    functions = run("pci", lambda: _on_a_bus(host, pci.probe))
    devices = run("vmbus", lambda: _on_a_bus(host, vmbus.probe))
    found = run("netdevs", lambda: _netdevs(host))
    interfaces = _interfaces(found, functions, devices)
    early("sample", lambda: host.begin_sample(interfaces))  # the kernel answers meanwhile

    release = run("kernel", lambda: _kernel_release(host))
    uptime = run("uptime", lambda: system.uptime(files))
    relevant = _is_relevant(found, functions, devices)
    at = host.observed_at()
    os_release = run("os-release", lambda: system.os_release(files))
    dmi = run("dmi", lambda: system.dmi(files))
    cpu_count = run("cpus", host.cpu_count)
    kernel_log = run("kernel-log", lambda: _kernel_log(host, uptime, at, relevant=relevant))
    next_host = run("next-host", lambda: _next_host(host, release, functions, relevant=relevant))
    setup = run("network-setup", lambda: _network_setup(host, interfaces))

    samples.append(sample_of(host, host.samples - 1, interfaces))
    if isinstance(found, tuple):
        found = netdevs.with_samples(found, samples, host.byteorder, host.decoded)
    run.runs.extend((*_kernel_runs(samples), *_proof_runs(sent)))
    return Snapshot(
        source=host.source,
        observed_at=at,
        kernel_release=release,
        os_release=os_release,
        dmi=dmi,
        cpu_count=cpu_count,
        uptime=uptime,
        instance=run("imds", lambda: _instance(host)),
        pci=functions,
        vmbus=devices,
        netdevs=found,
        modules=run(
            "modules",
            lambda: _modules(host, release, functions, devices, next_host, relevant=relevant),
        ),
        next_host=next_host,
        network_setup=setup,
        kernel_log=kernel_log,
        window_seconds=window,
        sent=sent,
        probes=tuple(run.runs),
    )


def _on_a_bus(host: Host, probe: Callable[[Files], Observed[T]]) -> Observed[T]:
    if host.source == "root" and sysfs.names(host.files, "sys/bus") is None:
        raise NotAskedError("an image has no devices")
    return probe(host.files)


def _netdevs(host: Host) -> Observed[tuple[Netdev, ...]]:
    if host.source == "root" and sysfs.names(host.files, netdevs.NET) is None:
        return ()  # an image has no interfaces
    return netdevs.probe(host.files)


def _kernel_release(host: Host) -> Observed[str | None]:
    found = system.kernel_release(host.files)
    if found is not None or host.source != "root":
        return found
    from accelnet_probes import boot, modules

    installed = known(modules.installed(host.files)) or ()
    if not installed:
        return Gap(asked=False, why="the image has 0 kernels in /lib/modules")
    boots = boot.probe(host.files, installed)
    if isinstance(boots, Gap):
        return Gap(asked=False, why=f"the image has {len(installed)} kernels: {boots.why}")
    return boots.release


def _interfaces(
    found: Observed[tuple[Netdev, ...]],
    functions: Observed[tuple[PciFunction, ...]],
    devices: Observed[tuple[VmbusDevice, ...]],
) -> dict[str, int | None]:
    """The interfaces worth an ioctl: those on VMBus, and on a function that may be a VF."""
    addresses = {
        function.address
        for function in known(functions) or ()
        if not isinstance(function.vendor_id, str) or function.vendor_id in _VF_VENDORS
    }
    names = addresses | {device.guid for device in known(devices) or ()}
    others = {function.address for function in known(functions) or ()} - addresses
    return {
        netdev.name: known(netdev.ifindex)
        for netdev in known(found) or ()
        if (device := netdev.device) is not None
        and (
            isinstance(device, Gap)
            or device.lower() in names
            or netdev.driver == "hv_netvsc"
            # What VMBus has could not be seen: it may be there.
            or (isinstance(devices, Gap) and device not in others)
        )
    }


def _kernel_runs(samples: list[Sample]) -> list[ProbeRun]:
    """Whether the calls into the kernel came back in time."""
    late = [
        interface
        for sample in samples
        for interface, replies in sample.ethtool.items()
        if "ETIMEDOUT" in replies.values()
    ]
    late_addresses = any(sample.addresses == "ETIMEDOUT" for sample in samples)
    return [
        ProbeRun(
            name="ethtool",
            why=f"no answer in time about {', '.join(dict.fromkeys(late))}" if late else None,
            late=bool(late),
        ),
        ProbeRun(
            name="addresses",
            why="RTM_GETADDR: no answer in time" if late_addresses else None,
            late=late_addresses,
        ),
    ]


def _senders(
    found: Observed[tuple[Netdev, ...]],
    devices: Observed[tuple[VmbusDevice, ...]],
    interfaces: Mapping[str, int | None],
    *,
    azure: bool,
) -> Mapping[str, int]:
    """The NICs by ifindex."""
    from accelnet_probes.active_proof import senders

    return senders(found, devices, interfaces, azure=azure)


def _proof_runs(sent: Observed[Mapping[str, Sent]]) -> list[ProbeRun]:
    """Whether the calls that send came back in time, where any were made."""
    if isinstance(sent, Gap):
        return []
    late = [name for name, one in sent.items() if "ETIMEDOUT" in one.refused.values()]
    why = f"no answer in time from {', '.join(late)}" if late else None
    return [ProbeRun(name="active-proof", why=why, late=bool(late))]


def _is_relevant(
    found: Observed[tuple[Netdev, ...]],
    functions: Observed[tuple[PciFunction, ...]],
    devices: Observed[tuple[VmbusDevice, ...]],
) -> bool:
    """There is something whose log lines and modules matter."""
    return bool(_interfaces(found, functions, devices) or known(devices)) or any(
        function.vendor_id in _VF_VENDORS for function in known(functions) or ()
    )


def _instance(host: Host) -> Observed[Instance | None]:
    try:
        body = host.instance()
    except InstanceRefusedError as error:
        return Gap(asked=True, why=f"IMDS: {error}")
    from accelnet_probes.instance import decode

    return decode(body)


def _unbound(functions: Observed[tuple[PciFunction, ...]]) -> list[PciFunction]:
    """What may be a VF and waits for a driver, or for mlx4_core's second one."""
    return [
        function
        for function in known(functions) or ()
        if (function.driver is None and function.vendor_id in _VF_VENDORS)
        or (function.driver == "mlx4_core" and function.netdevs == ())
    ]


def _next_host(
    host: Host,
    release: Observed[str | None],
    functions: Observed[tuple[PciFunction, ...]],
    *,
    relevant: bool,
) -> Observed[NextHost]:
    """Of an image always, else only where there is something to lose: the tables are megabytes."""
    if host.source == "root":  # what it would boot is not what runs
        release = system.kernel_release(host.files)
    if not relevant and host.source != "root":
        raise NotAskedError("no device of accelerated networking is here")
    from accelnet_probes import next_host

    return next_host.probe(
        host.files,
        known(release),
        [function.modalias for function in _unbound(functions) if function.modalias is not None],
        host.source,
    )


def _modules(
    host: Host,
    release: Observed[str | None],
    functions: Observed[tuple[PciFunction, ...]],
    devices: Observed[tuple[VmbusDevice, ...]],
    next_host: Observed[NextHost],
    *,
    relevant: bool,
) -> Observed[ModuleTree]:
    """The running kernel's, only where something waits for a driver."""
    unbound = _unbound(functions)
    waiting = any(
        device.class_id == PASS_THROUGH_CLASS and device.driver is None
        for device in known(devices) or ()
    )
    if not relevant or not (unbound or waiting):
        raise NotAskedError("nothing waits for a driver")
    if not isinstance(next_host, Gap):
        for kernel in next_host.kernels:
            if kernel.running and not isinstance(kernel.tree, Gap):
                return kernel.tree
    from accelnet_probes import modules

    aliases = [function.modalias for function in unbound if function.modalias is not None]
    return modules.probe(host.files, known(release), aliases)


def _network_setup(host: Host, interfaces: Mapping[str, int | None]) -> NetworkSetup:
    if not interfaces:
        raise NotAskedError("no interface of accelerated networking is here")
    from accelnet_probes import network_setup

    return network_setup.probe(host.files, interfaces)


def _kernel_log(
    host: Host, uptime: Observed[float | None], at: str, *, relevant: bool
) -> Observed[KernelLog]:
    if not relevant:
        raise NotAskedError("no device of accelerated networking is here")
    content = host.kernel_log()
    from accelnet_probes.kernel_log import parse

    return parse(content, known(uptime), at)

"""Network namespaces of the tests' own, and who may do what in them.

Namespaces and capabilities are a thread's own, and sockets keep the namespace of
their making.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import TypeVar

    T = TypeVar("T")
    Test = TypeVar("Test", bound=Callable[..., None])

_CLONE_NEWNET, _CLONE_NEWNS = 0x40000000, 0x00020000  # <linux/sched.h>
_MS_REC, _MS_SLAVE = 0x4000, 0x80000  # <linux/mount.h>
_SETRESUID = {"x86_64": 117, "aarch64": 147}.get(os.uname().machine)  # asm/unistd.h
NOBODY = 65534


def needs(*tools: str) -> list[pytest.MarkDecorator]:
    """The marks of tests that ask the kernel as root, with these tools."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    is_root = sys.platform == "linux" and os.geteuid() == 0
    return [
        pytest.mark.live,
        pytest.mark.skipif(not is_root, reason="needs root on Linux"),
        pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}"),
    ]


def live(test: Test) -> Test:
    """Mark one test that makes a network namespace."""
    for mark in needs("ip", "ethtool"):
        test = mark(test)
    return test


def run(*command: str) -> str:
    """What a command prints."""
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, f"{' '.join(command)}: {ran.stderr}"
    return ran.stdout


class Namespace:
    """A network namespace."""

    def __init__(self, name: str) -> None:
        self.name = name
        run("ip", "netns", "add", name)

    def ip(self, *arguments: str) -> str:
        """What the ip command prints in here."""
        return run("ip", "-n", self.name, *arguments)

    def run(self, *command: str) -> str:
        """A program in here."""
        return run("ip", "netns", "exec", self.name, *command)

    def inside(self, ask: Callable[[], T]) -> T:
        """What `ask` answers in here, in a thread of its own with the /sys of this namespace."""
        with ThreadPoolExecutor(1, initializer=self._enter) as pool:
            return pool.submit(ask).result()

    @contextmanager
    def entered(self) -> Generator[None]:
        """This thread in here, for what is forked or opened meanwhile."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _join(Path("/run/netns") / self.name)
            yield
        finally:
            _join(Path(f"/proc/self/fd/{home}"))
            os.close(home)

    def _enter(self) -> None:
        _join(Path("/run/netns") / self.name)
        libc = ctypes.CDLL(None, use_errno=True)
        _checked(libc.unshare(_CLONE_NEWNS))
        _checked(libc.mount(b"none", b"/", None, _MS_REC | _MS_SLAVE, None))
        _checked(libc.mount(b"sysfs", b"/sys", b"sysfs", 0, None))

    def delete(self) -> None:
        """It, and all in it."""
        run("ip", "netns", "delete", self.name)


@contextmanager
def a_pair(purpose: str, *, queues: int = 1) -> Generator[Namespace]:
    """A namespace with a pair of veths that may have so many queues, `v0` and `v1`."""
    found = Namespace(f"accelnet-{purpose}-{os.getpid()}")
    most = ("numrxqueues", str(queues), "numtxqueues", str(queues))
    try:
        try:
            found.ip("link", "add", "v0", *most, "type", "veth", "peer", "name", "v1", *most)
        except AssertionError as error:
            pytest.skip(f"this kernel has no veth: {error}")
        yield found
    finally:
        found.delete()


def _join(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        _checked(ctypes.CDLL(None, use_errno=True).setns(fd, _CLONE_NEWNET))
    finally:
        os.close(fd)


def as_nobody(ask: Callable[[], T]) -> T:
    """What `ask` answers to an unprivileged user; this thread remains one."""
    if _SETRESUID is None:
        pytest.skip(f"the number of setresuid is not known for {os.uname().machine}")
    # Of this thread alone: glibc's own wrapper would change every thread.
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.syscall(_SETRESUID, NOBODY, NOBODY, NOBODY))
    return ask()


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

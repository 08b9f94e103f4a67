"""The state file: read at the start, put aside where it can not be used, written whole."""

from __future__ import annotations

import os

from accelnet_agent.history import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from accelnet_agent.tracker import Tracker

NAME, ASIDE = "state.json", "state.json.unusable"
MAX_SIZE = 8 << 20  # bytes; 2,000 happenings take half a MiB


class StateFile:
    """One file in the state directory; None stands for no directory: nothing is kept."""

    def __init__(self, directory: str | None) -> None:
        self._directory = directory

    def load(
        self, decode: Callable[[str], Tracker], on_unusable: Callable[[str], None]
    ) -> Tracker | None:
        """What it holds; None where there is none, or where it had to be put aside."""
        if self._directory is None:
            return None
        path = os.path.join(self._directory, NAME)
        try:
            return decode(_read(path).decode("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, StateError) as error:
            on_unusable(f"{path}: {error}; put aside as {ASIDE}")
        try:
            os.replace(path, os.path.join(self._directory, ASIDE))
        except OSError as error:
            on_unusable(f"{path}: it could not be put aside: {error.strerror}")
        return None

    def save(self, text: str) -> None:
        """Write it whole; OSError.

        Not forced to the disk: what a crash of the machine loses is of a boot that is over.
        """
        if self._directory is None:
            return
        path = os.path.join(self._directory, NAME)
        temporary = f"{path}.new"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            data = text.encode("utf-8", "backslashreplace")
            while data:
                data = data[os.write(fd, data) :]
        finally:
            os.close(fd)
        os.replace(temporary, path)


def _read(path: str) -> bytes:
    """All of it, up to what is no state any more: what is cut off is no JSON."""
    # Not blocking: nobody knows what lies there.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    content = b""
    try:
        while len(content) < MAX_SIZE and (part := os.read(fd, MAX_SIZE - len(content))):
            content += part
    finally:
        os.close(fd)
    return content

"""Lets the recorder look at made-up machines, under whatever Python runs this.

    python as_if_live.py RECORDER MACHINE BUNDLE [MACHINE BUNDLE]...

Beside each bundle there is then one that is redacted: BUNDLE, and masked-BUNDLE.
A machine is a bundle: its kernel answers what ethtool/, imds/ and the other parts hold, and its
files lie below root/.
"""

from __future__ import print_function

import io
import json
import os
import sys


def _content(path):
    """A file's bytes; None where it is not there."""
    if not os.path.exists(path):
        return None
    with io.open(path, "rb") as file:
        return file.read()


def machine_class(recorder):
    """The class, over the recorder's own."""

    class AsIfLive(recorder.Machine):
        """A machine whose kernel answers what a bundle holds."""

        def __init__(self, folder):
            self.folder = folder
            self._about = json.loads(_content(folder + b"/bundle.json").decode("utf-8"))
            recorder.Machine.__init__(self, root=folder + b"/root")
            self.samples = self._about.get("samples") or 1

        def _reply(self, path, suffix):
            for ending in (suffix, b".errno"):
                found = _content(self.folder + b"/" + path + ending)
                if found is not None:
                    return ending, found
            return None

        def sample(self, number, interfaces):
            """What ethtool/ and addresses.json hold."""
            replies = {}
            for interface in interfaces:
                folder = b"ethtool/" + str(number).encode("ascii") + b"/" + interface + b"/"
                found = [
                    (name, self._reply(folder + name.encode("ascii"), b".bin"))
                    for name in recorder.REPLIES
                ]
                replies[interface] = dict(pair for pair in found if pair[1] is not None)
            addresses = self._reply(b"addresses", b".json") or (b".json", b"[]")
            if addresses[0] == b".errno":
                return replies, addresses
            return replies, [
                (entry["interface"].encode("utf-8"), entry["address"])
                for entry in json.loads(addresses[1].decode("utf-8"))
            ]

        def pause(self):
            """The window of the bundle."""
            return self._about.get("window_seconds")

        def begin_instance(self, is_azure):
            """Nobody is asked."""

        def instance(self):
            """What imds/ holds."""
            return self._reply(b"imds/instance", b".json")

        def log(self):
            """What kernel.log holds."""
            why = self._about.get("unreadable", {}).get("dev/kmsg")
            if why is not None:
                raise OSError(getattr(recorder.errno, why), "refused")
            return recorder.keep((_content(self.folder + b"/kernel.log") or b"").splitlines(True))

        def cpu_count(self):
            """That of the bundle."""
            return self._about.get("cpu_count")

        def created(self):
            """That of the bundle."""
            return self._about["created"]

    return AsIfLive


def main(arguments):
    """Record each."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])))
    import accelnet_record as recorder

    words = arguments[1:]
    for name, path in zip(words[::2], words[1::2]):
        folder = name if isinstance(name, bytes) else os.fsencode(name)
        machine = machine_class(recorder)(folder)
        recording = recorder.record(machine)
        machine.close()
        if not os.path.exists(folder + b"/kernel.log"):  # nobody asked for it
            recording.parts.pop(b"kernel.log", None)
        recorder.write(recording, path)
        masked = recorder.redacted(recording, recorder.TEXT("host-of-tests"))
        recorder.write(
            masked, os.path.join(os.path.dirname(path), "masked-" + os.path.basename(path))
        )


if __name__ == "__main__":
    main(sys.argv[1:])

"""`--redact`: a recording with what identifies the machine masked (docs/bundle-format.md).

Two passes over everything that will be written: find, then replace, so that the
same value has the same mask in a path, a link, a log line and a binary reply.
What the judgement reads (ids, counters, versions, times, states) stays.
"""

from __future__ import annotations

import copy
import json
import os
import re

from accelnet_probes import instance_masks
from accelnet_probes.files import MemoryStore
from accelnet_probes.identities import Identities, is_id
from accelnet_probes.log_patterns import KEYWORDS, PATTERNS
from accelnet_probes.masks import Masks
from accelnet_probes.snapshot import AZURE_ASSET_TAG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from accelnet_probes.recording import Recording

INSTANCE, ADDRESSES, SENT = "imds/instance.json", "addresses.json", "active-proof.json"
_NUMBERS = ("/stats.bin", "/channels.bin", "/ring.bin")  # replies without text
_HOST_NAME_FILES = ("etc/hostname", "proc/sys/kernel/hostname")
_PASSWORD = re.compile(r"^(\s*password\w*).*$", re.MULTILINE)  # of grub.cfg, hashed or not
_SERIALS = ("product_uuid", "product_serial", "board_serial", "chassis_serial", "board_asset_tag")
# Releases and tables of modules: with numbers that look like addresses, and no names.
_TECHNICAL = re.compile(
    r"(usr/)?lib/modules/|sys/module/|proc/(version|uptime|sys/kernel/osrelease)$"
    r"|(etc|usr/lib)/[^/]*release$"
)
# Of what probes look for by a fixed name: never masked, whatever the host is called.
_FILE_NAMES = {
    *("boot", "cmdline", "conf", "config", "dev", "grub", "hostname", "hosts", "ifcfg"),
    *("interfaces", "kmsg", "link", "machine", "net", "netplan", "network", "networks"),
    *("nmconnection", "resolv", "rules", "yaml", "true", "false", "none", "null"),
}


def redacted(recording: Recording, *, host_name: str) -> Recording:
    """A copy of `recording` in which nothing identifies the machine; the judgement is the same."""
    masks = Masks(_identities(recording, host_name), _vocabulary(recording))
    new = copy.copy(recording)
    new.root = _root(recording.root, masks)
    new.parts = {
        _unlatin(_technical(_latin(key), masks)): _part(key, content, masks)
        for key, content in recording.parts.items()
    }
    new.unreadable = {_path(key, masks): name for key, name in recording.unreadable.items()}
    new.about = {**recording.about, "redacted": True}
    return new


def _identities(recording: Recording, host_name: str) -> Identities:
    found = Identities()
    texts = _texts(recording)
    for key, text in texts:
        if key.startswith("sys/"):
            found.scan(text)
    devices = frozenset(found.seen_guids)  # of VMBus: they are looked for, and name no machine
    for key, text in texts:
        if not key.startswith("sys/"):
            found.scan(text)
            if not _TECHNICAL.match(key):
                found.scan_addresses(text)
                found.scan_guids(text, devices)
    for key, content in recording.parts.items():
        _find_in_part(found, key, content)
    _find_host_name(found, host_name)
    _find_serials(found, recording.root)
    return found


def _texts(recording: Recording) -> list[tuple[str, str]]:
    """Each key below root/ with each of its texts: itself, a link's target, a file's content."""
    root = recording.root
    return [
        *((key, _latin(key)) for key in (*root.directories, *root.files, *root.links)),
        *((key, _latin(key)) for key in recording.unreadable),
        *((key, _latin(target)) for key, target in root.links.items()),
        *((key, content.decode("latin-1")) for key, content in root.files.items()),
    ]


def _find_host_name(found: Identities, name: str) -> None:
    """A host's name, its first label and its domain."""
    label, _, domain = name.partition(".")
    if label.lower() not in ("localhost", "(none)"):
        for word in (name, label, domain):
            found.add_word(word, everywhere=True)


def _find_serials(found: Identities, root: MemoryStore) -> None:
    """Files whose whole content names the machine."""
    for key, content in root.files.items():
        text = content.decode("latin-1").strip()
        if key in _HOST_NAME_FILES:
            _find_host_name(found, text)
        elif _is_serial(key, text):
            found.add_guid(text)
            if not is_id(text):
                found.add_word(text, everywhere=True)


def _find_in_part(found: Identities, key: str, content: bytes) -> None:
    text = content.decode("latin-1")
    found.scan(_latin(key))
    if key == INSTANCE:
        instance_masks.find(found, content)
    elif key == ADDRESSES:
        for entry in json.loads(content):
            found.add_address(entry["address"])
    elif key.endswith("/permaddr.bin"):
        found.scan(content[8:].hex(":"))
    elif not key.endswith(_NUMBERS):
        found.scan(text)
        if not key.endswith(".bin"):
            found.scan_addresses(text)


def _vocabulary(recording: Recording) -> set[str]:
    """Words that are looked for in texts: devices, drivers, folders, what the log says."""
    root = recording.root
    paths = [*root.directories, *(os.path.dirname(key) for key in recording.unreadable)]
    paths += [f"{key}/{to}" for key, to in root.links.items() if key.startswith("sys/")]
    texts = [pattern for _, _, pattern in PATTERNS] + [word.decode() for word in KEYWORDS]
    texts += [
        content.decode("latin-1")
        for key, content in root.files.items()
        if _TECHNICAL.match(key) and "/modules/" not in key
    ]
    whole = {name for path in paths for name in path.lower().split("/")}
    words = {word for text in paths + texts for word in re.split("[^a-z0-9]+", text.lower())}
    return whole | words | _FILE_NAMES


def _is_serial(key: str, text: str) -> bool:
    folder, _, name = key.rpartition("/")
    if name == "chassis_asset_tag":
        return text.strip() not in ("", AZURE_ASSET_TAG)
    return folder.endswith("dmi/id") and name in _SERIALS


def _root(root: MemoryStore, masks: Masks) -> MemoryStore:
    new = MemoryStore()
    for key in root.directories:
        new.add_directory(_path(key, masks))
    for key, target in root.links.items():
        new.add_link(_path(key, masks), _unlatin(_masked(key, _latin(target), masks)))
    for key, content in root.files.items():
        text = content.decode("latin-1")
        if key in _HOST_NAME_FILES or _is_serial(key, text):
            text = f"{masks.word(text.strip())}\n"
        if key.endswith("grub.cfg"):
            text = _PASSWORD.sub(r"\1 masked", text)
        new.add_file(_path(key, masks), _masked(key, text, masks).encode("latin-1"))
    return new


def _path(key: str, masks: Masks) -> str:
    return _unlatin(_masked(key, _latin(key), masks))


def _masked(key: str, text: str, masks: Masks) -> str:
    """A text that belongs to the file `key`, masked as far as such a text may be."""
    if _TECHNICAL.match(key):
        return masks.ids(text)
    return _technical(text if key.startswith("sys/") else masks.words(text), masks)


def _technical(text: str, masks: Masks) -> str:
    return masks.addresses(masks.ids(text))


def _part(key: str, content: bytes, masks: Masks) -> bytes:
    if key == INSTANCE:
        return instance_masks.masked(content, masks)
    if key.endswith("/permaddr.bin"):
        return content[:8] + masks.hardware_address(content[8:])
    if key.endswith(_NUMBERS):
        return content
    text = content.decode("latin-1")
    if key.endswith(".bin"):  # a buffer's fields stay where they are
        text = masks.addresses(masks.ids(text, fit=True), fit=True)
        text = masks.words(text, fit=True) if key.endswith("/drvinfo.bin") else text
    else:
        text = _technical(text if key in (ADDRESSES, SENT) else masks.words(text), masks)
    return text.encode("latin-1")


def _latin(path: str) -> str:
    """A path as its bytes decoded as Latin-1."""
    return os.fsencode(path).decode("latin-1")


def _unlatin(text: str) -> str:
    return os.fsdecode(text.encode("latin-1"))

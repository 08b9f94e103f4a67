"""The recorder has accelnet's tables a second time: these are equal, entry for entry."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from accelnet_agent.version import VERSION
from accelnet_probes import (
    archive,
    boot,
    ethtool,
    files,
    hardware,
    identities,
    imds,
    instance,
    instance_masks,
    kernel_ring,
    live,
    log_patterns,
    masks,
    module_search,
    modules,
    name_rules,
    netdevs,
    network_setup,
    next_host,
    observe,
    pci,
    recording,
    redaction,
    rtnetlink,
    snapshot,
    system,
    vmbus,
)
from recorders import OLD, RECORDER, load, python_of

recorder = load()


def in_bytes(value: Any) -> Any:
    """A table of accelnet's with its paths as the recorder has them."""
    if isinstance(value, str):
        return value.encode()
    return tuple(in_bytes(item) for item in value) if isinstance(value, tuple) else value


OF_PATHS = [
    pytest.param("PCI", pci.DEVICES, id="pci"),
    pytest.param("VMBUS", vmbus.DEVICES, id="vmbus"),
    pytest.param("NET", netdevs.NET, id="net"),
    pytest.param("OS_RELEASE", system.OS_RELEASE, id="os-release"),
    pytest.param("RELEASE_FILES", system.RELEASE_FILES, id="release-files"),
    pytest.param("KMSG", kernel_ring.KMSG, id="kmsg"),
    pytest.param("MODULE_FOLDERS", modules.FOLDERS, id="module-folders"),
    pytest.param("MODULE_SUFFIXES", module_search.SUFFIXES, id="module-suffixes"),
    pytest.param("MARKERS", recording.MARKERS, id="markers"),
    pytest.param("DRIVERS", hardware.DRIVERS, id="drivers"),
    pytest.param("ALIASES", tuple(alias for _, alias in hardware.DEVICES), id="aliases"),
    pytest.param("MODPROBE", next_host.MODPROBE, id="modprobe"),
    pytest.param("GRUB", boot.GRUB, id="grub"),
    pytest.param("BOOT_ENTRIES", boot.ENTRIES, id="boot-entries"),
    pytest.param("BOOT_LINKS", boot.LINKS, id="boot-links"),
    pytest.param("UDEV", network_setup.UDEV, id="udev"),
    pytest.param("NM", network_setup.NM, id="network-manager"),
    pytest.param("NETIF", network_setup.NETIF, id="networkd"),
    pytest.param("UDEV_RULES", network_setup.RULES, id="udev-rules"),
    pytest.param("UDEV_RULES", name_rules.UDEV, id="udev-rules-for-names"),
    pytest.param("OURS", network_setup._OURS, id="ours"),
    pytest.param(
        "UNMANAGED",
        (
            (network_setup.RULES, ".rules"),
            (network_setup.NM_CONFIGURATION, ".conf"),
            (network_setup.NETWORKD, ".network"),
        ),
        id="unmanaged",
    ),
    pytest.param(
        "NAME_RULES", tuple(place[:3] for place in name_rules._PLACES), id="rules-for-names"
    ),
    pytest.param("NAME_GENERATOR", name_rules.GENERATOR, id="generator"),
    pytest.param("DPKG", network_setup.DPKG, id="dpkg"),
    pytest.param("PACKAGES", network_setup.PACKAGES, id="packages"),
    pytest.param("INSTANCE", redaction.INSTANCE, id="instance"),
    pytest.param("ADDRESSES", redaction.ADDRESSES, id="addresses"),
    pytest.param("SENT", redaction.SENT, id="sent"),
    pytest.param("NUMBERS", redaction._NUMBERS, id="numbers"),
    pytest.param("HOST_NAME_FILES", redaction._HOST_NAME_FILES, id="host-name-files"),
    pytest.param("SERIALS", redaction._SERIALS, id="serials"),
]


@pytest.mark.parametrize(("name", "table"), OF_PATHS)
def test_paths_are_the_same(name: str, table: Any) -> None:
    """The recorder has them as bytes."""
    assert getattr(recorder, name) == in_bytes(table)


VALUES = [
    pytest.param("VERSION", VERSION, id="version"),
    pytest.param("VF_VENDORS", observe._VF_VENDORS, id="vendors"),
    pytest.param("NETWORK_CLASS", pci.NETWORK_CLASS, id="network-class"),
    pytest.param("PASS_THROUGH_CLASS", snapshot.PASS_THROUGH_CLASS, id="pass-through"),
    pytest.param("AZURE_ASSET_TAG", snapshot.AZURE_ASSET_TAG, id="asset-tag"),
    pytest.param("KEPT_ALIASES", module_search._KEPT, id="kept-aliases"),
    pytest.param("KEPT_PLACES", module_search._PLACES, id="kept-places"),
    pytest.param("KEPT_CONFIG", module_search.CONFIG, id="kept-config"),
    pytest.param("MAX_PATTERNS", module_search.MAX_PATTERNS, id="patterns"),
    pytest.param("KEYWORDS", log_patterns.KEYWORDS, id="keywords"),
    pytest.param("REPLIES", ethtool.REPLIES, id="replies"),
    pytest.param("MAX_STATISTICS", ethtool.MAX_STATISTICS, id="statistics"),
    pytest.param("ATTEMPTS", ethtool.ATTEMPTS, id="attempts"),
    pytest.param("MAX_FILE", files.MAX_FILE, id="file"),
    pytest.param("MAX_LINKS", files.MAX_LINKS, id="links"),
    pytest.param("MAX_STEPS", files.MAX_STEPS, id="steps"),
    pytest.param("MAX_RECORDS", kernel_ring.MOST_AT_ONCE, id="records"),
    pytest.param("MAX_BODY", instance.MAX_BODY, id="body"),
    pytest.param("MAX_BYTES", archive.MAX_BYTES, id="bytes"),
    pytest.param("MAX_MEMBERS", archive.MAX_MEMBERS, id="members"),
    pytest.param("ARCHIVE_SUFFIXES", recording.ARCHIVE_SUFFIXES, id="suffixes"),
    pytest.param("IMDS_ENDPOINT", imds.ENDPOINT, id="endpoint"),
    pytest.param("IMDS_PATH", imds.PATH, id="imds-path"),
    pytest.param("IMDS_RETRIED", imds._RETRIED, id="retried"),
    pytest.param("IMDS_TRIES", imds._TRIES, id="tries"),
    pytest.param("IMDS_PAUSE", imds._PAUSE, id="pause"),
    pytest.param("IMDS_TIMEOUT", imds._TIMEOUT, id="timeout"),
    pytest.param("IMDS_DEADLINE", imds.DEADLINE, id="imds-deadline"),
    pytest.param("KERNEL_DEADLINE", live.KERNEL_DEADLINE, id="kernel-deadline"),
    pytest.param("MAC_MASKS", identities.MAC_MASKS, id="mac-masks"),
    pytest.param("MORE_MAC_MASKS", identities.MORE_MAC_MASKS, id="more-mac-masks"),
    pytest.param("GUID_MASKS", identities.GUID_MASKS, id="guid-masks"),
    pytest.param("EXPECT_TAG", instance.EXPECT_TAG, id="expect-tag"),
    pytest.param("EXPECTATIONS", instance.EXPECTATIONS, id="expectations"),
    pytest.param("KEPT_OF_INSTANCE", instance_masks._KEPT, id="kept-of-instance"),
    pytest.param("NAMES_IN_INSTANCE", instance_masks._NAMES, id="names-in-instance"),
    pytest.param("TAGS", instance_masks._TAGS, id="tags"),
    pytest.param("MAX_DEPTH", instance_masks._MAX_DEPTH, id="depth"),
]


@pytest.mark.parametrize(("name", "value"), VALUES)
def test_values_are_the_same(name: str, value: Any) -> None:
    """Limits, deadlines, ids and words."""
    assert getattr(recorder, name) == value


@pytest.mark.parametrize("name", [name for name in vars(ethtool) if name.startswith("ETH")])
def test_the_kernels_numbers_of_ethtool_are_the_same(name: str) -> None:
    """<linux/ethtool.h>."""
    assert getattr(recorder, name) == getattr(ethtool, name)


@pytest.mark.parametrize(
    "name", [name for name in vars(recorder) if re.match("RTM_|IFA_|NLM|NLMSG_", name)]
)
def test_the_kernels_numbers_of_netlink_are_the_same(name: str) -> None:
    """<linux/rtnetlink.h> and the like."""
    assert getattr(recorder, name) == getattr(rtnetlink, name)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        pytest.param("GUID", identities.GUID, id="guid"),
        pytest.param("CUT_GUID", masks._CUT_GUID, id="cut-guid"),
        pytest.param("IPV6", identities.IPV6, id="ipv6"),
        pytest.param("IPV4", masks._IPV4, id="ipv4"),
        pytest.param("OCTETS", identities._OCTETS, id="octets"),
        pytest.param("IN_A_NAME", identities._IN_A_NAME, id="in-a-name"),
        pytest.param("LABELLED", identities._LABELLED, id="labelled"),
        pytest.param("LONE_IPV4", identities._LONE_IPV4, id="lone-ipv4"),
        pytest.param("IS_A_VERSION", identities._VERSION, id="version"),
        pytest.param("BOOT_PASSWORD", redaction._PASSWORD, id="boot-password"),
        pytest.param("TECHNICAL", redaction._TECHNICAL, id="technical"),
    ],
)
def test_patterns_are_the_same(name: str, pattern: re.Pattern[str]) -> None:
    """With the same flags: Python 2 has to be told that texts are Unicode."""
    ours = getattr(recorder, name)
    assert (ours.pattern, ours.flags) == (pattern.pattern, pattern.flags)


def test_the_words_of_the_log_are_those_of_its_patterns() -> None:
    """A host that is called like one of them keeps its name in the log.

    After a change of accelnet's patterns, LOG_WORDS is what this prints.
    """
    texts = [pattern for _, _, pattern in log_patterns.PATTERNS]
    texts += [word.decode() for word in log_patterns.KEYWORDS]
    words = {word for text in texts for word in re.split("[^a-z0-9]+", text.lower())}
    expected = " ".join(sorted(words - {""}))
    assert expected == recorder.LOG_WORDS


def test_the_names_of_files_are_the_same() -> None:
    """A host that is called like one of them keeps its name in paths."""
    assert set(recorder.FILE_NAMES.split()) == redaction._FILE_NAMES


def test_the_lengths_of_words_are_the_same() -> None:
    """Shorter ones are found in anything."""
    least, most = recorder.WORD_LENGTHS
    assert range(least, most + 1) == masks._WORD_LENGTHS


@pytest.mark.parametrize("number", [*range(1, 134), 524, 9999])
def test_errnos_have_the_same_names(number: int) -> None:
    """Of two names for one number the kernel's; EIO for what has none."""
    error = OSError(number, "")
    assert recorder.errno_name(error) == files.errno_name(error)


def test_what_is_not_read_is_said_to_be_more() -> None:
    """The judge's own limit on kernels is not above the recorder's."""
    assert recorder.MAX_KERNELS > next_host.MAX_KERNELS


# --- what old Pythons do not know ---------------------------------------------------------------


@pytest.mark.parametrize("version", OLD)
def test_an_old_python_compiles_it(version: str) -> None:
    """Its grammar is all that these ask for."""
    source = f"compile(open({str(RECORDER)!r}).read(), 'recorder', 'exec')"
    subprocess.run([python_of(version), "-c", source], check=True, timeout=60)


def test_it_asks_for_nothing_that_python_2_7_and_3_4_lack() -> None:
    """As vermin knows them.

    Left out is what the file asks for in one of the two lines of Python alone, or never runs.
    """
    vermin = Path(sys.executable).with_name("vermin")
    if not vermin.exists():
        pytest.skip("needs vermin")
    excluded = (
        *("typing", "typing.NoReturn", "os.fsencode"),
        *("httplib", "httplib.HTTPConnection", "httplib.HTTPConnection(timeout)"),
        *("httplib.BadStatusLine", "httplib.HTTPException"),
    )
    options = [word for name in excluded for word in ("--exclude", name)]
    ran = subprocess.run(
        [
            *(str(vermin), "--no-tips", "--no-config-file", *options),
            *("--target=2.7-", "--target=3.4-", "--violations", str(RECORDER)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout


def test_it_is_ascii() -> None:
    """Python 2 takes nothing else without being told so, and no terminal spoils it."""
    assert RECORDER.read_bytes().isascii()


def test_it_imports_the_standard_library_alone() -> None:
    """Python 2's httplib is the one name that this Python does not know."""
    tree = ast.parse(RECORDER.read_text())
    names = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names - sys.stdlib_module_names == {"httplib"}

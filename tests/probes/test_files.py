"""Reading files of a machine: links stay inside the root, and refusals have their errno."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from accelnet_probes.files import (
    MAX_LINKS,
    DirectoryStore,
    LiveFiles,
    MemoryStore,
    SubStore,
    Tree,
    errno_name,
    errno_number,
    failure,
)


def a_tree(
    files: Mapping[str, str], links: Mapping[str, str], unreadable: Mapping[str, int] | None = None
) -> Tree:
    """A tree in memory."""
    store = MemoryStore()
    for key, content in files.items():
        store.add_file(key, content.encode())
    for key, target in links.items():
        store.add_link(key, target)
    return Tree(store, unreadable)


def written(folder: Path, files: Mapping[str, str], links: Mapping[str, str]) -> Tree:
    """The same as a directory."""
    for key, content in files.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_text(content)
    for key, target in links.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).symlink_to(target)
    return Tree(DirectoryStore(str(folder)))


FILES = {"etc/passwd": "inside", "sys/devices/pci/eth0/mtu": "1500"}


@pytest.mark.parametrize(
    ("link", "target", "path", "content"),
    [
        pytest.param(
            "sys/net/eth0", "../devices/pci/eth0", "sys/net/eth0/mtu", b"1500", id="relative"
        ),
        pytest.param("etc/alias", "/etc/passwd", "etc/alias", b"inside", id="absolute"),
        pytest.param("etc/alias", "../../../../etc/passwd", "etc/alias", b"inside", id="above-top"),
        pytest.param("a", "/", "a/a/a/etc/passwd", b"inside", id="to-the-top"),
        pytest.param("x", "etc", "x/../sys/devices/pci/eth0/mtu", b"1500", id="up-from-the-target"),
        pytest.param("x", "./etc//passwd", "./x", b"inside", id="dots-and-double-slashes"),
    ],
)
def test_a_link_is_resolved_as_if_the_root_were_the_top(
    tmp_path: Path, link: str, target: str, path: str, content: bytes
) -> None:
    """Absolute targets and '..' stay inside, in memory and in a directory alike."""
    assert a_tree(FILES, {link: target}).read(path) == content
    assert written(tmp_path, FILES, {link: target}).read(path) == content


def test_no_link_leads_out_of_a_directory(tmp_path: Path) -> None:
    """A file beside the root is not reached, not by name and not by way of a folder."""
    (tmp_path / "secret").write_text("outside")
    tree = written(
        tmp_path / "root", {"file": ""}, {"up": "../secret", "out": str(tmp_path), "over": "up/x"}
    )
    for path in ("up", "out/secret", "../secret", "over", f"{tmp_path}/secret"):
        with pytest.raises(FileNotFoundError):
            tree.read(path)


@pytest.mark.parametrize(
    "links",
    [
        pytest.param({"a": "a"}, id="itself"),
        pytest.param({"a": "b", "b": "a"}, id="each-other"),
        pytest.param({"a": "a/a"}, id="below-itself"),
        pytest.param({f"{n}": f"{n + 1}" for n in range(MAX_LINKS + 1)} | {"a": "0"}, id="a-chain"),
        pytest.param({"a": "./" * 2000}, id="a-long-way"),
        pytest.param({"a": "b/a", "b": "."}, id="in-a-loop-of-folders"),
    ],
)
def test_a_loop_of_links_is_eloop(links: dict[str, str]) -> None:
    """However the links run in a circle, the answer is ELOOP, as the kernel's is."""
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is looked at
        a_tree({}, links).read("a")
    assert caught.value.errno == errno.ELOOP


def test_readlink_does_not_follow_the_last_part() -> None:
    """The target is given as it is written, links in its folders followed."""
    tree = a_tree(
        {}, {"sys/net/eth0": "../devices/eth0", "sys/devices/eth0/driver": "../../bus/hv_netvsc"}
    )
    assert tree.readlink("sys/net/eth0") == "../devices/eth0"
    assert tree.readlink("sys/net/eth0/driver") == "../../bus/hv_netvsc"


ASK = {"read": Tree.read, "readlink": Tree.readlink, "listdir": Tree.listdir}


@pytest.mark.parametrize(
    ("ask", "path", "number"),
    [
        pytest.param("read", "none", errno.ENOENT, id="read-nothing"),
        pytest.param("read", "etc", errno.EISDIR, id="read-a-folder"),
        pytest.param("read", "etc/passwd/x", errno.ENOTDIR, id="below-a-file"),
        pytest.param("readlink", "etc/passwd", errno.EINVAL, id="readlink-a-file"),
        pytest.param("listdir", "etc/passwd", errno.ENOTDIR, id="list-a-file"),
        pytest.param("listdir", "none", errno.ENOENT, id="list-nothing"),
        pytest.param("read", "dangling", errno.ENOENT, id="dangling"),
        pytest.param("read", "etc/pass\0wd", errno.ENOENT, id="nul"),
        pytest.param("read", "etc/\ud800", errno.ENOENT, id="no-character"),
    ],
)
def test_what_can_not_be_read_has_the_kernels_errno(
    tmp_path: Path, ask: str, path: str, number: int
) -> None:
    """In memory and in a directory the errno is the same."""
    links = {"dangling": "nowhere"}
    for tree in (a_tree(FILES, links), written(tmp_path, FILES, links)):
        with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is looked at
            ASK[ask](tree, path)
        assert caught.value.errno == number


def test_an_unreadable_key_covers_what_is_absent_below_it() -> None:
    """Of a folder whose listing was refused only what was recorded is known."""
    tree = a_tree({"a/b/known": "1"}, {"to": "a/b"}, {"a/b": errno.EACCES})
    for path in ("a/b/other", "a/b/c/d", "to/other"):
        with pytest.raises(PermissionError):
            tree.read(path)
    with pytest.raises(PermissionError):
        tree.listdir("to")
    assert tree.read("to/known") == b"1"
    with pytest.raises(FileNotFoundError):
        tree.read("a/elsewhere")


def test_an_unreadable_file_or_link_is_refused() -> None:
    """A key that was refused itself raises its errno, whether or not something lies there."""
    tree = a_tree({"a/file": "stale"}, {}, {"a/file": errno.EIO, "a/link": errno.EACCES})
    with pytest.raises(OSError, match="a/file") as caught:
        tree.read("a/file")
    assert caught.value.errno == errno.EIO
    with pytest.raises(PermissionError):
        tree.readlink("a/link")


@pytest.mark.parametrize(
    ("path", "key"),
    [
        pytest.param("sys/net/eth0/mtu", "sys/devices/eth0/mtu", id="through-a-link"),
        pytest.param("sys/net/eth0", "sys/net/eth0", id="the-link-itself"),
        pytest.param("sys/net/eth0/a/b", "sys/devices/eth0/a/b", id="as-far-as-it-is-there"),
        pytest.param("/sys//net/eth0/mtu/", "sys/devices/eth0/mtu", id="slashes"),
        pytest.param("nowhere/at/all", "nowhere/at/all", id="not-there"),
        pytest.param("loop/x", "loop/x", id="loop"),
        pytest.param("top/x", "x", id="the-top"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_each_thing_has_one_key(path: str, key: str) -> None:
    """Links in the parent folders are resolved, the last part is left."""
    tree = a_tree(
        {"sys/devices/eth0/mtu": "1500"},
        {"sys/net/eth0": "../devices/eth0", "loop": "loop", "top": "/"},
    )
    assert tree.key_of(path) == key


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    """A pipe, which would keep its reader waiting for ever, is unreadable."""
    os.mkfifo(tmp_path / "pipe")
    tree = Tree(DirectoryStore(str(tmp_path)))
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is looked at
        tree.read("pipe")
    assert caught.value.errno == errno.EINVAL
    assert tree.listdir("") == ["pipe"]


def test_a_link_that_took_a_files_place_is_not_followed(tmp_path: Path) -> None:
    """Between the look and the reading a file may become a link: it is still not followed."""
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is looked at
        DirectoryStore(str(tmp_path)).data("link")
    assert caught.value.errno == errno.ELOOP


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    """16 MiB is the most that is read of one file."""
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    for read in (Tree(DirectoryStore(str(tmp_path))).read, LiveFiles(str(tmp_path)).read):
        with pytest.raises(OSError) as caught:  # noqa: PT011 - the errno is looked at
            read("sparse")
        assert caught.value.errno == errno.EFBIG


def test_live_files_are_resolved_by_the_kernel(tmp_path: Path) -> None:
    """Below a prefix, links lead where the kernel takes them."""
    written(tmp_path, {"a/b": "x" * 5000, "c": "short"}, {"l": "a"})
    files = LiveFiles(str(tmp_path) + "/")
    assert files.read("l/b") == b"x" * 5000
    assert files.read("c") == b"short"
    assert files.readlink("l") == "a"
    assert files.listdir("") == ["a", "c", "l"]


def test_a_key_of_memory_is_one_thing() -> None:
    """What is added later takes the place of what was there, but a folder stays one."""
    store = MemoryStore()
    store.add_file("a", b"")
    store.add_link("a", "b")
    assert (store.kind("a"), store.links, store.files) == ("link", {"a": "b"}, {})
    store.add_file("a", b"")
    assert (store.kind("a"), store.links) == ("file", {})
    store.add_file("a/b", b"")
    store.add_file("a", b"")
    store.add_link("a", "c")
    assert (store.kind("a"), store.links, list(store.files)) == ("dir", {}, ["a/b"])
    assert store.names("") == ["a"]


def test_a_folder_of_a_store_is_a_store() -> None:
    """Its top is the folder."""
    store = MemoryStore()
    store.add_file("root/etc/x", b"1")
    store.add_link("root/l", "etc")
    tree = Tree(SubStore(store, "root"))
    assert tree.listdir("") == ["etc", "l"]
    assert (tree.read("l/x"), tree.readlink("l")) == (b"1", "etc")


@pytest.mark.parametrize(
    ("number", "name"),
    [
        pytest.param(errno.EACCES, "EACCES", id="one-name"),
        pytest.param(errno.EOPNOTSUPP, "EOPNOTSUPP", id="not-ENOTSUP"),
        pytest.param(errno.EAGAIN, "EAGAIN", id="not-EWOULDBLOCK"),
        pytest.param(524, "ENOTSUPP", id="the-kernels-own"),
        pytest.param(99999, "EIO", id="no-such"),
    ],
)
def test_an_errno_has_the_kernels_name(number: int, name: str) -> None:
    """Of two names for a number it is the one that the kernel's sources use."""
    assert errno_name(failure(number, "x")) == name


@pytest.mark.parametrize(
    ("name", "number"),
    [
        pytest.param("EACCES", errno.EACCES, id="one-name"),
        pytest.param("ENOTSUP", errno.EOPNOTSUPP, id="the-other-name"),
        pytest.param("EOPNOTSUPP", errno.EOPNOTSUPP, id="the-name"),
        pytest.param("ENOTSUPP", 524, id="the-kernels-own"),
        pytest.param("Everything", errno.EIO, id="no-errno"),
        pytest.param("", errno.EIO, id="empty"),
    ],
)
def test_a_name_has_its_errno(name: str, number: int) -> None:
    """What is no errno's name is an I/O error."""
    assert errno_number(name) == number


def test_an_error_without_an_errno_is_an_io_error() -> None:
    """Python raises some OSErrors of its own."""
    assert errno_name(OSError("no number")) == "EIO"


def test_an_unreadable_key_needs_no_folder_above_it() -> None:
    """A bundle may name what was refused and hold nothing beside it."""
    tree = Tree(MemoryStore(), {"proc/uptime": errno.EACCES})
    with pytest.raises(PermissionError):
        tree.read("proc/uptime")

"""asker: a child that asks the kernel for years, and a parent that never waits for it."""

from __future__ import annotations

import errno
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from accelnet_probes import asker as asker_module
from accelnet_probes.asker import Answers, Asker, _KernelAsker
from accelnet_probes.ethtool import REPLIES, decode_drvinfo, decode_statistics
from accelnet_probes.files import failure
from accelnet_probes.rtnetlink import Link, RouteSocket, decode_link
from namespaces import Namespace, a_pair, live

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from accelnet_probes.ethtool import ByteOrder, Reply
    from accelnet_probes.worker import Emit

    Question = tuple[dict[str, int | None], list[str], bool]
    Ask = Callable[[Any, Emit], None]

NATIVE: ByteOrder = "<" if sys.byteorder == "little" else ">"
SECONDS = 30.0  # in which what is waited for has come, on a machine that is busy
LINK = struct.pack("=BxHiII", 0, 1, 2, 0x1, 0) + struct.pack("=HH5s3x", 9, 3, b"eth0")


def _wait(asker: Asker) -> bool:
    """Until it has answered or ended: whether it lives."""
    poll = select.poll()
    poll.register(asker.fileno(), select.POLLIN)
    assert poll.poll(SECONDS * 1000), "no answer"
    return asker.settle()


def _until(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.002)


def _answered(asker: Asker, interfaces: Mapping[str, int | None]) -> Answers:
    """A question and its whole answer."""
    asker.ask(interfaces)
    assert _wait(asker)
    return asker.answers()


@contextmanager
def _asking(ask: Ask | None = None) -> Generator[Asker]:
    """An asker whose child is gone afterwards, whatever it does."""
    asker = Asker(ask)
    try:
        yield asker
    finally:
        try:
            os.kill(asker.pid, signal.SIGKILL)
            os.waitpid(asker.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass  # the test has seen to it
        asker.close()


def _is_gone(pid: int) -> bool:
    """No such process, or nobody has taken note of its end yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _fds() -> list[str]:
    return sorted(entry.name for entry in Path("/proc/self/fd").iterdir())


# --- what it is asked, and answers ---------------------------------------------------------------


def _everything(question: Question, emit: Emit) -> None:
    """A kernel without trouble."""
    interfaces, _, _ = question
    emit((None, "links", [LINK]))
    emit((None, "addresses", [(2, "10.0.0.4/24")]))
    for name in interfaces:
        emit((name, ["drvinfo", "permaddr"], [b"drvinfo of " + name.encode(), "EOPNOTSUPP"]))
        emit((name, ["stats-strings", "stats"], [b"names", b"values"]))


def test_each_answer_is_where_it_belongs() -> None:
    """Links decoded, addresses by ifindex, replies by interface."""
    with _asking(_everything) as asker:
        assert _answered(asker, {"eth0": 2, "eth1": None}) == Answers(
            ethtool={
                name: {
                    "drvinfo": f"drvinfo of {name}".encode(),
                    "permaddr": "EOPNOTSUPP",
                    "stats-strings": b"names",
                    "stats": b"values",
                }
                for name in ("eth0", "eth1")
            },
            links=(Link(ifindex=2, name="eth0", flags=0x1),),
            addresses=((2, "10.0.0.4/24"),),
            complete=True,
        )


def test_a_number_that_is_another_interfaces_answers_for_none() -> None:
    """A container with the host's /sys: its own eth0 may have the number of the host's VF."""
    with _asking(_everything) as asker:
        answers = _answered(asker, {"enP53091s1": 2})
        assert (answers.links, answers.addresses) == ((), "ENODEV")
        assert _answered(asker, {"eth0": 2}).addresses == ((2, "10.0.0.4/24"),)


def test_a_refusal_is_the_errnos_name() -> None:
    """Of links, of addresses, of a reply."""

    def ask(_question: Question, emit: Emit) -> None:
        emit((None, "links", "ENOBUFS"))
        emit((None, "addresses", "EAGAIN"))
        emit(("eth0", REPLIES, ("ENODEV",) * len(REPLIES)))

    with _asking(ask) as asker:
        assert _answered(asker, {"eth0": 2}) == Answers(
            ethtool={"eth0": dict.fromkeys(REPLIES, "ENODEV")},
            links="ENOBUFS",
            addresses="EAGAIN",
            complete=True,
        )


def test_what_is_told_later_stands_for_what_was_told_before() -> None:
    """The name has become another interface's while it was asked about."""

    def ask(_question: Question, emit: Emit) -> None:
        emit(("eth0", ["drvinfo", "stats"], [b"drvinfo", b"values"]))
        emit(("eth0", ("drvinfo", "stats"), ("ENODEV", "ENODEV")))

    with _asking(ask) as asker:
        assert _answered(asker, {"eth0": 2}).ethtool == {
            "eth0": {"drvinfo": "ENODEV", "stats": "ENODEV"}
        }


def _echo(question: Question, emit: Emit) -> None:
    emit((None, "addresses", repr(question)))


@pytest.mark.parametrize(
    "interfaces",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"eth0": 2, "eth1": None}, id="without-an-index"),
        pytest.param({"e\udcff": 2}, id="a-name-that-is-no-utf-8"),
        pytest.param({"eth0": -1, "eth1": 1 << 70}, id="an-index-that-none-can-have"),
    ],
)
def test_a_question_comes_as_it_was_asked(interfaces: dict[str, int | None]) -> None:
    """Any names, any numbers; in their order."""
    with _asking(_echo) as asker:
        assert _answered(asker, interfaces).addresses == repr((interfaces, [], True))


def test_questions_are_answered_one_after_the_other() -> None:
    """For years."""
    with _asking(_echo) as asker:
        for number in range(300):
            found = _answered(asker, {f"eth{number}": number}).addresses
            assert found == repr(({f"eth{number}": number}, [], True))


def _settings(question: Question, emit: Emit) -> None:
    """Addresses and settings of the whole, and statistics each time."""
    interfaces, _, whole = question
    if whole:
        emit((None, "addresses", [(2, "10.0.0.4/24")]))
    for name in interfaces:
        if whole:
            emit((name, ["drvinfo", "permaddr"], [b"drvinfo", b"permaddr"]))
        emit((name, ["stats"], [b"whole" if whole else b"statistics alone"]))


def test_what_was_settled_a_moment_ago_is_not_asked_again() -> None:
    """The statistics are new; addresses and settings are those of the last whole question."""
    with _asking(_settings) as asker:
        assert _answered(asker, {"eth0": 2}).whole
        asker.ask({"eth0": 2}, whole=False)
        assert _wait(asker)
        answers = asker.answers()
    assert not answers.whole
    assert answers.addresses == ((2, "10.0.0.4/24"),)
    assert answers.ethtool == {
        "eth0": {"drvinfo": b"drvinfo", "permaddr": b"permaddr", "stats": b"statistics alone"}
    }


def test_of_other_interfaces_the_whole_is_asked() -> None:
    """A number that has changed makes another interface."""
    with _asking(_settings) as asker:
        _answered(asker, {"eth0": 2})
        asker.ask({"eth0": 3}, whole=False)
        assert _wait(asker)
        assert asker.answers().whole


def test_nothing_is_settled_by_an_answer_that_came_too_late() -> None:
    """The next question is about the whole again."""

    def ask(question: Question, emit: Emit) -> None:
        _settings(question, emit)
        time.sleep(0.3)

    with _asking(ask) as asker:
        asker.ask({"eth0": 2})
        asker.answers()  # by now, which is too early
        assert _wait(asker)
        asker.ask({"eth0": 2}, whole=False)
        assert _wait(asker)
        assert asker.answers().whole


def test_nothing_is_left_of_the_answer_before() -> None:
    """A shorter one is not followed by the rest of a longer one."""
    with _asking(_everything) as asker:
        assert len(_answered(asker, {f"eth{number}": None for number in range(9)}).ethtool) == 9
        assert list(_answered(asker, {"eth0": 2}).ethtool) == ["eth0"]


def test_asking_never_waits() -> None:
    """Neither for a child that is stopped, nor for a pipe that holds less than the question."""
    interfaces: dict[str, int | None] = {
        f"interface{number:06}": number for number in range(20_000)
    }
    with _asking(_echo) as asker:
        os.kill(asker.pid, signal.SIGSTOP)
        began = time.monotonic()
        asker.ask(interfaces)
        assert time.monotonic() - began < 10
        assert asker.settle()
        assert (asker.busy, asker.answers()) == (True, Answers(ethtool={}))
        os.kill(asker.pid, signal.SIGCONT)
        assert _wait(asker)
        assert asker.answers().addresses == repr((interfaces, [], True))


# --- a call that hangs ---------------------------------------------------------------------------


class Gate:
    """Holds a child up until it is opened."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "gate"
        os.mkfifo(self._path)

    def wait(self) -> None:
        """In the child."""
        self._path.read_bytes()

    def open(self) -> None:
        """Let it go on."""
        self._path.write_bytes(b"")


def test_what_came_in_time_stands_where_a_call_hangs(tmp_path: Path) -> None:
    """And what did not come is missing; the rest comes when it comes."""
    gate = Gate(tmp_path)

    def ask(question: Question, emit: Emit) -> None:
        emit((None, "links", [LINK]))
        emit(("eth0", ["drvinfo"], [b"drvinfo"]))
        gate.wait()
        _everything(question, emit)

    with _asking(ask) as asker:
        asker.ask({"eth0": 2, "eth1": 3})
        _until(lambda: asker.answers().ethtool, "nothing was emitted")
        assert asker.answers() == Answers(
            ethtool={"eth0": {"drvinfo": b"drvinfo"}},
            links=(Link(ifindex=2, name="eth0", flags=0x1),),
        )
        gate.open()
        assert _wait(asker)
        found = asker.answers()
        assert (found.complete, list(found.ethtool)) == (True, ["eth0", "eth1"])


def test_it_is_busy_until_its_answer_was_taken_note_of(tmp_path: Path) -> None:
    """A second question is not put to one that hangs."""
    gate = Gate(tmp_path)

    def ask(_question: Question, _emit: Emit) -> None:
        gate.wait()

    with _asking(ask) as asker:
        assert asker.busy is False
        asker.ask({})
        assert (asker.settle(), asker.busy) == (True, True)  # it lives, and has not answered
        gate.open()
        assert _wait(asker)
        assert not asker.busy


# --- tables of names -----------------------------------------------------------------------------


class Tables:
    """A child that sends a table as `_KernelAsker` does: None where its parent has it.

    The answers are counted; the table changes where the question names `changed`.
    """

    def __init__(self) -> None:
        self.table = b"names 1"
        self.known: set[str] = set()

    def __call__(self, question: Question, emit: Emit) -> None:
        """Two interfaces, one table."""
        interfaces, known, _ = question
        emit((None, "addresses", ",".join(sorted(known))))
        if "changed" in interfaces:
            self.table, self.known = b"names 2", set()
        self.known &= set(known)
        for name in interfaces:
            sent = None if name in self.known else self.table
            emit((name, ["stats-strings", "stats"], [sent, b"values"]))
        self.known = set(interfaces)


def _tables(answers: Answers) -> dict[str, Reply]:
    return {name: replies["stats-strings"] for name, replies in answers.ethtool.items()}


def test_a_table_that_was_sent_once_is_known() -> None:
    """From the second answer on it is filled in."""
    with _asking(Tables()) as asker:
        first = _answered(asker, {"eth0": 2})
        assert (first.addresses, _tables(first)) == ("", {"eth0": b"names 1"})
        for _ in range(2):
            again = _answered(asker, {"eth0": 2})
            assert (again.addresses, _tables(again)) == ("eth0", {"eth0": b"names 1"})


def test_a_table_of_an_interface_that_left_is_forgotten() -> None:
    """It is sent again when the interface comes back."""
    with _asking(Tables()) as asker:
        _answered(asker, {"eth0": 2, "eth1": 3})
        assert _answered(asker, {"eth0": 2}).addresses == "eth0"
        back = _answered(asker, {"eth0": 2, "eth1": 3})
        assert (back.addresses, _tables(back)) == (
            "eth0",
            {"eth0": b"names 1", "eth1": b"names 1"},
        )


def test_a_table_that_changed_is_sent() -> None:
    """And is the one that is filled in from then on."""
    with _asking(Tables()) as asker:
        _answered(asker, {"eth0": 2})
        changed = {"eth0": b"names 2", "changed": b"names 2"}
        assert _tables(_answered(asker, {"eth0": 2, "changed": 9})) == changed
        assert _tables(_answered(asker, {"eth0": 2})) == {"eth0": b"names 2"}


def test_a_table_that_came_too_late_is_not_mistaken_for_the_one_before() -> None:
    """The answer that had it was never read: all tables are asked for again."""
    with _asking(Tables()) as asker:
        assert _tables(_answered(asker, {"eth0": 2})) == {"eth0": b"names 1"}
        asker.ask({"eth0": 2, "changed": 9})
        assert _wait(asker)  # after the deadline
        late = _answered(asker, {"eth0": 2})
        assert (late.addresses, _tables(late)) == ("", {"eth0": b"names 2"})


def test_a_table_of_which_nobody_knows_is_an_error() -> None:
    """EIO, and no names of something else."""

    def ask(_question: Question, emit: Emit) -> None:
        emit(("eth0", ["stats-strings", "stats"], [None, None]))

    with _asking(ask) as asker:
        assert _answered(asker, {"eth0": 2}).ethtool == {
            "eth0": {"stats-strings": "EIO", "stats": "EIO"}
        }


def test_refused_names_leave_the_table_known() -> None:
    """A read that did not settle says nothing about it."""

    def ask(question: Question, emit: Emit) -> None:
        _, known, _ = question
        emit((None, "addresses", ",".join(known)))
        emit(("eth0", ["stats-strings"], ["EAGAIN" if known else b"names"]))

    with _asking(ask) as asker:
        assert _tables(_answered(asker, {"eth0": 2})) == {"eth0": b"names"}
        for _ in range(2):
            refused = _answered(asker, {"eth0": 2})
            assert (refused.addresses, _tables(refused)) == ("eth0", {"eth0": "EAGAIN"})


# --- its end -------------------------------------------------------------------------------------


def test_a_child_that_was_killed_is_told() -> None:
    """Nothing more can be asked, and nothing is left of it."""
    with _asking(_echo) as asker:
        os.kill(asker.pid, signal.SIGKILL)
        assert not _wait(asker)
        asker.reap()
        assert not Path(f"/proc/{asker.pid}").exists()


def test_a_child_that_was_killed_is_found_by_asking() -> None:
    """Where nobody has looked at its descriptor."""
    with _asking(_echo) as asker:
        os.kill(asker.pid, signal.SIGKILL)
        _until(lambda: _is_gone(asker.pid), "it lives")
        with pytest.raises(BrokenPipeError):
            asker.ask({"eth0": 2})
        assert not asker.busy
        asker.reap()
        assert not Path(f"/proc/{asker.pid}").exists()


def test_a_child_with_a_bug_ends() -> None:
    """Silently: its standard error leads nowhere; what it said before stands."""

    def ask(_question: Question, emit: Emit) -> None:
        emit((None, "addresses", "EPERM"))
        raise RuntimeError("a bug")

    with _asking(ask) as asker:
        asker.ask({"eth0": 2})
        assert not _wait(asker)
        assert asker.answers() == Answers(ethtool={}, addresses="EPERM")


def test_a_child_that_answered_and_was_killed_has_answered() -> None:
    """First that, then its end."""
    with _asking(_echo) as asker:
        asker.ask({})
        _until(lambda: select.select([asker.fileno()], [], [], 0)[0], "no answer")
        os.kill(asker.pid, signal.SIGKILL)
        assert _wait(asker)
        assert asker.answers().complete
        assert not _wait(asker)


def test_it_ends_when_it_is_let_go() -> None:
    """And leaves nothing: no process, no descriptor."""
    before = _fds()
    asker = Asker(_echo)
    _answered(asker, {"eth0": 2})
    asker.close()
    assert _fds() == before
    _until(lambda: _is_gone(asker.pid), "it goes on")
    asker.reap()
    assert not Path(f"/proc/{asker.pid}").exists()


def test_one_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    """It ends when its call comes back."""
    gate = Gate(tmp_path)

    def ask(_question: Question, _emit: Emit) -> None:
        gate.wait()

    asker = Asker(ask)
    asker.ask({})
    asker.close()
    began = time.monotonic()
    asker.reap()
    assert time.monotonic() - began < 5
    assert not _is_gone(asker.pid)
    gate.open()
    _until(lambda: _is_gone(asker.pid), "it goes on")
    asker.reap()
    assert not Path(f"/proc/{asker.pid}").exists()


def test_a_parent_that_ignores_its_children_is_served() -> None:
    """SIGCHLD may be ignored by whoever started us; the kernel then reaps for us."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        asker = Asker(_echo)
        assert _answered(asker, {}).complete
        asker.close()
        _until(lambda: not Path(f"/proc/{asker.pid}").exists(), "it goes on")
        asker.reap()
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_an_interrupt_of_the_terminal_does_not_end_it() -> None:
    """It goes to all of the group: the parent decides what ends."""
    with _asking(_echo) as asker:
        _answered(asker, {})  # it has begun to serve
        os.kill(asker.pid, signal.SIGINT)
        assert _answered(asker, {"eth0": 2}).complete


def test_a_request_to_end_ends_it() -> None:
    """SIGTERM, whatever its parent does with that."""
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    try:
        with _asking(_echo) as asker:
            _answered(asker, {})
            os.kill(asker.pid, signal.SIGTERM)
            assert not _wait(asker)
    finally:
        signal.signal(signal.SIGTERM, before)


FOLDER = str(Path(asker_module.__file__).parent.parent)
ENVIRONMENT = {**os.environ, "PYTHONPATH": FOLDER}
PARENT = """
import sys, time
from accelnet_probes.asker import Asker
asker = Asker()
asker.ask({"lo": 1})
while asker.busy:
    asker.settle()
print(asker.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_parent(number: signal.Signals) -> None:
    """However that ends; it is told by the end of its questions."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not _is_gone(pid)
        parent.send_signal(number)
        parent.wait(SECONDS)
        _until(lambda: _is_gone(pid), "it outlives its parent")


def test_it_holds_none_of_our_descriptors() -> None:
    """Two pipes; 0, 1 and 2 lead nowhere."""
    read, write = os.pipe()
    with _asking(_echo) as asker:
        os.close(write)
        _answered(asker, {})
        held = [str(entry.readlink()) for entry in Path(f"/proc/{asker.pid}/fd").iterdir()]
        assert sorted(name.partition(":")[0] for name in held) == [
            *["/dev/null"] * 3,
            "pipe",
            "pipe",
        ]
        assert os.read(read, 1) == b""
    os.close(read)


def test_two_askers_do_not_keep_each_other() -> None:
    """The second holds no way to the first, which ends when it is let go."""
    first = Asker(_echo)
    with _asking(_echo) as second:
        first.close()
        _until(lambda: _is_gone(first.pid), "it goes on")
        first.reap()
        assert _answered(second, {}).complete


# --- where it can not be made --------------------------------------------------------------------


def test_no_descriptor_left_is_an_error_and_leaves_none() -> None:
    """Whichever of its four it was."""
    before = _fds()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    for more in range(4):
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + more, limits[1]))
        try:
            with pytest.raises(OSError, match="open files") as raised:
                Asker(_echo)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert raised.value.errno == errno.EMFILE
    assert _fds() == before


NO_PROCESS = """
import os, resource, sys
from accelnet_probes.asker import Asker
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
before = os.listdir("/proc/self/fd")
for _ in range(20):
    try:
        Asker()
    except OSError as error:
        print(error.errno)
print(os.listdir("/proc/self/fd") == before)
"""


@pytest.mark.live
def test_no_process_left_is_an_error_and_leaves_no_descriptor() -> None:
    """The daemon tries again at each observation, for as long as that lasts."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody who may have no process")
    ran = subprocess.run(
        [sys.executable, "-c", NO_PROCESS],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
        timeout=60,
    )
    assert ran.stdout.split() == [*[str(errno.EAGAIN)] * 20, "True"], ran.stderr


# --- the kernel's answers ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    """Two veths with an address, whose count of statistics can be changed."""
    with a_pair("asker", queues=8) as found:
        found.ip("address", "add", "10.9.0.4/24", "dev", "v0")
        yield found


def _flip(namespace: Namespace, queues: int) -> None:
    namespace.run("ethtool", "-L", "v0", "rx", str(queues), "tx", str(queues))


def _index(namespace: Namespace, name: str) -> int:
    return namespace.inside(lambda: socket.if_nametoindex(name))


def _names(replies: Mapping[str, Reply]) -> list[str]:
    """The names of a triple that belongs together."""
    strings, stats = replies["stats-strings"], replies["stats"]
    assert isinstance(strings, bytes)
    assert isinstance(stats, bytes)
    return list(decode_statistics(strings, stats, NATIVE))


def _ethtool_s(namespace: Namespace) -> list[str]:
    lines = namespace.run("ethtool", "-S", "v0").splitlines()[1:]
    return [line.strip().rpartition(": ")[0] for line in lines]


def _asked(
    namespace: Namespace, ask: _KernelAsker, interfaces: dict[str, int | None], *known: str
) -> list[Any]:
    """What the child would emit."""
    found: list[Any] = []
    namespace.inside(lambda: ask((interfaces, list(known), True), found.append))
    return found


def _replies(emitted: list[Any], interface: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, names, values in emitted:
        if name == interface:
            found.update(zip(names, values, strict=True))
    return found


@contextmanager
def _kernel_asker() -> Generator[_KernelAsker]:
    ask = _KernelAsker()
    try:
        yield ask
    finally:
        for held in (ask._ethtool, ask._route):
            if held is not None:
                held._socket.close()


@live
def test_the_kernel_is_asked_by_a_child(namespace: Namespace) -> None:
    """Links, addresses and replies, again and again, and tables as they change."""
    index = _index(namespace, "v0")
    _flip(namespace, 2)
    with namespace.entered(), _asking() as asker:
        for queues in (2, 2, 8, 8, 1):
            _flip(namespace, queues)
            found = _answered(asker, {"v0": index, "lo": 1})
            assert found.complete
            assert isinstance(found.links, tuple)
            assert [link.name for link in found.links] == ["v0", "lo"]
            assert found.addresses == ((index, "10.9.0.4/24"),)
            assert _names(found.ethtool["v0"]) == _ethtool_s(namespace)
            assert found.ethtool["lo"]["stats"] == "EOPNOTSUPP"
            assert sorted(found.ethtool["v0"]) == sorted(REPLIES)


@live
def test_names_and_values_belong_together_after_an_answer_that_was_too_late(
    namespace: Namespace,
) -> None:
    """The count changed, and the answer that said so was never read."""
    index = _index(namespace, "v0")
    _flip(namespace, 1)
    with namespace.entered(), _asking() as asker:
        before = _names(_answered(asker, {"v0": index}).ethtool["v0"])
        _flip(namespace, 8)
        asker.ask({"v0": index})
        assert _wait(asker)
        after = _names(_answered(asker, {"v0": index}).ethtool["v0"])
    assert len(after) > len(before)
    assert after == _ethtool_s(namespace)


@live
def test_a_table_is_sent_once(namespace: Namespace) -> None:
    """Again where the parent says that it has none, or where the count has changed."""
    index = _index(namespace, "v0")
    _flip(namespace, 1)
    with _kernel_asker() as ask:
        table = _replies(_asked(namespace, ask, {"v0": index}), "v0")["stats-strings"]
        assert isinstance(table, bytes)
        known = _replies(_asked(namespace, ask, {"v0": index}, "v0"), "v0")
        assert known["stats-strings"] is None
        assert isinstance(known["stats"], bytes)
        unknown = _replies(_asked(namespace, ask, {"v0": index}), "v0")
        assert unknown["stats-strings"] == table
        _flip(namespace, 8)
        changed = _replies(_asked(namespace, ask, {"v0": index}, "v0"), "v0")
        assert len(changed["stats-strings"]) > len(table)


@live
@pytest.mark.parametrize("index", [1, 99_999, -1, 0, 1 << 40])
def test_a_name_that_is_another_interfaces_is_not_answered_for(
    namespace: Namespace, index: int
) -> None:
    """Its counters would be taken for those of the one that is gone."""
    with _kernel_asker() as ask:
        emitted = _asked(namespace, ask, {"v0": index})
    assert _replies(emitted, "v0") == dict.fromkeys(REPLIES, "ENODEV")


@live
def test_a_name_without_a_number_is_asked_by_its_name(namespace: Namespace) -> None:
    """Its number could not be read: nothing else is known of it."""
    with _kernel_asker() as ask:
        emitted = _asked(namespace, ask, {"v0": None})
    assert emitted[:2] == [(None, "links", []), (None, "addresses", [])]
    assert decode_drvinfo(_replies(emitted, "v0")["drvinfo"], NATIVE).driver == "veth"


@live
def test_an_interface_that_is_gone_is_no_link(namespace: Namespace) -> None:
    """The others are answered."""
    index = _index(namespace, "v0")
    with _kernel_asker() as ask:
        emitted = _asked(namespace, ask, {"nosuch": 99_999, "v0": index})
    (_, _, links), addresses, *_ = emitted
    assert [link.ifindex for body in links for link in decode_link(body, gone=False)] == [index]
    assert addresses == (None, "addresses", [(index, "10.9.0.4/24")])
    assert _replies(emitted, "nosuch") == dict.fromkeys(REPLIES, "ENODEV")
    assert isinstance(_replies(emitted, "v0")["stats"], bytes)


class Refusing(RouteSocket):
    """Lists no addresses."""

    def addresses(self, indexes: Any) -> list[tuple[int, str]]:
        """They changed meanwhile."""
        raise failure(errno.EAGAIN, "RTM_GETADDR")


@live
def test_refused_addresses_do_not_take_the_links_along(namespace: Namespace) -> None:
    """And another socket is asked next: what is left in this one belongs to no later question."""
    index = _index(namespace, "v0")
    with _kernel_asker() as ask:
        refusing = namespace.inside(Refusing)
        ask._route = refusing
        (_, _, links), addresses, *_ = _asked(namespace, ask, {"v0": index})
        assert len(links) == 1
        assert addresses == (None, "addresses", "EAGAIN")
        refusing._socket.close()
        assert _asked(namespace, ask, {"v0": index})[1][2] == [(index, "10.9.0.4/24")]


@live
def test_no_socket_left_is_told_and_passes(namespace: Namespace) -> None:
    """EMFILE for everything; the next question is answered."""
    index = _index(namespace, "v0")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with _kernel_asker() as ask, namespace.entered():
        found: list[Any] = []
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
        try:
            ask(({"v0": index, "v1": None}, [], True), found.append)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert found == [
            (None, "links", "EMFILE"),
            (None, "addresses", "EMFILE"),
            ("v0", REPLIES, ("EMFILE",) * len(REPLIES)),
            ("v1", REPLIES, ("EMFILE",) * len(REPLIES)),
        ]
        found.clear()
        ask(({"v0": index}, [], True), found.append)
        assert isinstance(_replies(found, "v0")["stats"], bytes)

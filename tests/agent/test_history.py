"""history: what the tracker remembers, told to the checks and kept over restarts."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent.history import FORMAT, MOST_ALIKE, VERSION, StateError, decode, encode, watch_of
from accelnet_agent.tracker import DAY, MAX_HAPPENINGS, Tracker
from accelnet_agent.tracks import KINDS, PATHS, Happening, Moved, Totals, Track, Vf
from accelnet_probes.record import replace
from accelnet_probes.snapshot import Move
from watching import BOOT, WALL, Watched, a_link, at

BOOT_ID = "0a1b2c3d-0000-4000-8000-000000000001"
GONE = a_link(master=None, gone=True)
NOW = at(0)


def _a_state() -> dict[str, Any]:
    """A state file with something in every place."""
    nic = Watched()
    nic.observe(None, hardware="15b3:1016")
    nic.message(a_link(ifindex=9))
    nic.observe(nic.tracker.tracks["eth0"].vf, hardware="1414:00ba")
    found: dict[str, Any] = json.loads(encode(nic.tracker, BOOT_ID))
    return found


def _decoded(state: Any, boot_id: str = BOOT_ID) -> Tracker:
    return decode(json.dumps(state), boot_id, NOW)


# --- round trip ----------------------------------------------------------------------------------

COUNTS = st.integers(0, 2**40)
TIMES = st.floats(0, 1e12)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=6)
TOTALS = st.builds(
    Totals,
    added=COUNTS,
    removed=COUNTS,
    to_vf=COUNTS,
    to_synthetic=COUNTS,
    synthetic_seconds=TIMES,
    last_switch=st.none() | TIMES,
)
VFS = st.builds(
    Vf,
    ifindex=COUNTS,
    name=TEXTS,
    pci_address=st.none() | TEXTS,
    running=st.none() | st.booleans(),
    carrier_up=st.none() | COUNTS,
    carrier_down=st.none() | COUNTS,
)
HAPPENINGS = st.builds(
    Happening,
    at=st.floats(WALL - DAY, WALL),
    boot=st.none() | st.floats(0, BOOT),
    nic=TEXTS,
    kind=st.sampled_from(KINDS),
    vf=st.none() | TEXTS,
    pci_address=st.none() | TEXTS,
    note=st.none() | TEXTS,
    times=COUNTS,
)
MOVES = st.builds(Moved, before=TEXTS, after=TEXTS, at=TIMES)


@st.composite
def _trackers(draw: st.DrawFn) -> Tracker:
    tracker = Tracker(draw(st.floats(0, BOOT)))
    for name in draw(st.lists(TEXTS, unique=True, max_size=3)):
        track = tracker.tracks[name] = Track(name)
        track.totals = draw(TOTALS)
        track.vf = draw(st.none() | VFS)
        track.path = draw(st.none() | st.sampled_from(PATHS))
        track.hardware = draw(st.none() | TEXTS)
        track.moved = draw(st.none() | MOVES)
    tracker.happenings = draw(st.lists(HAPPENINGS, max_size=5))
    return tracker


def _kept(tracker: Tracker) -> Any:
    return (
        tracker.began,
        tracker.happenings,
        {
            name: (track.name, track.totals, track.vf, track.path, track.hardware, track.moved)
            for name, track in tracker.tracks.items()
        },
    )


@given(_trackers())
def test_what_is_written_is_read_again(tracker: Tracker) -> None:
    """In the same boot, everything; whatever a machine calls its things."""
    assert _kept(decode(encode(tracker, BOOT_ID), BOOT_ID, NOW)) == _kept(tracker)


@given(_trackers())
def test_the_text_is_ascii(tracker: Tracker) -> None:
    """What is no UTF-8 is escaped."""
    assert encode(tracker, BOOT_ID).isascii()


# --- other boots ---------------------------------------------------------------------------------


@given(_trackers())
def test_of_another_boot_totals_happenings_and_hardware_stay(tracker: Tracker) -> None:
    """Ifindexes, paths and seconds since boot mean nothing then."""
    found = decode(encode(tracker, "another"), BOOT_ID, NOW)
    assert found.began == NOW.boot
    for name, track in found.tracks.items():
        before = tracker.tracks[name]
        assert (track.totals, track.hardware, track.moved) == (
            before.totals,
            before.hardware,
            before.moved,
        )
        assert (track.vf, track.path, track.restored) == (None, None, False)
    assert found.happenings == [replace(told, boot=None) for told in tracker.happenings]


def test_a_boot_without_an_id_is_never_the_same() -> None:
    """The id could not be read, twice: who knows."""
    nic = Watched()
    found = decode(encode(nic.tracker, ""), "", NOW)
    assert found.tracks["eth0"].vf is None


# --- damage --------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**400, -1, 1e300, math.nan, math.inf, "0", [], {}, "added", FORMAT]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every key and index of a document."""
    items = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    return [path, *(place for key, inner in items for place in _places(inner, (*path, key)))]


def _put(state: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    inner = state
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return state


PLACES = _places(_a_state())


def _is_usable(tracker: Tracker) -> None:
    """Nothing that is asked of it breaks."""
    tracker.advance(at(10))
    watch_of(tracker, at(10))
    encode(tracker, BOOT_ID)
    for track in tracker.tracks.values():
        for field in Totals._fields:
            assert 0 <= float(getattr(track.totals, field) or 0) < 2e15


@given(st.sampled_from(PLACES), JSON)
def test_one_damaged_place_is_read_or_is_an_error(place: tuple[Any, ...], value: Any) -> None:
    """StateError and nothing else; what is read can be used."""
    try:
        tracker = _decoded(_put(_a_state(), place, value))
    except StateError:
        return
    _is_usable(tracker)


@given(st.sampled_from([place for place in PLACES if place]))
def test_one_missing_place_is_read_or_is_an_error(place: tuple[Any, ...]) -> None:
    """The same."""
    state = _a_state()
    inner: Any = state
    for key in place[:-1]:
        inner = inner[key]
    del inner[place[-1]]
    try:
        tracker = _decoded(state)
    except StateError:
        return
    _is_usable(tracker)


@given(st.text() | JSON.map(json.dumps))
def test_any_text_is_read_or_is_an_error(text: str) -> None:
    """What is no JSON, and what is another JSON."""
    with pytest.raises(StateError):
        decode(text, BOOT_ID, NOW)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        pytest.param((), [], "it is no state of accelnet-agent", id="list"),
        pytest.param((), None, "it is no state of accelnet-agent", id="null"),
        pytest.param(("format",), "accelnet-bundle", "it is no state", id="another-format"),
        pytest.param(("version",), 2, "its version is 2, and this is version 1", id="newer"),
        pytest.param(("version",), 0, "its version is 0", id="older"),
        pytest.param(("version",), None, "its version is None", id="none"),
        pytest.param(("began",), "x", "boot is 'x', expected float", id="began"),
        pytest.param(("began",), True, "boot is True, expected float", id="true-is-no-number"),
        pytest.param(("nics", "eth0", "path"), "both", "path is 'both'", id="path"),
        pytest.param(("nics", "eth0", "totals", "added"), -1, "added is -1", id="negative"),
        pytest.param(("nics", "eth0", "totals", "added"), 1.5, "expected int", id="fraction"),
        pytest.param(("nics", "eth0", "totals", "added"), 10**400, "added is 1", id="huge"),
        pytest.param(("nics", "eth0", "totals", "synthetic_seconds"), math.nan, "is nan", id="nan"),
        pytest.param(("nics", "eth0", "vf", "running"), 1, "expected bool | None", id="running"),
        pytest.param(("nics", "eth0", "hardware"), 7, "ids is 7", id="hardware"),
        pytest.param(("happenings", 0, "kind"), "exploded", "kind is 'exploded'", id="kind"),
        pytest.param(("happenings", 0, "nic"), None, "nic is None", id="nic"),
        pytest.param(("happenings",), 7, "TypeError", id="happenings"),
        pytest.param(("nics",), [], "AttributeError", id="nics"),
    ],
)
def test_damage_is_named(place: tuple[Any, ...], value: Any, words: str) -> None:
    """What is wrong, and what was expected."""
    with pytest.raises(StateError, match=words.replace("|", r"\|")):
        _decoded(_put(_a_state(), place, value))


@pytest.mark.parametrize("depth", range(100, 1100, 40))
def test_depth_is_damage(depth: int) -> None:
    """Whether JSON's own reader or the message about it gives up first."""
    text = json.dumps(_put(_a_state(), ("nics", "eth0", "hardware"), "here"))
    with pytest.raises(StateError):
        decode(text.replace('"here"', "[" * depth + "]" * depth), BOOT_ID, NOW)


def test_what_this_version_writes_is_what_it_reads() -> None:
    """Format and version are in the file."""
    state = _a_state()
    assert (state["format"], state["version"]) == (FORMAT, VERSION)
    assert _kept(_decoded(state))


def test_a_field_that_is_new_has_its_default() -> None:
    """A file of before it was added."""
    state = _a_state()
    del state["happenings"][0]["times"]
    assert _decoded(state).happenings[0].times == 1


# --- what is kept of what happened ---------------------------------------------------------------


def _a_happening(**changes: Any) -> Happening:
    return replace(Happening(at=WALL, boot=BOOT, nic="eth0", kind="removed"), **changes)


@pytest.mark.parametrize(
    ("happening", "kept"),
    [
        pytest.param(_a_happening(), True, id="now"),
        pytest.param(_a_happening(boot=0.0, at=WALL - 9 * DAY), True, id="clock-was-set-forth"),
        pytest.param(_a_happening(boot=0.0, at=WALL + 9 * DAY), True, id="clock-was-set-back"),
        pytest.param(_a_happening(boot=BOOT + 1), False, id="after-this-boot-ends"),
        pytest.param(_a_happening(boot=None), True, id="of-another-boot"),
        pytest.param(_a_happening(boot=None, at=WALL - DAY - 1), False, id="too-old"),
        pytest.param(_a_happening(boot=None, at=WALL + 60), True, id="clock-was-set-back-a-bit"),
        pytest.param(_a_happening(boot=None, at=WALL + 2 * DAY), False, id="of-the-future"),
    ],
)
def test_the_last_day_is_kept(happening: Happening, *, kept: bool) -> None:
    """By the clock that nobody sets where it is of this boot, else by the wall's."""
    tracker = Tracker(BOOT)
    tracker.happenings = [happening]
    assert decode(encode(tracker, BOOT_ID), BOOT_ID, NOW).happenings == [happening] * kept


def test_no_more_is_kept_than_is_remembered() -> None:
    """The newest of a file that has too many."""
    tracker = Tracker(BOOT)
    tracker.happenings = [_a_happening(note=str(n)) for n in range(MAX_HAPPENINGS + 5)]
    found = decode(encode(tracker, BOOT_ID), BOOT_ID, NOW).happenings
    assert [found[0].note, len(found)] == ["5", MAX_HAPPENINGS]


def test_began_is_not_of_the_future() -> None:
    """Nothing was watched before now."""
    assert _decoded(_put(_a_state(), ("began",), BOOT + 999)).began == BOOT


# --- what the checks are told --------------------------------------------------------------------


def test_the_checks_are_told_in_the_words_of_the_kernel_log() -> None:
    """A VF that leaves and comes, with the moment and how it is known."""
    nic = Watched()
    nic.message(GONE)
    nic.wait(40)
    nic.message(a_link(ifindex=9, name="eth1"))
    nic.wait(2)
    watch = watch_of(nic.tracker, nic.now)
    assert [(event.kind, event.vf, event.uptime, event.age) for event in watch.events] == [
        ("unregistering", "enP53091s1", BOOT, 42),
        ("switched-from", "enP53091s1", BOOT, 42),
        ("registering", "eth1", BOOT + 40, 2),
        ("switched-to", "eth1", BOOT + 40, 2),
    ]
    assert watch.events[0].line == "eth0: VF unregistering: enP53091s1 (seen by accelnet-agent)"
    assert watch.events[0].pci_address == "cf63:00:02.0"
    assert {event.nic for event in watch.events} == {"eth0"}


def test_how_it_is_known_is_in_the_line() -> None:
    """A check shows it as evidence."""
    nic = Watched()
    nic.observe(None)
    line = watch_of(nic.tracker, nic.now).events[0].line
    assert line.endswith("(seen by accelnet-agent, found by reconciling)")


@pytest.mark.parametrize("kind", ["up", "down", "renamed"])
def test_what_the_kernel_log_has_no_line_for_is_left_out(kind: Any) -> None:
    """It is on the page and in the log."""
    tracker = Tracker(BOOT)
    tracker.happenings = [_a_happening(kind=kind)]
    assert watch_of(tracker, NOW).events == ()


@pytest.mark.parametrize(("times", "events"), [(3, 3), (3000, MOST_ALIKE)])
def test_what_happened_many_times_is_told_so_often(times: int, events: int) -> None:
    """As often as matters to any check."""
    tracker = Tracker(BOOT)
    tracker.happenings = [_a_happening(kind="to-synthetic", times=times)]
    assert len(watch_of(tracker, NOW).events) == events


def test_after_a_day_nothing_is_told_any_more() -> None:
    """Though it is forgotten only when something else happens."""
    nic = Watched()
    nic.message(GONE)
    nic.wait(DAY)
    assert len(watch_of(nic.tracker, nic.now).events) == 2
    nic.wait(1)
    assert watch_of(nic.tracker, nic.now).events == ()


@pytest.mark.parametrize("step", [-7200.0, 7200.0])
def test_ages_are_right_though_the_clock_was_set(step: float) -> None:
    """Of this boot; and since when it is watched."""
    nic = Watched()
    nic.message(GONE)
    watch = watch_of(nic.tracker, at(60, set_by=step))
    assert (watch.events[0].age, watch.seconds) == (60, 60)


@pytest.mark.parametrize(("ago", "age"), [(90.0, 90.0), (-90.0, 0.0)])
def test_what_is_of_another_boot_is_dated_by_the_wall_clock(ago: float, age: float) -> None:
    """Which may have been set back since."""
    tracker = Tracker(BOOT)
    tracker.happenings = [_a_happening(boot=None, at=WALL - ago)]
    event = watch_of(tracker, NOW).events[0]
    assert (event.age, event.uptime) == (age, None)


def test_a_move_is_told() -> None:
    """How long ago the VM was seen on other hardware."""
    nic = Watched(seen=False)
    nic.observe(None, hardware="15b3:1004")
    nic.observe(None, hardware="15b3:101a")
    nic.wait(100)
    moves = watch_of(nic.tracker, nic.now).moves
    assert moves == {"eth0": Move(before="15b3:1004", after="15b3:101a", age=100)}

"""scheduled_events: what Azure announces, from any document, and one GET for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_probes.instance import MAX_BODY
from accelnet_probes.scheduled_events import DEADLINE, FIRST_DEADLINE, PATH, ScheduledEvent, decode
from accelnet_probes.scheduled_events import ask as ask_for_events
from metadata_service import serving

# azure-compute-docs, linux/scheduled-events.md, "Query for events": the schema, filled in with
# the values that the document's tables name.
DOCUMENT: dict[str, Any] = {
    "DocumentIncarnation": 1,
    "Events": [
        {
            "EventId": "C7061BAC-AFDC-4513-B24B-AA5F13A16123",
            "EventType": "Freeze",
            "ResourceType": "VirtualMachine",
            "Resources": ["FrontEnd_IN_0", "BackEnd_IN_0"],
            "EventStatus": "Scheduled",
            "NotBefore": "Mon, 11 Apr 2022 22:26:58 GMT",
            "Description": "Virtual machine is being paused because of a memory-preserving "
            "Live Migration operation.",
            "EventSource": "Platform",
            "DurationInSeconds": 5,
        }
    ],
}
FREEZE = ScheduledEvent(
    id="C7061BAC-AFDC-4513-B24B-AA5F13A16123",
    type="Freeze",
    status="Scheduled",
    resources=("FrontEnd_IN_0", "BackEnd_IN_0"),
    seconds=5,
    source="Platform",
)


def _document(**changes: Any) -> bytes:
    """The document with one event that differs so."""
    return json.dumps({"Events": [{**DOCUMENT["Events"][0], **changes}]}).encode()


def _only(body: bytes) -> ScheduledEvent:
    found = decode(body)
    assert found is not None
    (event,) = found
    return event


# --- decoding ------------------------------------------------------------------------------------


def test_the_documented_answer() -> None:
    """Each field that says something about a VF."""
    assert decode(json.dumps(DOCUMENT).encode()) == (FREEZE,)


def test_nothing_is_announced() -> None:
    """An empty list is an answer."""
    assert decode(b'{"DocumentIncarnation": 2, "Events": []}') == ()


def test_events_keep_their_order() -> None:
    """As the service lists them."""
    entries = [{"EventId": str(number), "EventType": "Reboot"} for number in range(3)]
    found = decode(json.dumps({"Events": entries}).encode())
    assert found is not None
    assert [event.id for event in found] == ["0", "1", "2"]


def test_of_very_many_events_the_first_are_taken() -> None:
    """A hundred VMs of a set have one each at most."""
    body = json.dumps({"Events": [{"EventId": str(number)} for number in range(1000)]}).encode()
    assert len(decode(body) or ()) == 100


def test_an_old_version_says_less() -> None:
    """2017-08-01 has no source and no duration."""
    old = {"EventId": "1", "EventType": "Redeploy", "EventStatus": "Started", "Resources": ["vm"]}
    assert _only(json.dumps({"Events": [old]}).encode()) == ScheduledEvent(
        id="1", type="Redeploy", status="Started", resources=("vm",)
    )


@pytest.mark.parametrize(
    ("given_seconds", "seconds"),
    [
        pytest.param(9, 9, id="nine"),
        pytest.param(0, 0, id="no-interruption"),
        pytest.param(-1, None, id="unknown"),
        pytest.param(None, None, id="null"),
        pytest.param("9", None, id="text"),
        pytest.param(1.5, None, id="fraction"),
    ],
)
def test_a_duration(given_seconds: object, seconds: int | None) -> None:
    """0 is a network update without interruption; -1 is not known."""
    assert _only(_document(DurationInSeconds=given_seconds)).seconds == seconds


@pytest.mark.parametrize("value", [None, 7, [], {}, True], ids=repr)
def test_a_field_that_is_no_text_says_nothing(value: object) -> None:
    """The event is announced all the same."""
    body = _document(EventType=value, EventStatus=value, EventSource=value, Resources=None)
    assert _only(body) == ScheduledEvent(id=FREEZE.id, type="", status="", seconds=5)


def test_half_a_surrogate_can_be_printed() -> None:
    """JSON can spell one; a log line can not hold it."""
    event = _only(_document(EventId="\ud800", EventType="\udfff", Resources=["\ud800"]))
    assert (event.id, event.type, event.resources) == ("?", "?", ("?",))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="html"),
        pytest.param(b"\xff\xfe\0", id="bytes"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"null", id="null"),
        pytest.param(b"7", id="number"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"{}", id="no-events"),
        pytest.param(b'{"Events": null}', id="events-null"),
        pytest.param(b'{"Events": ""}', id="events-text"),
        pytest.param(b'{"Events": {}}', id="events-object"),
        pytest.param(b'{"Events": [null]}', id="event-null"),
        pytest.param(b'{"Events": ["Freeze"]}', id="event-text"),
        pytest.param(b'{"Events": [[]]}', id="event-list"),
        pytest.param(b'{"Events": [{}]}', id="no-id"),
        pytest.param(b'{"Events": [{"EventId": 7}]}', id="id-number"),
    ],
)
def test_what_is_no_such_document_is_none(body: bytes) -> None:
    """Not "nothing is announced"."""
    assert decode(body) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["Events", "EventId", "EventType", "EventStatus", "Resources", "EventSource"]
            )
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


def _is_sound(found: tuple[ScheduledEvent, ...] | None) -> bool:
    """None, or events whose every text can be printed."""
    for event in found or ():
        texts = (event.id, event.type, event.status, event.source or "", *event.resources)
        "".join(texts).encode()
        if event.seconds is not None and event.seconds < 0:
            return False
    return True


@given(st.binary(max_size=200))
def test_any_bytes_are_events_or_none(body: bytes) -> None:
    """No exception."""
    assert _is_sound(decode(body))


@given(JSON)
def test_any_json_is_events_or_none(value: Any) -> None:
    """No exception, by itself, as the list, or as an event."""
    for document in (value, {"Events": value}, {"Events": [value]}):
        assert _is_sound(decode(json.dumps(document).encode()))


# --- asking --------------------------------------------------------------------------------------


def _ask(endpoint: str) -> tuple[str, bytes | str]:
    emitted: list[tuple[str, bytes | str]] = []
    ask_for_events(endpoint, 5.0, emitted.append)
    (answer,) = emitted
    return answer


def test_the_request_is_what_the_service_demands() -> None:
    """Metadata: true, and a version that it knows."""
    body = json.dumps(DOCUMENT).encode()
    with serving((200, body)) as server:
        assert _ask(server.endpoint) == ("body", body)
        ((path, headers, method),) = server.requests
    assert (method, path) == ("GET", PATH)
    assert path == "/metadata/scheduledevents?api-version=2020-07-01"
    assert headers["Metadata"] == "true"
    assert "x-forwarded-for" not in {name.lower() for name in headers}


@pytest.mark.parametrize("status", [200, 400, 404, 405, 410, 429, 500, 503])
def test_an_event_is_never_acknowledged(status: int) -> None:
    """One GET, whatever is answered: a POST would start the maintenance."""
    with serving((status, json.dumps(DOCUMENT).encode())) as server:
        _ask(server.endpoint)
        assert [asked.method for asked in server.requests] == ["GET"]
        assert all("Content-Length" not in asked.headers for asked in server.requests)


def test_a_refusal_is_told() -> None:
    """It is asked again soon enough: not here."""
    with serving((503, b"")) as server:
        assert _ask(server.endpoint) == ("refused", "HTTP 503")


def test_nobody_listens() -> None:
    """The errno's name."""
    with serving((200, b"")) as server:
        endpoint = server.endpoint
    assert _ask(endpoint) == ("refused", "ECONNREFUSED")


def test_a_huge_document_is_refused() -> None:
    """And not read to its end."""
    with serving((200, b"x" * (MAX_BODY + 1))) as server:
        assert _ask(server.endpoint) == ("refused", "EFBIG")


def test_the_first_answer_may_take_two_minutes() -> None:
    """As the document says; the ones after it may not."""
    assert FIRST_DEADLINE > 120 > DEADLINE

"""The page of a machine that calls its devices what it likes."""

from __future__ import annotations

import copy
import html
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_agent import page
from accelnet_agent.page import PageFacts
from accelnet_agent.page_markup import text
from accelnet_probes.record import replace
from hours import MACHINES, document_of, facts_about, serviced
from reading import read

EACH = pytest.mark.parametrize("machine", MACHINES)


HOSTILE = "\"'><script>alert(1)</script>`&\u202e\u2066\x00\x1b[31m\r\n\ud800 onload=x"
HOSTILE_LONG = HOSTILE + "\U0001f4a5" * 10_000


def report(machine: str = "mlx5-healthy") -> dict[str, Any]:
    """A report of a fixture, to be changed."""
    return copy.deepcopy(document_of(machine))


def poisoned(value: Any, poison: str) -> Any:
    """Every text that a machine can choose, replaced."""
    kept = {"check", "status", "level", "verdict", "datapath", "observed_at", "source", "runbook"}
    if isinstance(value, dict):
        return {
            key: inner
            if key in kept
            else (
                "Do:\n  " + poison.replace("\n", "") if key == "remedy" else poisoned(inner, poison)
            )
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [poisoned(inner, poison) for inner in value]
    return poison if isinstance(value, str) else value


def poisoned_facts(machine: str, poison: str) -> PageFacts:
    """A machine that calls everything so."""
    document = poisoned(report(machine), poison)
    facts = facts_about(document, serviced)
    events = tuple(replace(event, vf=poison, note=poison) for event in facts.events)
    return replace(facts, events=events)


@pytest.mark.parametrize("poison", [HOSTILE, HOSTILE_LONG], ids=["short", "long"])
@EACH
def test_names_make_no_markup(machine: str, poison: str) -> None:
    """The elements are those of a machine with plain names; nothing turns or ends the line."""
    facts = poisoned_facts(machine, poison)
    rendered = page.render(facts)
    plain = read(page.render(poisoned_facts(machine, "x" * len(poison))))
    reader = read(rendered)
    tags = Counter(tag for tag, _ in reader.elements)
    assert (reader.wrong, reader.open) == ([], [])
    assert tags == Counter(tag for tag, _ in plain.elements)
    assert {n for _, a in reader.elements for n in a} == {n for _, a in plain.elements for n in a}
    body = rendered.decode().partition("</style>")[2]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", body)
    assert len(rendered) < 200_000


@given(st.text())
def test_any_text_is_escaped(value: str) -> None:
    """What a parser reads back is the text, but for what can not be shown."""
    shown_ = html.unescape(text(value, 10_000)).replace("\xa0", " ")
    assert len(shown_) == len(value)
    assert all(a in (b, "\ufffd") for a, b in zip(shown_, value, strict=True))
    assert not set(text(value, 10_000)) & set("<>\"'`")
    text(value).encode()


@given(st.text(max_size=60))
def test_any_name_is_rendered(poison: str) -> None:
    """No name keeps the page from being made."""
    reader = read(page.render(poisoned_facts("vf-not-paired", poison)))
    assert (reader.wrong, reader.open) == ([], [])

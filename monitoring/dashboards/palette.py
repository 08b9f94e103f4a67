"""Colours and words for what accelnet says, the same on every dashboard.

The colours are those that Okabe and Ito chose so that people with each kind of colour vision
can tell them apart (https://jfly.uni-koeln.de/color/).  None of them is green, and none stands
alone: wherever a colour says something, a word does too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    FieldColorModeId,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grafana_foundation_sdk.models.dashboard import ValueMapping

BLUE: Final = "#0072B2"
SKY: Final = "#56B4E9"
YELLOW: Final = "#F0E442"
ORANGE: Final = "#E69F00"
VERMILLION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#545454"  # what is not known; what is not there

GOOD, WARN, BAD = BLUE, ORANGE, VERMILLION

# accelnet_verdict and accelnet_check_status.
STATUSES: Final = {
    0: ("pass", GOOD),
    1: ("warn", WARN),
    2: ("fail", BAD),
    3: ("unknown", PURPLE),
}
# The states of accelnet_nic_datapath, numbered here: a timeline draws numbers.
STATES: Final = {
    "vf": (1, "VF", BLUE),
    "direct": (2, "VF, the only NIC", SKY),
    "switching": (3, "switching", YELLOW),
    "synthetic": (4, "synthetic, VF joined", VERMILLION),
    "no_vf": (5, "synthetic, no VF", ORANGE),
    "orphan_vf": (6, "synthetic, VF not joined", PURPLE),
    "unknown": (7, "unknown", GREY),
}


def mappings(words: Mapping[int, tuple[str, str]]) -> list[ValueMapping]:
    """Values as words on their colours; what is not there says so, in grey."""
    options = {
        str(value): ValueMappingResult(text=word, color=colour, index=index)
        for index, (value, (word, colour)) in enumerate(words.items())
    }
    nothing = DashboardSpecialValueMapOptions(
        match=SpecialValueMatch.NULL_AND_NAN,
        result=ValueMappingResult(text="no data", color=GREY, index=len(options)),
    )
    return [ValueMap(options), SpecialValueMap(nothing)]


def status_words() -> list[ValueMapping]:
    """0 to 3 as pass, warn, fail, unknown."""
    return mappings(STATUSES)


def state_words() -> list[ValueMapping]:
    """The numbers of STATES."""
    return mappings({number: (word, colour) for number, word, colour in STATES.values()})


def state_names() -> list[ValueMapping]:
    """The states themselves, as a label says them."""
    options = {
        name: ValueMappingResult(text=word, color=colour, index=number)
        for name, (number, word, colour) in STATES.items()
    }
    return [ValueMap(options)]


def yes_or_no(yes: str, no: str) -> list[ValueMapping]:
    """1 and 0."""
    return mappings({1: (yes, GOOD), 0: (no, BAD)})


def thresholds(*steps: tuple[float, str]) -> build.ThresholdsConfig:
    """Colours from so much on; below the first, and where there is nothing, grey."""
    first = Threshold(value=None, color=GREY)
    found = [first, *(Threshold(value=value, color=colour) for value, colour in steps)]
    return build.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(found)


def none_is_good(warn: float = 1, bad: float | None = None) -> build.ThresholdsConfig:
    """For counts of what should not be."""
    steps = [(0, GOOD), (warn, WARN)]
    return thresholds(*steps, *([] if bad is None else [(bad, BAD)]))


def fixed(colour: str) -> build.FieldColor:
    """One colour for all of a panel."""
    return build.FieldColor().mode(FieldColorModeId.FIXED).fixed_color(colour)


def shades(colour: str) -> build.FieldColor:
    """Lighter and darker, for series of which nobody knows how many there are."""
    return build.FieldColor().mode(FieldColorModeId.SHADES).fixed_color(colour)


def by_threshold() -> build.FieldColor:
    """The colour of the threshold that a value has reached."""
    return build.FieldColor().mode(FieldColorModeId.THRESHOLDS)

"""The page at /: that it is whole, small, readable, and has the verdict first."""

from __future__ import annotations

import copy
import html
import itertools
import re
from collections import Counter
from typing import Any

import pytest

from accelnet_agent import page
from accelnet_probes.record import replace
from hours import FIXTURES, MACHINES, calm, document_of, facts_about, facts_of, serviced, storm
from reading import parts, read, shown
from trees import judge_bundle

EACH = pytest.mark.parametrize("machine", MACHINES)


def report(machine: str = "mlx5-healthy") -> dict[str, Any]:
    """A report of a fixture, to be changed."""
    return copy.deepcopy(document_of(machine))


@EACH
def test_it_is_well_formed(machine: str) -> None:
    """Every element is closed in its turn, every id is there once, every reference leads to one."""
    reader = read(page.render(facts_of(machine, serviced)))
    ids = Counter(attributes["id"] for _, attributes in reader.elements if "id" in attributes)
    named = {
        name
        for _, attributes in reader.elements
        for name in (attributes.get("aria-labelledby") or "").split()
    }
    named |= {
        str(attributes["href"])[1:]
        for _, attributes in reader.elements
        if str(attributes.get("href")).startswith("#")
    }
    assert (reader.wrong, reader.open) == ([], [])
    assert [name for name, count in ids.items() if count > 1] == []
    assert named - set(ids) == set()


@EACH
def test_it_asks_for_nothing_else(machine: str) -> None:
    """No address but of this page, of its report and of data: not in elements, not in styles."""
    rendered = page.render(facts_of(machine, calm))
    reader = read(rendered)
    links = {
        value
        for _, attributes in reader.elements
        for name, value in attributes.items()
        if name in ("href", "src", "srcset", "action", "data", "poster", "xlink:href")
    }
    assert [v for v in links if not re.match("#|data:image/svg|report$", str(v))] == []
    assert not re.search(r"url\(|@import|@font-face|//[a-z]+\.", page.STYLE)


@EACH
def test_it_has_no_inline_handlers(machine: str) -> None:
    """What it does it does in its one script, and it styles by its one <style>."""
    reader = read(page.render(facts_of(machine, serviced)))
    names = [name for _, attributes in reader.elements for name in attributes]
    assert [name for name in names if name.startswith("on") or name == "style"] == []
    assert [tag for tag, _ in reader.elements].count("script") == 1


@EACH
def test_headings_make_an_outline(machine: str) -> None:
    """One <h1>, and none that skips a level."""
    reader = read(page.render(facts_of(machine, calm)))
    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels


def test_its_language_and_landmarks_are_named() -> None:
    """What a screen reader goes by: lang, header, main, footer, sections with a heading."""
    reader = read(page.render(facts_of("two-nics", calm)))
    tags = Counter(tag for tag, _ in reader.elements)
    assert ("html", {"lang": "en"}) in reader.elements
    assert (tags["main"], tags["footer"]) == (1, 1)
    assert all(a.get("aria-labelledby") for tag, a in reader.elements if tag == "section")


def test_each_drawing_says_what_it_shows() -> None:
    """An <svg> is an image with title and description, or is hidden from a screen reader."""
    rendered = page.render(facts_of("two-nics", serviced))
    images = parts(rendered, r"<svg [^>]*role=\"img\"[^>]*>.{0,80}")
    assert len(images) == 4
    assert all("<title" in image for image in images)
    outer = parts(rendered, r"<svg (?!x=)[^>]*>")
    assert [tag for tag in outer if "role=" not in tag and "aria-hidden=" not in tag] == []


@pytest.mark.parametrize("hour", [calm, storm])
def test_it_is_small(hour: Any) -> None:
    """Less than 60 kB for one NIC, with an hour of history and thousands of events."""
    assert len(page.render(facts_of("ipv4-on-vf", hour))) < 60_000


@EACH
def test_the_verdict_comes_first_in_the_words_of_the_text_report(machine: str) -> None:
    """The headline is that of report.txt."""
    lines = (FIXTURES / machine / "report.txt").read_text(encoding="utf-8").splitlines()
    first = [lines[0], *(line for line in lines[1:3] if line.startswith("      "))]
    _, _, wanted = " ".join(" ".join(first).split()).partition(": ")
    (headline,) = parts(page.render(facts_of(machine)), "<h1[^>]*>(.*?)</h1>")
    word, _, said = html.unescape(re.sub("<[^>]*>", "", headline)).partition(": ")
    assert said.replace("\xa0", " ") == wanted
    assert word.upper()[:4] == lines[0][:4]


@pytest.mark.parametrize(
    ("machine", "verdict", "word"),
    [
        ("mlx5-healthy", "pass", "Pass"),
        ("no-vf", "warn", "Warning"),
        ("vf-down", "fail", "Fail"),
        (None, "unknown", "Unknown"),
    ],
)
def test_the_verdict_is_word_colour_and_shape(machine: str | None, verdict: str, word: str) -> None:
    """In the title, in the icon of the tab, in the headline."""
    rendered = page.render(facts_of(machine))
    assert parts(rendered, "<title>(.*?)</title>")[0].startswith(f"{word}: ")
    assert parts(rendered, "<h1[^>]*><span>(.*?)</span>") == [f"{word}:"]
    (shape,) = parts(rendered, '<div id="verdict" class="([a-z]*)"><svg class="icon')
    assert shape == verdict
    assert page.COLOURS[verdict].replace("#", "%23") in parts(rendered, '<link rel="icon"(.*?)>')[0]


def test_a_pass_without_traffic_says_so() -> None:
    """An idle machine is healthy, not proven."""
    assert "no traffic has proven it" in shown(page.render(facts_of("idle")))


def test_a_pass_without_a_vf_says_so() -> None:
    """With --expect off the verdict passes, and the page claims nothing that is not so."""
    document = judge_bundle(FIXTURES / "no-vf", "off")
    assert "no VF is in use, as expected" in shown(page.render(facts_about(document)))


def test_a_direct_nic_is_proof_enough() -> None:
    """There is no other path."""
    document = report()
    document["nics"][0].update(datapath="direct", vf=None, window=None)
    assert "Pass: accelerated networking works" in shown(page.render(facts_about(document)))


def test_an_image_without_nics_is_judged_by_its_host() -> None:
    """With --root there may be no NIC at all."""
    document = report()
    document.update(source="root", nics=[])
    words = shown(page.render(facts_about(document)))
    assert "the rest is judged on the running VM" in words
    assert "No synthetic NIC and no direct NIC is to be seen" in words


def test_a_verdict_without_a_finding_says_what_is_missing() -> None:
    """Where the checks that would say why were skipped."""
    document = report("no-vf")
    document["findings"] = []
    assert "the checks that would say why were skipped" in shown(page.render(facts_about(document)))


def test_it_says_what_machine_it_is() -> None:
    """Distribution, kernel, size, and when it was observed."""
    words = shown(page.render(facts_of("seed-sample")))
    assert "Ubuntu 16.04.3 LTS kernel 4.11.0-1013-azure Standard_DS4_v2" in words
    assert "Observed 2018-01-02 00:00:00 UTC, 3 s ago" in words


def test_what_is_not_known_of_the_host_is_said() -> None:
    """None is not left out."""
    document = report()
    document["host"] = {
        "distro": {"id": None, "version_id": None, "pretty_name": None},
        "kernel": {"release": None},
        "azure": None,
        "vm_size": None,
        "image": None,
    }
    words = shown(page.render(facts_about(document)))
    assert "distribution not known kernel not known Azure or not: not known" in words


def test_an_old_observation_is_marked() -> None:
    """An agent that is served but does not observe must not look well."""
    facts = facts_of("mlx5-healthy")
    assert b'class="stale"' not in page.render(facts)
    old = page.render(replace(facts, now=facts.now + 720))
    assert 'class="stale">Observed' in old.decode()
    assert "UTC, 12 min ago" in shown(old)


def test_a_clock_that_was_set_back_is_no_age() -> None:
    """What was observed in the future was observed now."""
    facts = facts_of("mlx5-healthy")
    assert "ago" not in shown(page.render(replace(facts, now=facts.now - 5000)))


def test_before_the_first_observation_it_says_so() -> None:
    """Unknown, nothing drawn, and it will be asked for again."""
    rendered = page.render(facts_of(None))
    assert "Unknown: the agent has just started and has not looked yet" in shown(rendered)
    assert b'class="drawing' not in rendered
    assert b'<noscript><meta http-equiv="refresh" content="30"></noscript>' in rendered


TEXT, GRAPHICS = 4.5, 3.0  # WCAG 2.2: 1.4.3 and 1.4.11, level AA
GROUNDS = ("ground", "card", "inset")
TINTS = ("pass-tint", "warn-tint", "fail-tint", "unknown-tint", "skip-tint")
STATUSES = ("pass", "warn", "fail", "unknown", "skip")
PAIRS = [
    *((ink, ground, TEXT) for ink in ("ink", "quiet", "link") for ground in GROUNDS),
    *((ink, tint, TEXT) for ink in ("ink", "quiet") for tint in TINTS),
    *((f"{status}-ink", f"{status}-tint", TEXT) for status in STATUSES),
    ("fail-ink", "card", TEXT),  # states in drawings
    *(("warn-ink", tint, TEXT) for tint in TINTS),  # an old observation
    *(("sign", status, TEXT) for status in STATUSES),  # the words "data path" on the way in use
    *((status, ground, GRAPHICS) for status in STATUSES for ground in ("card", f"{status}-tint")),
    *(("line", ground, GRAPHICS) for ground in ("card", "inset")),
    *(("vf", ground, GRAPHICS) for ground in ("card", "vf-area", "past-area")),
]


def colours(scheme: str) -> dict[str, str]:
    """The variables of a scheme; dark changes those of light."""
    light, dark = re.findall(r":root \{(.*?)\}", page.STYLE, re.DOTALL)[:2]
    found = re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light + (dark if scheme == "dark" else ""))
    return dict(found)


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough(scheme: str) -> None:
    """What is written and what is drawn stands out from what it stands on, in both schemes."""
    named = colours(scheme)
    weak: list[str] = []
    for above, below, least in PAIRS:
        high, low = sorted((luminance(named[above]), luminance(named[below])), reverse=True)
        ratio = (high + 0.05) / (low + 0.05)
        if ratio < least:
            weak.append(f"{above} on {below}: {ratio:.2f}")
    assert weak == []


def test_the_icon_of_the_tab_has_the_colours_of_the_page() -> None:
    """Of the light scheme."""
    named = colours("light")
    assert {status: named[status] for status in page.COLOURS} == page.COLOURS


def test_both_schemes_have_every_colour() -> None:
    """None that only one of them sets."""
    light, dark = re.findall(r":root \{(.*?)\}", page.STYLE, re.DOTALL)[:2]
    names = re.findall(r"--([a-z-]+):", light)
    assert re.findall(r"--([a-z-]+):", dark) == names
    used = set(re.findall(r"var\(--([a-z-]+)\)", page.STYLE))
    assert used - set(names) == {"hue", "strong", "tint"}


@pytest.mark.parametrize(
    "query",
    [
        "prefers-color-scheme: dark",
        "prefers-reduced-motion: reduce",
        "forced-colors: active",
        "print",
    ],
)
def test_it_minds_how_its_reader_reads(query: str) -> None:
    """Dark, without motion, with colours of one's own, on paper."""
    assert re.search(rf"@media \(?{query}\)? \{{", page.STYLE)

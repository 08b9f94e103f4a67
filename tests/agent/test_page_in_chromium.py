"""The page in a browser: under the agent's policy, kept up to date, and without JavaScript.

Time is the browser's own here (--virtual-time-budget): half a minute of it is over at once.
What a test does with the page is a script of its own, added to the page that is served.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from accelnet_agent import page
from accelnet_probes.record import replace
from browsing import CHROMIUM, DARK, Answer, Seen, Site, browse, extent, serving
from hours import calm, document_of, facts_about, facts_of, lost, serviced, storm

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed")

HEALTHY = page.render(facts_of("mlx5-healthy", calm))
BROKEN = page.render(facts_of("vf-without-driver", lost))
GONE = Answer(BROKEN, whole=False)


def script(*lines: str) -> bytes:
    """A script at the end of a page, after the page's own."""
    return f"<script>{';'.join(lines)}</script></body>".encode()


def watched(answers: Sequence[Answer | bytes], *lines: str, seconds: int) -> tuple[Seen, Site]:
    """The page after some of its time; `lines` are the test's script in the page.

    The server gives one answer after the other, the last again and again, and what was last
    for /last.
    """
    served: list[Answer] = []

    def answer(path: str) -> Answer:
        if path == "/last":
            return served[-1]
        given = answers[min(len(served), len(answers) - 1)]
        given = given if isinstance(given, Answer) else Answer(given)
        if not served:
            given = Answer(given.body.replace(b"</body>", script(*lines)))
        served.append(given)
        return given

    with serving(answer) as site:
        seen = browse(site.url, f"--virtual-time-budget={seconds * 1000}", "--dump-dom")
        return seen, site


def noted(seen: Seen, name: str) -> Any:
    """What a test's script has noted on <html>."""
    found = re.search(rf'<html[^>]* data-{name}="([^"]*)"', seen.dom)
    return json.loads(html.unescape(found[1])) if found else None


def note(name: str, value: str) -> str:
    """JavaScript that notes a value on <html>."""
    return f"document.documentElement.dataset.{name}=JSON.stringify({value})"


def at(seconds: float, *lines: str) -> str:
    """JavaScript that runs later."""
    return f"setTimeout(async()=>{{{';'.join(lines)}}},{seconds * 1000})"


LIVE = note("live", "[live.hidden,live.textContent]")


def test_the_policy_allows_all_that_it_does() -> None:
    """Nothing is refused, nothing is missing, nothing goes wrong: the console stays empty."""
    seen, site = watched([HEALTHY, BROKEN], seconds=12)
    assert seen.console == []
    assert set(site.asked) == {"/"}


def test_a_violation_would_be_seen() -> None:
    """The same with an image of another server, which the policy refuses."""
    image = HEALTHY.replace(b"</main>", b'<img src="http://127.0.0.1:9/x.png" alt=""></main>')
    seen, _ = watched([image], seconds=1)
    assert any("Content Security Policy" in line for line in seen.console)


def test_it_is_kept_up_to_date() -> None:
    """Verdict, title, icon and drawing are of the last answer, without a click."""
    seen, site = watched([HEALTHY, BROKEN], seconds=12)
    assert len(site.asked) >= 2
    assert "<title>Fail: no driver is bound" in seen.dom
    assert '<div id="verdict" class="fail">' in seen.dom
    assert page.COLOURS["fail"].replace("#", "%23") in seen.dom
    assert ">not joined<" in seen.dom
    assert "Pass: " not in seen.dom


def test_any_page_becomes_any_other() -> None:
    """What is changed in place is the same as what was served, whatever came before it."""
    hours = [
        ("mlx5-healthy", calm),
        ("vf-without-driver", lost),
        ("two-nics", serviced),
        (None, None),
        ("ioctl-hangs", None),
        ("no-vf", storm),
        ("two-nics", calm),
        ("vf-down", lost),
        ("mlx5-healthy", calm),
    ]
    main = (
        "const main=d=>{const m=d.getElementById('main').cloneNode(true);"
        "for(const b of m.querySelectorAll('.copy'))b.hidden=true;return m}"
    )
    look = (
        "const text=await(await fetch('/last')).text()",
        "const last=new DOMParser().parseFromString(text,'text/html')",
        "all.push(main(document).isEqualNode(main(last)))",
        note("same", "all"),
    )
    rendered = [page.render(facts_of(machine, hour)) for machine, hour in hours]
    times = range(15, 10 * len(hours) + 5, 10)
    seen, _ = watched(
        rendered,
        "const all=[]",
        main,
        *(at(second, *look) for second in times),
        seconds=times[-1] + 2,
    )
    assert noted(seen, "same") == [True] * (len(hours) - 1)
    assert seen.console == []


def test_its_reader_is_not_disturbed() -> None:
    """What was opened stays open, focus and selection and scrolling stay where they are."""
    before = replace(facts_of("vf-without-driver", lost), histories=())
    after = replace(facts_of("vf-without-driver", storm), now=before.now + 40)
    seen, site = watched(
        [page.render(before), page.render(after)],
        "const box=document.querySelector('#vf-driver-1 details')",
        "box.open=true",
        "const line=box.querySelector('summary')",
        "line.focus()",
        "const commands=document.querySelector('pre code').firstChild",
        "getSelection().setBaseAndExtent(commands,2,commands,9)",
        "scrollTo(0,500)",
        at(
            15,
            note(
                "kept",
                "[box.isConnected,box.open,document.activeElement===line,String(getSelection()),"
                "scrollY,document.querySelectorAll('details[open]').length]",
            ),
        ),
        seconds=16,
    )
    assert len(site.asked) >= 2
    assert "1,800 events" in seen.dom
    assert noted(seen, "kept") == [True, True, True, "do modp", 500, 1]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(GONE, "", id="gone"),
        pytest.param(Answer(b"busy", status=503), " (it answers with status 503)", id="refused"),
        pytest.param(Answer(b"<p>Log in</p>"), " (it answers with another page)", id="other"),
    ],
)
def test_it_says_that_the_agent_is_gone(answer: Answer, why: str) -> None:
    """Since when, and that what is shown is old; until it is back."""
    seen, _ = watched(
        [HEALTHY, answer, BROKEN],
        at(15, LIVE, note("title", "document.title")),
        at(25, LIVE.replace("dataset.live", "dataset.back")),
        seconds=26,
    )
    hidden, words = noted(seen, "live")
    assert not hidden
    pattern = (
        r"The agent was not reached since \d\d:\d\d:\d\d UTC(.*)\. What is shown is from then\."
    )
    found = re.fullmatch(pattern, words)
    assert found is not None
    assert found[1] == why
    assert noted(seen, "title").startswith("Pass")
    assert noted(seen, "back") == [True, ""]
    assert "<title>Fail" in seen.dom


def test_a_tab_that_nobody_looks_at_asks_for_nothing() -> None:
    """And at once when it is looked at again."""
    tell = "document.dispatchEvent(new Event('visibilitychange'))"
    hidden, looked_at = (
        f"Object.defineProperty(document,'hidden',{{value:{value},configurable:true}});{tell}"
        for value in ("true", "false")
    )
    seen, site = watched([HEALTHY, BROKEN], hidden, at(31, looked_at), at(31.5, hidden), seconds=60)
    assert site.asked == ["/", "/"]
    assert "<title>Fail" in seen.dom


def test_it_can_be_paused() -> None:
    """WCAG 2.2.2: what changes by itself can be stopped, and goes on when that is wanted."""
    press = "document.getElementById('pause').click()"
    state = note("state", "document.getElementById('pause').textContent")
    seen, site = watched(
        [HEALTHY, BROKEN], press, state, at(31, press), at(31.5, press), seconds=60
    )
    assert site.asked == ["/", "/"]
    assert noted(seen, "state") == "Go on"
    assert "<title>Fail" in seen.dom


def test_commands_are_copied_by_a_button() -> None:
    """Those of its box, as they are; on a page that a browser trusts, which is what loopback is."""
    seen, _ = watched(
        [BROKEN],
        "Object.defineProperty(navigator,'clipboard',{value:{writeText:async t=>{"
        + note("copied", "t")
        + "}}})",
        note("hidden", "[...document.querySelectorAll('.copy')].map(b=>b.hidden)"),
        "document.querySelector('.copy').click()",
        seconds=1,
    )
    assert noted(seen, "copied") == (
        "sudo modprobe mlx5_core\necho 0001:00:02.0 | sudo tee /sys/bus/pci/drivers_probe\n"
    )
    assert set(noted(seen, "hidden")) == {False}


def test_it_is_complete_without_javascript() -> None:
    """All that it says is there; what would do nothing is not offered."""
    with serving(lambda _: Answer(BROKEN)) as site:
        seen = browse(site.url, "--dump-dom", javascript=False)
    assert "sudo modprobe mlx5_core" in seen.dom
    assert '<p id="updates" hidden="">' in seen.dom
    assert "<p>This page is loaded anew every 30 s.</p>" in seen.dom
    assert seen.console == []


def test_it_is_loaded_anew_without_javascript() -> None:
    """By <meta http-equiv=refresh>, which stands in <noscript>."""
    answers: Callable[[str], Answer] = lambda _: (  # noqa: E731
        Answer(HEALTHY if len(site.asked) == 1 else BROKEN.replace(b'"refresh"', b'"x"'))
    )
    with serving(answers) as site:
        seen = browse(site.url, "--virtual-time-budget=40000", "--dump-dom", javascript=False)
    assert site.asked[:2] == ["/", "/"]
    assert "<title>Fail" in seen.dom


def test_a_hostile_machine_runs_no_script() -> None:
    """Names are text to a browser too."""
    poison = "\"'><img src=x onerror=document.title=1><script>document.title=2</script>"
    document = json.loads(
        json.dumps(document_of("vf-not-paired")).replace("enP1s1", json.dumps(poison)[1:-1])
    )
    rendered = page.render(facts_about(document, lost))
    seen, site = watched([rendered], seconds=1)
    assert "<title>Fail" in seen.dom
    assert seen.console == []
    assert site.asked == ["/"]


@pytest.mark.parametrize("width", [360, 1000])
def test_nothing_is_wider_than_the_window(width: int) -> None:
    """Commands and tables scroll within their boxes, long names are broken or cut."""
    document = json.loads(json.dumps(document_of("vf-without-driver")).replace("eth1", "e" * 300))
    opened = script("for(const d of document.querySelectorAll('details'))d.open=true")
    rendered = page.render(facts_about(document, storm)).replace(b"</body>", opened)
    assert extent(rendered, width)[0] == width


def test_the_scheme_is_its_readers() -> None:
    """Dark where the reader has it dark."""
    with serving(lambda _: Answer(HEALTHY.replace(b"</body>", GROUND))) as site:
        grounds = {
            noted(browse(site.url, *flags, "--dump-dom"), "ground") for flags in ((), (DARK,))
        }
    assert grounds == {"rgb(245, 246, 248)", "rgb(15, 19, 24)"}


GROUND = script(note("ground", "getComputedStyle(document.body).backgroundColor"))

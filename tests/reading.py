"""What stands in a rendered page, for tests to look at."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input"}  # elements that have no end tag


class Reader(HTMLParser):
    """Keeps every element, and complains of what is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that goes on."""
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that is all there is of it."""
        if len({name for name, _ in attrs}) != len(attrs):
            self.wrong.append(f"{tag} has an attribute twice")
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """The end of the last one that is open."""
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing")


def read(rendered: bytes) -> Reader:
    """The page as a parser sees it."""
    reader = Reader()
    reader.feed(rendered.decode())
    reader.close()
    return reader


def shown(rendered: bytes) -> str:
    """The words of the body, entities resolved, spaces as one."""
    body = rendered.decode().partition("<body>")[2].partition("<script>")[0]
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", body)).split())


def parts(rendered: bytes, pattern: str) -> list[str]:
    """Everything of the page that matches."""
    return re.findall(pattern, rendered.decode(), re.DOTALL)

"""A YAML file as named values, so that whoever finds a mistake can say where it is.

The values are as strict, and as lenient, as those that go-yaml v2 decodes into Go's structs
(`yaml.UnmarshalStrict`): an unknown key and a key that stands twice are mistakes, a plain number
is a fine string, null is as good as absent.  PyYAML composes the nodes and constructs nothing.
"""

from __future__ import annotations

import os
import re
import stat

import yaml

from accelnet_agent.report import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

MAX_FILE = 262144  # bytes of a configuration or PEM file
_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
# go-yaml v2, resolve.go: the words that are a boolean when they are not quoted.
_TRUE = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
_FALSE = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
_INTEGER = re.compile(r"[-+]?[0-9][0-9_]{0,17}")


class Value:
    """One value: its node, and the name that messages give it."""

    def __init__(self, path: str, key: str, node: yaml.Node | None) -> None:
        self.key = key
        self._path = path
        self._node = node

    @property
    def present(self) -> bool:
        """Whether it is anything but null."""
        return self._node is not None and self._node.tag != _NULL

    def wrong(self, expected: str, found: str | None = None) -> UsageError:
        """The mistake that this value is; `found` where it must not be shown, or says more."""
        found = found or self._shown()
        return UsageError(f"{self._place()}found {found}, expected {expected}")

    def entries(self) -> dict[str, Value]:
        """The values of a mapping by their keys."""
        if not self.present:
            return {}
        node = self._node
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong("a mapping of keys to values")
        seen: set[str] = set()
        for key, _ in node.value:
            name = Value(self._path, self.key, key).text()
            if name in seen and key.tag != _MERGE:
                place = Value(self._path, self._below(name), key)
                raise place.wrong("it once", "this key a second time")
            seen.add(name)
        try:
            yaml.SafeLoader("").flatten_mapping(node)  # `<<: *anchor`
        except yaml.YAMLError as error:
            raise self.wrong("a mapping behind <<", "another value") from error
        named = [(Value(self._path, self.key, key).text(), value) for key, value in node.value]
        return {name: Value(self._path, self._below(name), value) for name, value in named}

    def fields(self, known: Collection[str]) -> dict[str, Value]:
        """The values that are there, of a mapping that has these keys and no other."""
        entries = self.entries()
        for name, value in entries.items():
            if name not in known:
                raise value.wrong(f"one of {', '.join(known)}", "a key that is not known")
        return {name: value for name, value in entries.items() if value.present}

    def items(self) -> list[Value]:
        """The values of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.wrong("a list")
        return [
            Value(self._path, f"{self.key}[{index}]", node)
            for index, node in enumerate(self._node.value)
        ]

    def text(self) -> str:
        """A string, or any other scalar as it is written."""
        if not isinstance(self._node, yaml.ScalarNode):
            raise self.wrong("a string")
        return self._node.value if self.present else ""

    def truth(self) -> bool:
        """A boolean."""
        word = self._plain()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise self.wrong("true or false")

    def number(self) -> int:
        """A whole number."""
        word = self._plain()
        if word is None or not _INTEGER.fullmatch(word):
            raise self.wrong("a whole number")
        return int(word.replace("_", ""))

    def _plain(self) -> str | None:
        """The text of a scalar that is not quoted."""
        node = self._node
        if not isinstance(node, yaml.ScalarNode) or node.style in ("'", '"', "|", ">"):
            return None
        return str(node.value)

    def _below(self, name: str) -> str:
        # A name comes from the file: it may be anything, and of any length.
        name = name if name.isprintable() and len(name) < 80 else ascii(name[:40])
        return f"{self.key}.{name}" if self.key else name

    def _place(self) -> str:
        line = f"line {self._node.start_mark.line + 1}: " if self._node is not None else ""
        return f"{self._path}: {line}{self.key}{': ' if self.key else ''}"

    def _shown(self) -> str:
        if not self.present:
            return "nothing"
        if isinstance(self._node, yaml.ScalarNode):
            return ascii(self._node.value[:60])
        return "a mapping" if isinstance(self._node, yaml.MappingNode) else "a list"


def read(path: str) -> Value:
    """The one document in the YAML file `path`; UsageError says why there is none."""
    try:
        node = yaml.SafeLoader(contents(path)).get_single_node()
    except OSError as error:
        raise UsageError(f"{path}: can not be read: {error.strerror}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark is not None else ""
        raise UsageError(
            f"{path}: {line}{error.problem or error.context}, expected YAML"
        ) from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: {str(error).splitlines()[0]}, expected YAML") from error
    except RecursionError as error:
        raise UsageError(f"{path}: lists or mappings nested too deep, expected YAML") from error
    return Value(path, "", node)


def contents(path: str) -> bytes:
    """All of a small regular file; OSError says why not.  A pipe would never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is no regular file")
        if status.st_size > MAX_FILE:
            raise OSError(0, f"it is larger than {MAX_FILE} bytes")
        return os.read(descriptor, MAX_FILE + 1)
    finally:
        os.close(descriptor)

"""debian/copyright, machine-readable: accelnet's own part, and a paragraph for each component."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.utils import parse_wheel_filename

from accelnet_package.components import COMPONENTS, Component
from accelnet_package.contents import LIBRARY, members

HEAD = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: accelnet
Comment: The releases that accelnet needs are shipped with it, unchanged but for files that
 it does not use.  docs/packages.md says why.  Each brings its licences in full, in
 /usr/lib/accelnet/NAME-VERSION.dist-info.

Files: *
Copyright: 2026 The accelnet developers
License: Apache-2.0
"""

COMMON = {"Apache-2.0": "Apache-2.0", "GPL-2.0-or-later": "GPL-2"}


def write(wheels: tuple[Path, ...]) -> bytes:
    """The file, for a package with these wheels in it."""
    paragraphs = [HEAD]
    texts: dict[str, str] = {}  # by the name that its paragraph has here
    for wheel in wheels:
        name = str(parse_wheel_filename(wheel.name)[0])
        component = COMPONENTS[name]
        files = dict(members(wheel))
        renamed = {spdx: f"{spdx}-{name}" for spdx, _ in component.texts}
        paragraphs.append(_files(name, files, component, renamed))
        paragraphs += [
            f"Files: {LIBRARY}/{part.file}\nCopyright: {part.holder}\nLicense: {part.licence}\n"
            for part in component.parts
        ]
        for spdx, path in component.texts:
            (text,) = (data for file, data in files.items() if file.endswith(f"info/{path}"))
            texts[renamed[spdx]] = text.decode()
        if name == "prometheus-client":
            decorator = files["prometheus_client/decorator.py"].decode()
            texts["BSD-2-Clause"] = _head_of(decorator)
    texts |= {
        spdx: f"On Debian: /usr/share/common-licenses/{file}" for spdx, file in COMMON.items()
    }
    paragraphs += [f"License: {name}\n{_indented(text)}" for name, text in sorted(texts.items())]
    return "\n".join(paragraphs).encode()


def _files(
    name: str, files: dict[str, bytes], component: Component, renamed: dict[str, str]
) -> str:
    tops = sorted({file.split("/")[0] for file in files})
    patterns = [f"{LIBRARY}/{top}" + ("" if top in files else "/*") for top in tops]
    licence = component.licence
    for spdx, own in renamed.items():
        licence = re.sub(rf"\b{re.escape(spdx)}\b", own, licence)
    lines = [
        "Files: " + "\n ".join(patterns),
        "Copyright: " + "\n ".join(component.holders),
        f"License: {licence.replace(' OR ', ' or ').replace(' AND ', ' and ')}",
        f"Comment: {name}, {component.home}",
    ]
    if component.crates:
        lines.append(" Its extension has Rust crates linked in:")
        lines += [f" {crate.name} {crate.version} ({crate.licence})" for crate in component.crates]
    return "\n".join(lines) + "\n"


def _head_of(source: str) -> str:
    """The licence in the comment at the head of decorator.py."""
    comment = source.partition('"""')[0]
    return "\n".join(line.removeprefix("#").strip() for line in comment.splitlines()[2:])


def _indented(text: str) -> str:
    lines = (f" {line.rstrip()}" if line.strip() else " ." for line in text.strip().splitlines())
    return "\n".join(lines) + "\n"

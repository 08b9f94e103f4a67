"""What is shipped beside accelnet's own code: whose it is, and under which licence.

Holders and years are those of each release's own licence files, file heads and metadata.
tests/package/test_licences.py holds this table against what the wheels say.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Crate:
    """A Rust crate that is linked into an extension."""

    name: str
    version: str
    licence: str


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a release that is somebody else's."""

    file: str
    holder: str
    licence: str


@dataclass(frozen=True, slots=True)
class Component:
    """One release, as it is shipped."""

    holders: tuple[str, ...]
    licence: str  # an SPDX expression
    home: str
    # File of the wheel's dist-info with the text of a licence that Debian has not in
    # /usr/share/common-licenses, by the licence's SPDX id.
    texts: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] = ()
    # Linked into its extension: as `strings` finds their sources' paths in it.
    crates: tuple[Crate, ...] = ()


EITHER = "Apache-2.0 OR MIT"

COMPONENTS = {
    "bcrypt": Component(
        ("The Python Cryptographic Authority developers",),
        "Apache-2.0",
        "https://github.com/pyca/bcrypt",
        crates=(
            Crate("addr2line", "0.25.0", EITHER),
            Crate("base64", "0.22.1", EITHER),
            Crate("bcrypt", "0.17.1", "MIT"),
            Crate("bcrypt-pbkdf", "0.10.0", EITHER),
            Crate("blowfish", "0.9.1", EITHER),
            Crate("gimli", "0.32.0", EITHER),
            Crate("miniz_oxide", "0.8.9", "MIT OR Zlib OR Apache-2.0"),
            Crate("once_cell", "1.21.3", EITHER),
            Crate("pbkdf2", "0.12.2", EITHER),
            Crate("pyo3", "0.26.0", EITHER),
            Crate("pyo3-ffi", "0.26.0", EITHER),
            Crate("rustc-demangle", "0.1.25", EITHER),
            Crate("sha2", "0.10.9", EITHER),
        ),
    ),
    "packaging": Component(
        ("Donald Stufft and individual contributors",),
        "Apache-2.0 OR BSD-2-Clause",
        "https://github.com/pypa/packaging",
        texts=(("BSD-2-Clause", "licenses/LICENSE.BSD"),),
    ),
    "prometheus-client": Component(
        ("2015 The Prometheus Authors",),
        "Apache-2.0 AND BSD-2-Clause",
        "https://github.com/prometheus/client_python",
        parts=(
            Part("prometheus_client/decorator.py", "2005-2016 Michele Simionato", "BSD-2-Clause"),
        ),
    ),
    "psutil": Component(
        ("2009 Jay Loden, Dave Daeschler, Giampaolo Rodola",),
        "BSD-3-Clause",
        "https://github.com/giampaolo/psutil",
        texts=(("BSD-3-Clause", "LICENSE"),),
    ),
    "pyroute2": Component(
        ("Peter Saveliev",),
        "GPL-2.0-or-later OR Apache-2.0",
        "https://github.com/svinota/pyroute2",
        # A script, which its package imports and accelnet does not.
        parts=(
            Part(
                "pyroute2/netlink/diag/ss2.py",
                "2018 Matthias Tafelmeier",
                "GPL-2.0-or-later",
            ),
        ),
    ),
    "pyyaml": Component(
        ("2017-2021 Ingy döt Net", "2006-2016 Kirill Simonov"),
        "MIT",
        "https://github.com/yaml/pyyaml",
        texts=(("MIT", "licenses/LICENSE"),),
    ),
    "structlog": Component(
        ("2013 Hynek Schlawack and the structlog contributors",),
        "MIT OR Apache-2.0",
        "https://github.com/hynek/structlog",
        texts=(("MIT", "licenses/LICENSE-MIT"),),
    ),
    "tornado": Component(
        ("2009-2014 Facebook", "2015 The Tornado Authors"),
        "Apache-2.0",
        "https://github.com/tornadoweb/tornado",
    ),
    "typing-extensions": Component(
        ("2001-2023 Python Software Foundation", "Guido van Rossum, Jukka Lehtosalo and others"),
        "PSF-2.0",
        "https://github.com/python/typing_extensions",
        texts=(("PSF-2.0", "licenses/LICENSE"),),
    ),
}

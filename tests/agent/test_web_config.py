"""web_config: an operator's exporter-toolkit web.yml, and every mistake in it."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import ssl
import time
from pathlib import Path

import bcrypt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from accelnet_agent.data.tls_names import CLIENT_AUTH
from accelnet_agent.report import UsageError
from accelnet_agent.web_auth import Authenticator, TooManyChecksError
from accelnet_agent.web_config import _HEADERS, Rate, WebConfig, WebConfigFile, load
from accelnet_agent.web_limits import Bucket
from certificates import Authority, key_pem

AUTHORITY = Authority()
SERVER = AUTHORITY.server()
OTHER = AUTHORITY.server("other.example")
HASH = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a certificate, a CA, and files that are none of it."""
    SERVER.write(tmp_path, "server")
    OTHER.write(tmp_path, "other")
    (tmp_path / "ca.crt").write_text(AUTHORITY.cert)
    (tmp_path / "text").write_text("no PEM\n")
    (tmp_path / "broken.crt").write_text(SERVER.cert[:200] + SERVER.cert[240:])
    (tmp_path / "broken.key").write_text(SERVER.key[:80] + SERVER.key[120:])
    encrypted = key_pem(ec.generate_private_key(ec.SECP256R1()), b"secret")
    (tmp_path / "encrypted.key").write_text(encrypted)
    return tmp_path


def _load(folder: Path, text: str) -> WebConfig:
    (folder / "web.yml").write_text(text)
    return load(str(folder / "web.yml"))


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _indented(pem: str) -> str:
    return "".join(f"    {line}\n" for line in pem.splitlines())


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "tls_server_config:\n", "{}\n"])
def test_an_empty_file_is_plain_http(folder: Path, text: str) -> None:
    """Nothing, a comment, or null where a mapping could be: no TLS, no users."""
    assert _load(folder, text) == WebConfig(users={}, headers={})


def test_every_key_is_known(folder: Path) -> None:
    """All that exporter-toolkit documents is accepted, and comes out as it was meant."""
    config = _load(
        folder,
        "tls_server_config:\n"
        "  cert_file: server.crt\n"
        f"  key_file: {folder}/server.key\n"
        "  client_auth_type: RequireAndVerifyClientCert\n"
        "  client_ca_file: ca.crt\n"
        "  client_allowed_sans: [scraper.example, 10.0.0.4]\n"
        "  min_version: TLS12\n"
        "  max_version: TLS13\n"
        "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]\n"
        "  prefer_server_cipher_suites: no\n"
        "  curve_preferences: [CurveP256, X25519, X25519MLKEM768]\n"
        "http_server_config:\n"
        "  http2: false\n"
        "  headers:\n"
        "    Strict-Transport-Security: max-age=31536000\n"
        "    X-Frame-Options: deny\n"
        "    X-Content-Type-Options: nosniff\n"
        "    X-XSS-Protection: ''\n"
        "    Content-Security-Policy: default-src 'self'\n"
        "rate_limit:\n"
        "  interval: 1m0.5s\n"
        "  burst: 20\n"
        "basic_auth_users:\n"
        f"  prometheus: {HASH}\n"
        f"  42: {HASH}\n",
    )
    assert config.tls is not None
    assert config.tls.verify_mode == ssl.CERT_REQUIRED
    assert config.tls.minimum_version == ssl.TLSVersion.TLSv1_2
    ciphers = {cipher["name"] for cipher in config.tls.get_ciphers()}
    assert {name for name in ciphers if "TLS_" not in name} == {"ECDHE-ECDSA-AES128-GCM-SHA256"}
    assert not config.tls.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert config.allowed_sans == frozenset({"scraper.example", "10.0.0.4"})
    assert config.users == {"prometheus": HASH, "42": HASH}
    assert config.headers == {
        "Strict-Transport-Security": "max-age=31536000",
        "X-Frame-Options": "deny",
        "X-Content-Type-Options": "nosniff",
        "X-XSS-Protection": "",
        "Content-Security-Policy": "default-src 'self'",
    }
    assert config.rate == Rate(interval=60.5, burst=20)


def test_a_certificate_can_stand_in_the_file_itself(folder: Path) -> None:
    """cert, key and client_ca are PEM texts, and leave no file and no descriptor behind."""
    before = _descriptors()
    config = _load(
        folder,
        "tls_server_config:\n"
        f"  cert: |\n{_indented(SERVER.cert)}"
        f"  key: |\n{_indented(SERVER.key)}"
        f"  client_ca: |\n{_indented(AUTHORITY.cert)}"
        "  client_auth_type: VerifyClientCertIfGiven\n",
    )
    assert config.tls is not None
    assert config.tls.verify_mode == ssl.CERT_OPTIONAL
    assert len(config.tls.get_ca_certs()) == 1
    assert _descriptors() == before


@pytest.mark.parametrize(
    ("auth", "mode"),
    [
        ("", ssl.CERT_NONE),
        ("  client_auth_type: ''\n", ssl.CERT_NONE),
        ("  client_auth_type: NoClientCert\n", ssl.CERT_NONE),
        ("  client_auth_type: RequestClientCert\n", ssl.CERT_NONE),
        ("  client_auth_type: RequestClientCert\n  client_ca_file: ca.crt\n", ssl.CERT_NONE),
        ("  client_auth_type: VerifyClientCertIfGiven\n", ssl.CERT_OPTIONAL),
        (
            "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n",
            ssl.CERT_REQUIRED,
        ),
    ],
)
def test_each_client_auth_type_is_a_verify_mode(
    folder: Path, auth: str, mode: ssl.VerifyMode
) -> None:
    """Go's names mean what they mean in Go, where Python's ssl has the like."""
    config = _load(folder, TLS + auth)
    assert config.tls is not None
    assert config.tls.verify_mode == mode


@pytest.mark.parametrize(
    ("text", "lowest"),
    [
        ("  min_version: TLS10\n", ssl.TLSVersion.TLSv1_2),
        ("  min_version: TLS11\n", ssl.TLSVersion.TLSv1_2),
        ("  min_version: TLS13\n", ssl.TLSVersion.TLSv1_3),
        ("  cipher_suites: [TLS_AES_128_GCM_SHA256]\n", ssl.TLSVersion.TLSv1_3),
        ("  cipher_suites: []\n", ssl.TLSVersion.TLSv1_2),
    ],
)
def test_no_version_before_tls_1_2_is_offered(
    folder: Path, text: str, lowest: ssl.TLSVersion
) -> None:
    """A lower minimum means TLS 1.2; ciphers of TLS 1.3 alone leave no other version."""
    config = _load(folder, TLS + text)
    assert config.tls is not None
    assert config.tls.minimum_version == lowest


@pytest.mark.parametrize(
    ("interval", "rate"),
    [
        ("1s", Rate(interval=1, burst=5)),
        ("100ms", Rate(interval=0.1, burst=5)),
        ("'1.5h'", Rate(interval=5400, burst=5)),
        ("250000000", Rate(interval=0.25, burst=5)),
        ("0", None),
        ("-1s", None),
    ],
)
def test_an_interval_is_a_duration_of_go(folder: Path, interval: str, rate: Rate | None) -> None:
    """Units as time.ParseDuration has them, a plain number is nanoseconds, none is no limit."""
    assert _load(folder, f"rate_limit: {{interval: {interval}, burst: 5}}\n").rate == rate


def test_a_curve_that_openssl_lacks_is_a_mistake(folder: Path) -> None:
    """OpenSSL has X25519MLKEM768 from 3.5 on; ssl may not know it even there."""
    try:
        config = _load(folder, TLS + "  curve_preferences: [X25519MLKEM768]\n")
    except UsageError as error:
        assert "expected a curve that OpenSSL has here" in str(error)  # noqa: PT017 - either
    else:
        assert config.tls is not None


def test_a_key_can_not_be_handed_over_without_descriptors(folder: Path) -> None:
    """Where no file in memory can be made, that is the mistake, and it is one line."""
    (folder / "web.yml").write_text(TLS)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    load(str(folder / "web.yml"))  # what it imports needs descriptors of its own
    free = os.dup(0)
    os.close(free)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, hard))
        with pytest.raises(UsageError, match="in memory: Too many open files, expected memfd"):
            load(str(folder / "web.yml"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_yaml_can_be_merged(folder: Path) -> None:
    """`<<` brings the keys of another mapping, which those that stand there override."""
    config = _load(
        folder,
        "basic_auth_users: &users\n"
        f"  alice: {HASH}\n"
        "http_server_config:\n"
        "  headers: {<<: {X-Frame-Options: deny}, X-Frame-Options: sameorigin}\n",
    )
    assert config.headers == {"X-Frame-Options": "sameorigin"}


CLIENTS = "  client_auth_type: RequireAndVerifyClientCert\n"
MISTAKES = [
    pytest.param("- a\n", 1, "", "a list", "a mapping of keys to values", id="list"),
    pytest.param(
        "tls_config: {}\n",
        1,
        "tls_config",
        "a key that is not known",
        "one of tls_server_config, http_server_config, rate_limit, basic_auth_users",
        id="unknown",
    ),
    pytest.param(
        "http_server_config: {http3: true}\n",
        1,
        "http_server_config.http3",
        "a key that is not known",
        "one of http2, headers",
        id="unknown-below",
    ),
    pytest.param("[a]: 1\n", 1, "", "a list", "a string", id="no-name"),
    pytest.param(
        TLS + "  key_file: other.key\n",
        4,
        "tls_server_config.key_file",
        "this key a second time",
        "it once",
        id="twice",
    ),
    pytest.param(
        "http_server_config: {<<: 3}\n",
        1,
        "http_server_config",
        "another value",
        "a mapping behind <<",
        id="merge",
    ),
    pytest.param(
        "tls_server_config: {key_file: server.key}\n",
        1,
        "tls_server_config",
        "neither of them",
        "cert_file or cert",
        id="no-cert",
    ),
    pytest.param(
        "tls_server_config: {cert_file: server.crt}\n",
        1,
        "tls_server_config",
        "neither of them",
        "key_file or key",
        id="no-key",
    ),
    pytest.param(
        "tls_server_config: {cert_file: server.crt, min_version:}\nrate_limit: 3\n",
        1,
        "tls_server_config",
        "neither of them",
        "key_file or key",
        id="order",
    ),
    pytest.param(
        TLS + "  cipher_suites:\n  - [a]\n",
        5,
        "tls_server_config.cipher_suites[0]",
        "a list",
        "a string",
        id="cipher-type",
    ),
    pytest.param(
        TLS + "  cipher_suites:\n  -\n",
        5,
        "tls_server_config.cipher_suites[0]",
        "nothing",
        "a name of Go's tls.CipherSuites()",
        id="cipher-nothing",
    ),
    pytest.param(
        "tls_server_config:\n" + CLIENTS,
        2,
        "tls_server_config",
        "neither of them",
        "cert_file or cert",
        id="no-cert-for-clients",
    ),
    pytest.param(
        TLS + "  cert: x\n",
        2,
        "tls_server_config.cert_file",
        "both",
        "either tls_server_config.cert_file or tls_server_config.cert",
        id="both",
    ),
    pytest.param(
        "tls_server_config: {cert_file: [a], key_file: b}\n",
        1,
        "tls_server_config.cert_file",
        "a list",
        "a string",
        id="type",
    ),
    pytest.param(
        "tls_server_config: {cert_file: nowhere.crt, key_file: server.key}\n",
        1,
        "tls_server_config.cert_file",
        "'FOLDER/nowhere.crt': No such file or directory",
        "a readable PEM file",
        id="absent",
    ),
    pytest.param(
        "tls_server_config: {cert_file: server.crt, key_file: .}\n",
        1,
        "tls_server_config.key_file",
        "'FOLDER/.': it is no regular file",
        "a readable PEM file",
        id="folder",
    ),
    pytest.param(
        "tls_server_config: {cert_file: text, key_file: server.key}\n",
        1,
        "tls_server_config.cert_file",
        "another text in 'FOLDER/text'",
        "PEM with BEGIN CERTIFICATE",
        id="no-pem",
    ),
    pytest.param(
        "tls_server_config: {cert_file: server.crt, key: secret}\n",
        1,
        "tls_server_config.key",
        "another text",
        "PEM with BEGIN PRIVATE KEY",
        id="no-pem-inline",
    ),
    pytest.param(
        "tls_server_config: {cert_file: server.key, key_file: server.crt}\n",
        1,
        "tls_server_config.cert_file",
        "another text in 'FOLDER/server.key'",
        "PEM with BEGIN CERTIFICATE",
        id="swapped",
    ),
    pytest.param(
        "tls_server_config: {cert_file: server.crt, key_file: other.key}\n",
        1,
        "tls_server_config.key_file",
        "the key of another certificate",
        "the key of tls_server_config.cert_file",
        id="mismatch",
    ),
    pytest.param(
        "tls_server_config: {cert_file: server.crt, key_file: encrypted.key}\n",
        1,
        "tls_server_config.key_file",
        "an encrypted key",
        "a key without a passphrase",
        id="encrypted",
    ),
    pytest.param(
        "tls_server_config: {cert_file: broken.crt, key_file: server.key}\n",
        1,
        "tls_server_config.cert_file",
        "what OpenSSL refuses in 'FOLDER/broken.crt' (unreadable)",
        "a certificate, and those above it",
        id="broken-cert",
    ),
    pytest.param(
        "tls_server_config: {cert_file: server.crt, key_file: broken.key}\n",
        1,
        "tls_server_config.key_file",
        "what OpenSSL refuses in 'FOLDER/broken.key' (unreadable)",
        "a private key",
        id="broken-key",
    ),
    pytest.param(
        TLS + "  client_auth_type: Maybe\n",
        4,
        "tls_server_config.client_auth_type",
        "'Maybe'",
        f"one of {', '.join(CLIENT_AUTH)}",
        id="auth",
    ),
    pytest.param(
        TLS + "  client_auth_type: RequireAnyClientCert\n",
        4,
        "tls_server_config.client_auth_type",
        "'RequireAnyClientCert'",
        "RequireAndVerifyClientCert: any certificate without a CA proves nothing",
        id="any",
    ),
    pytest.param(
        TLS + CLIENTS,
        4,
        "tls_server_config.client_auth_type",
        "'RequireAndVerifyClientCert'",
        "client_ca_file or client_ca with it",
        id="auth-without-ca",
    ),
    pytest.param(
        TLS + "  client_ca_file: ca.crt\n",
        4,
        "tls_server_config.client_ca_file",
        "a CA for clients",
        "client_auth_type with it",
        id="ca-without-auth",
    ),
    pytest.param(
        TLS + CLIENTS + "  client_ca_file: broken.crt\n",
        5,
        "tls_server_config.client_ca_file",
        "what OpenSSL refuses in 'FOLDER/broken.crt' (unreadable)",
        "certificates",
        id="ca-broken",
    ),
    pytest.param(
        TLS + "  client_allowed_sans: [a]\n",
        4,
        "tls_server_config.client_allowed_sans",
        "a list",
        "it only with client_auth_type RequireAndVerifyClientCert",
        id="sans",
    ),
    pytest.param(
        TLS + "  min_version: TLS14\n",
        4,
        "tls_server_config.min_version",
        "'TLS14'",
        "one of TLS10, TLS11, TLS12, TLS13",
        id="version",
    ),
    pytest.param(
        TLS + "  max_version: TLS11\n",
        4,
        "tls_server_config.max_version",
        "'TLS11'",
        "one of TLS12, TLS13",
        id="old",
    ),
    pytest.param(
        TLS + "  min_version: TLS13\n  max_version: TLS12\n",
        5,
        "tls_server_config.max_version",
        "'TLS12'",
        "no less than min_version",
        id="versions",
    ),
    pytest.param(
        TLS + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n",
        4,
        "tls_server_config.cipher_suites[0]",
        "'TLS_RSA_WITH_RC4_128_SHA'",
        "a name of Go's tls.CipherSuites()",
        id="cipher",
    ),
    pytest.param(
        TLS + "  cipher_suites: TLS_AES_128_GCM_SHA256\n",
        4,
        "tls_server_config.cipher_suites",
        "'TLS_AES_128_GCM_SHA256'",
        "a list",
        id="ciphers",
    ),
    pytest.param(
        TLS + "  max_version: TLS12\n  cipher_suites: [TLS_AES_128_GCM_SHA256]\n",
        5,
        "tls_server_config.cipher_suites",
        "suites of TLS 1.3 alone",
        "a suite of TLS 1.2 with max_version TLS12",
        id="ciphers-13",
    ),
    pytest.param(
        TLS + "  curve_preferences: [CurveP192]\n",
        4,
        "tls_server_config.curve_preferences[0]",
        "'CurveP192'",
        "one of CurveP256, CurveP384, CurveP521, X25519, X25519MLKEM768",
        id="curve",
    ),
    pytest.param(
        TLS + "  prefer_server_cipher_suites: 'true'\n",
        4,
        "tls_server_config.prefer_server_cipher_suites",
        "'true'",
        "true or false",
        id="truth",
    ),
    pytest.param(
        "http_server_config: {headers: {Server: me}}\n",
        1,
        "http_server_config.headers.Server",
        "a key that is not known",
        f"one of {', '.join(_HEADERS)}",
        id="header",
    ),
    pytest.param(
        "http_server_config: {headers: {X-Frame-Options: DENY}}\n",
        1,
        "http_server_config.headers.X-Frame-Options",
        "'DENY'",
        "deny or sameorigin",
        id="header-value",
    ),
    pytest.param(
        'http_server_config: {headers: {Content-Security-Policy: "a\\nb"}}\n',
        1,
        "http_server_config.headers.Content-Security-Policy",
        "'a\\nb'",
        "one line of printable ASCII",
        id="header-lines",
    ),
    pytest.param(
        "basic_auth_users: {alice: open sesame}\n",
        1,
        "basic_auth_users.alice",
        "something else",
        "a bcrypt hash, $2y$ and 57 characters",
        id="password",
    ),
    pytest.param(
        "basic_auth_users:\n  alice:\n",
        2,
        "basic_auth_users.alice",
        "something else",
        "a bcrypt hash, $2y$ and 57 characters",
        id="no-password",
    ),
    pytest.param(
        "basic_auth_users: [alice]\n",
        1,
        "basic_auth_users",
        "a list",
        "a mapping of keys to values",
        id="users",
    ),
    pytest.param(
        "rate_limit: {interval: 5 parsecs, burst: 1}\n",
        1,
        "rate_limit.interval",
        "'5 parsecs'",
        "a duration such as 1s, 100ms or 1m30s",
        id="interval",
    ),
    pytest.param(
        "rate_limit: {interval: 1s, burst: many}\n",
        1,
        "rate_limit.burst",
        "'many'",
        "a whole number",
        id="burst",
    ),
    pytest.param(
        "rate_limit: {interval: 1s}\n",
        1,
        "rate_limit",
        "a mapping",
        "a burst of 1 or more: else nothing is answered",
        id="no-burst",
    ),
]


@pytest.mark.parametrize(("text", "line", "key", "found", "expected"), MISTAKES)
def test_a_mistake_is_one_line_that_says_where(
    folder: Path, text: str, line: int, key: str, found: str, expected: str
) -> None:
    """File, line, key, what was found and what was expected; and never a secret."""
    with pytest.raises(UsageError) as error:
        _load(folder, text)
    place = f"{folder}/web.yml: line {line}: {key}{': ' if key else ''}"
    said = str(error.value)
    assert said == f"{place}found {found.replace('FOLDER', str(folder))}, expected {expected}"
    assert "sesame" not in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a: [1\n", "line 2: expected ',' or ']', but got '<stream end>'", id="open"),
        pytest.param("{}\n---\n{}\n", "line 2: but found another document", id="documents"),
        pytest.param("[" * 600, "lists or mappings nested too deep", id="depth"),
        pytest.param(
            "a: \x07\n",
            "unacceptable character #x0007: special characters are not allowed",
            id="bell",
        ),
    ],
)
def test_what_is_no_yaml_is_one_line(folder: Path, text: str, message: str) -> None:
    """PyYAML's messages of several lines become one."""
    with pytest.raises(UsageError) as error:
        _load(folder, text)
    assert str(error.value) == f"{folder}/web.yml: {message}, expected YAML"


def test_a_file_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """Absent, a folder, a pipe, or too large: one line, and no waiting."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"#" * 300_000)
    for name, reason in {
        "absent": "No such file or directory",
        ".": "it is no regular file",
        "pipe": "it is no regular file",
        "large": "it is larger than 262144 bytes",
    }.items():
        path = f"{tmp_path}/{name}"
        with pytest.raises(UsageError) as error:
            load(path)
        assert str(error.value) == f"{path}: can not be read: {reason}"


@settings(max_examples=50)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin1")))
def test_no_text_is_more_than_a_mistake(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """Whatever stands in the file, it is a configuration or one line."""
    path = tmp_path_factory.getbasetemp() / "any.yml"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    try:
        load(str(path))
    except UsageError as error:
        assert "\n" not in str(error)  # noqa: PT017 - most texts raise it, some do not


# --- re-reading ----------------------------------------------------------------------------------


class Watched:
    """A configuration file, what it told, and a way to make a second pass."""

    def __init__(self, path: Path) -> None:
        self.errors: list[str] = []
        self.reloads = 0
        self.file = WebConfigFile(str(path), on_error=self.errors.append, on_reload=self._count)

    def _count(self) -> None:
        self.reloads += 1

    def look(self) -> WebConfig:
        """Ask for it a second later."""
        self.file._next_look = time.monotonic()
        return self.file.current()


def test_a_change_takes_effect(folder: Path) -> None:
    """A file that is replaced is read again, at the next look and not before."""
    path = folder / "web.yml"
    path.write_text("")
    watched = Watched(path)
    (folder / "new").write_text(f"basic_auth_users: {{alice: {HASH}}}\n")
    (folder / "new").rename(path)
    assert watched.file.current().users == {}
    assert watched.look().users == {"alice": HASH}
    assert (watched.reloads, watched.errors) == (1, [])
    watched.look()
    assert watched.reloads == 1


def test_a_file_that_is_named_is_watched_too(folder: Path) -> None:
    """A certificate and key that are written over make a new context."""
    path = folder / "web.yml"
    path.write_text(TLS)
    watched = Watched(path)
    before = watched.look().tls
    assert watched.look().tls is before
    shutil.copy(folder / "other.crt", folder / "server.crt")
    shutil.copy(folder / "other.key", folder / "server.key")
    assert watched.look().tls is not before
    assert watched.errors == []


def test_a_link_that_leads_elsewhere_is_a_change(tmp_path: Path) -> None:
    """A Kubernetes secret is rotated by one link above its files."""
    for name, issued in (("v1", SERVER), ("v2", OTHER)):
        (tmp_path / name).mkdir()
        issued.write(tmp_path / name, "server")
        (tmp_path / name / "web.yml").write_text(TLS)
    (tmp_path / "..data").symlink_to("v1")
    for name in ("web.yml", "server.crt", "server.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    watched = Watched(tmp_path / "web.yml")
    before = watched.look().tls
    (tmp_path / "..data_tmp").symlink_to("v2")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    assert watched.look().tls is not before
    assert (watched.reloads, watched.errors) == (1, [])


def test_a_mistake_leaves_the_last_good_configuration(folder: Path) -> None:
    """It is told once, when it is still there a second later; what is right again takes effect."""
    path = folder / "web.yml"
    path.write_text(f"basic_auth_users: {{alice: {HASH}}}\n")
    watched = Watched(path)
    path.write_text("basic_auth_users: {alice: oops}\n")
    for _ in range(4):
        assert watched.look().users == {"alice": HASH}
    assert len(watched.errors) == 1
    path.write_text(f"basic_auth_users: {{bob: {HASH}}}\n")
    assert watched.look().users == {"bob": HASH}
    assert (watched.reloads, len(watched.errors)) == (1, 1)


@pytest.mark.parametrize(
    ("before", "cut"),
    [
        pytest.param(f"{TLS}basic_auth_users: {{alice: {HASH}}}\n", "", id="all"),
        pytest.param(f"{TLS}basic_auth_users: {{alice: {HASH}}}\n", TLS, id="the-passwords"),
        pytest.param(
            f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server.crt\n",
            TLS,
            id="the-clients-certificates",
        ),
        pytest.param(f"basic_auth_users: {{alice: {HASH}}}\n", "# none\n", id="a-comment"),
    ],
)
def test_a_file_that_is_being_written_opens_nothing(before: str, cut: str, folder: Path) -> None:
    """A shorter one is a valid one: what keeps somebody out goes by a reload alone."""
    path = folder / "web.yml"
    path.write_text(before)
    watched = Watched(path)
    kept = watched.look()
    path.write_text(cut)
    for _ in range(3):
        assert watched.look() is kept
    assert len(watched.errors) == 1
    assert "would be switched off" in watched.errors[0]
    watched.file.reload()
    assert watched.look() is not kept


def test_a_key_that_follows_its_certificate_is_no_mistake(folder: Path) -> None:
    """Between two writes they do not match: nothing is told, nothing is lost."""
    path = folder / "web.yml"
    path.write_text(TLS)
    watched = Watched(path)
    before = watched.look().tls
    shutil.copy(folder / "other.crt", folder / "server.crt")
    assert watched.look().tls is before
    shutil.copy(folder / "other.key", folder / "server.key")
    assert watched.look().tls is not before
    assert (watched.reloads, watched.errors) == (1, [])


def test_a_file_that_is_missing_is_waited_for(folder: Path) -> None:
    """What a new configuration names may come later than the configuration."""
    path = folder / "web.yml"
    path.write_text("")
    watched = Watched(path)
    path.write_text(TLS.replace("server.", "late."))
    assert watched.look().tls is None
    assert watched.look().tls is None
    SERVER.write(folder, "late")
    assert watched.look().tls is not None
    assert len(watched.errors) == 1


def test_a_reload_is_now(folder: Path) -> None:
    """SIGHUP reads it at once, and tells a mistake each time."""
    path = folder / "web.yml"
    path.write_text("")
    watched = Watched(path)
    watched.file.reload()
    assert watched.reloads == 1
    path.write_text("rate_limit: 1\n")
    watched.file.reload()
    watched.file.reload()
    assert len(watched.errors) == 2


# --- authentication and limits -------------------------------------------------------------------


def _basic(text: bytes) -> str:
    from base64 import b64encode

    return "Basic " + b64encode(text).decode()


def _allows(header: str | None, users: dict[str, str]) -> bool:
    async def ask() -> bool:
        authenticator = Authenticator()
        try:
            return await authenticator.allows(header, users)
        finally:
            authenticator.close()

    return asyncio.run(ask())


LONG_PASSWORD = b"x" * 72
USERS = {
    "alice": HASH,
    "bob": HASH.replace("$2b$", "$2y$"),
    "zoë": bcrypt.hashpw(LONG_PASSWORD, bcrypt.gensalt(4)).decode(),
}


@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        pytest.param(_basic(b"alice:open sesame"), True, id="right"),
        pytest.param(_basic(b"alice:open sesame").replace("Basic", "bAsIc"), True, id="case"),
        pytest.param(_basic(b"bob:open sesame"), True, id="2y"),
        pytest.param(_basic("zoë:".encode() + LONG_PASSWORD), True, id="72-bytes"),
        pytest.param(_basic("zoë:".encode() + LONG_PASSWORD + b"y"), True, id="73-bytes-as-in-go"),
        pytest.param(_basic(b"alice:open sesam"), False, id="wrong"),
        pytest.param(_basic(b"alice:"), False, id="empty"),
        pytest.param(_basic(b"alice:a\0b"), False, id="nul"),
        pytest.param(_basic(b"mallory:open sesame"), False, id="unknown-user"),
        pytest.param(_basic(b"\xff\xfe:open sesame"), False, id="no-utf8"),
        pytest.param(_basic(b"alice"), False, id="no-colon"),
        pytest.param("Basic alice:open sesame", False, id="no-base64"),
        pytest.param("Bearer abc", False, id="bearer"),
        pytest.param("Basic", False, id="scheme-alone"),
        pytest.param(None, False, id="none"),
    ],
)
def test_basic_authentication(header: str | None, allowed: bool) -> None:
    """A user with that user's password, and nobody else."""
    assert _allows(header, USERS) is allowed


def test_an_outcome_is_kept_until_the_hash_changes() -> None:
    """The same password is compared once; with another hash it is another question."""

    async def ask() -> None:
        authenticator = Authenticator()
        header = _basic(b"alice:open sesame")
        assert await authenticator.allows(header, USERS)
        pool, authenticator._pool = authenticator._pool, None
        assert pool is not None
        pool.shutdown()
        assert await authenticator.allows(header, USERS)
        assert authenticator._pool is None
        new = {"alice": bcrypt.hashpw(b"changed", bcrypt.gensalt(4)).decode()}
        assert not await authenticator.allows(header, new)
        assert b"open sesame" not in b"".join(authenticator._allowed)
        authenticator.close()

    asyncio.run(ask())


def test_the_same_question_at_the_same_time_is_one_comparison() -> None:
    """64 scrapers with one password cost what one does."""

    async def ask() -> None:
        authenticator = Authenticator()
        header = _basic(b"alice:open sesame")
        asked = [asyncio.ensure_future(authenticator.allows(header, USERS)) for _ in range(64)]
        await asyncio.sleep(0)
        assert len(authenticator._running) == 1
        assert all(await asyncio.gather(*asked))
        authenticator.close()

    asyncio.run(ask())


def test_a_flood_of_wrong_passwords_stops_no_known_scraper() -> None:
    """Comparisons are bounded, the rest is turned away, and who is known waits for none."""

    async def ask() -> None:
        authenticator = Authenticator()
        header = _basic(b"alice:open sesame")
        assert await authenticator.allows(header, USERS)
        flood = [
            asyncio.ensure_future(authenticator.allows(_basic(b"alice:%d" % guess), USERS))
            for guess in range(2000)
        ]
        await asyncio.sleep(0)
        assert await authenticator.allows(header, USERS)
        outcomes = await asyncio.gather(*flood, return_exceptions=True)
        assert outcomes.count(False) == 64
        assert sum(isinstance(outcome, TooManyChecksError) for outcome in outcomes) == 1936
        authenticator.close()

    asyncio.run(ask())


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest failure goes first; successes are counted apart."""
    monkeypatch.setattr("accelnet_agent.web_auth._KEPT", 3)

    async def ask() -> None:
        authenticator = Authenticator()
        assert await authenticator.allows(_basic(b"alice:open sesame"), USERS)
        for guess in range(5):
            assert not await authenticator.allows(_basic(b"alice:%d" % guess), USERS)
        assert (len(authenticator._allowed), len(authenticator._refused)) == (1, 3)
        authenticator.close()

    asyncio.run(ask())


def test_who_leaves_does_not_lose_the_outcome() -> None:
    """A client that is gone before bcrypt is done finds its password known the next time."""

    async def ask() -> None:
        authenticator = Authenticator()
        header = _basic(b"alice:open sesame")
        asked = asyncio.ensure_future(authenticator.allows(header, USERS))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(*authenticator._running.values())
        assert len(authenticator._allowed) == 1
        authenticator.close()

    asyncio.run(ask())


def test_a_bucket_is_full_at_first_and_fills_by_the_interval() -> None:
    """As golang.org/x/time/rate: the burst at once, then one each interval, never more."""
    bucket = Bucket(Rate(interval=2, burst=3))
    assert [bucket.take(100) for _ in range(5)] == [True, True, True, False, False]
    assert [bucket.take(101), bucket.take(102), bucket.take(102.5)] == [False, True, False]
    assert [bucket.take(1000) for _ in range(4)] == [True, True, True, False]

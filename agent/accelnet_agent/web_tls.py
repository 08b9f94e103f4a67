"""TLS as `tls_server_config` of an exporter-toolkit `web.yml` asks for it.

What the keys mean: prometheus/exporter-toolkit docs/web-configuration.md and web/tls_config.go
(`ConfigToTLSConfig`), Go's crypto/tls (`Config`, `ClientAuthType`).  Where Python's ssl can not do
the same, docs/web-config.md says what is done instead.
"""

from __future__ import annotations

import os
import ssl

from accelnet_agent.data.tls_names import CIPHERS, CIPHERS_13, CLIENT_AUTH, CURVES, VERSIONS
from accelnet_probes.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from accelnet_agent.report import UsageError
    from accelnet_agent.web_yaml import Value

FIELDS = (
    "cert", "key", "client_ca", "cert_file", "key_file", "client_auth_type", "client_ca_file",
    "client_allowed_sans", "cipher_suites", "curve_preferences", "min_version", "max_version",
    "prefer_server_cipher_suites",
)  # fmt: skip
# Any of these switches TLS on (`TLSConfig.IsEnabled`); the others alone mean plain HTTP.
_SWITCHES = FIELDS[:7]
_ASKED = ("VerifyClientCertIfGiven", "RequireAndVerifyClientCert")


class Pem(Record):
    """Where a PEM text is: in a file, or in the configuration itself."""

    value: Value
    file: str | None


class TlsSettings(Record):
    """What the file says, before any other file is read."""

    cert: Pem
    key: Pem
    client_ca: Pem | None
    client_auth: str
    allowed_sans: frozenset[str] | None
    fields: Mapping[str, Value]

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it names."""
        pems = (self.cert, self.key, self.client_ca)
        return tuple(pem.file for pem in pems if pem is not None and pem.file is not None)


def parse(section: Value, folder: str) -> TlsSettings | None:
    """The settings, or None for plain HTTP; UsageError for what no other file can make right."""
    fields = section.fields(FIELDS)
    if not any(name in fields and _filled(fields[name]) for name in _SWITCHES):
        return None
    cert, key = _pem(fields, "cert", folder), _pem(fields, "key", folder)
    if cert is None:
        raise section.wrong("cert_file or cert", "neither of them")
    if key is None:
        raise section.wrong("key_file or key", "neither of them")
    auth = _client_auth(fields)
    sans = fields.get("client_allowed_sans")
    allowed = None if sans is None else frozenset(item.text() for item in sans.items())
    if sans is not None and auth != "RequireAndVerifyClientCert":
        raise sans.wrong("it only with client_auth_type RequireAndVerifyClientCert", "a list")
    return TlsSettings(
        cert=cert,
        key=key,
        client_ca=_client_ca(fields, folder, auth),
        client_auth=auth,
        allowed_sans=allowed,
        fields=fields,
    )


def _filled(value: Value) -> bool:
    return bool(value.text())


def _pem(fields: Mapping[str, Value], name: str, folder: str) -> Pem | None:
    inline, file = fields.get(name), fields.get(f"{name}_file")
    if file is not None and _filled(file):
        if inline is not None and _filled(inline):
            raise file.wrong(f"either {file.key} or {inline.key}", "both")
        return Pem(value=file, file=os.path.join(folder, file.text()))
    return Pem(value=inline, file=None) if inline is not None and _filled(inline) else None


def _client_auth(fields: Mapping[str, Value]) -> str:
    value = fields.get("client_auth_type")
    if value is None or not _filled(value):
        return "NoClientCert"
    auth = value.text()
    if auth not in CLIENT_AUTH:
        raise value.wrong(f"one of {', '.join(CLIENT_AUTH)}")
    if auth in {"RequireAnyClientCert", "RequireClientCert"}:
        # It takes any certificate, unverified; Python's ssl verifies all that it asks for.
        raise value.wrong("RequireAndVerifyClientCert: any certificate without a CA proves nothing")
    return auth


def _client_ca(fields: Mapping[str, Value], folder: str, auth: str) -> Pem | None:
    authority = _pem(fields, "client_ca", folder)
    if authority is None:
        if auth == "RequireAndVerifyClientCert":
            value = fields["client_auth_type"]
            raise value.wrong("client_ca_file or client_ca with it")
    elif auth == "NoClientCert":
        raise authority.value.wrong("client_auth_type with it", "a CA for clients")
    return authority


def context(settings: TlsSettings) -> ssl.SSLContext:
    """What accepts TLS connections; reads the files that the settings name."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.options |= ssl.OP_NO_RENEGOTIATION
    made.set_alpn_protocols(["http/1.1"])
    # A session that is resumed by its ticket shows the certificate that it began with.
    made.num_tickets = 0
    if settings.client_auth in _ASKED:
        made.options |= ssl.OP_NO_TICKET
    _set_versions(made, settings.fields)
    _set_ciphers(made, settings.fields)
    _set_curves(made, settings.fields)
    _set_certificate(made, settings)
    _set_client_ca(made, settings)
    return made


def _set_versions(made: ssl.SSLContext, fields: Mapping[str, Value]) -> None:
    known = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
    lowest, highest = fields.get("min_version"), fields.get("max_version")
    made.minimum_version, made.maximum_version = known["TLS12"], known["TLS13"]
    if lowest is not None:
        if lowest.text() not in VERSIONS:
            raise lowest.wrong(f"one of {', '.join(VERSIONS)}")
        made.minimum_version = known.get(lowest.text(), known["TLS12"])
    if highest is not None:
        if highest.text() not in known:
            raise highest.wrong(f"one of {', '.join(known)}")
        made.maximum_version = known[highest.text()]
    if highest is not None and made.maximum_version < made.minimum_version:
        raise highest.wrong("no less than min_version")


def _set_ciphers(made: ssl.SSLContext, fields: Mapping[str, Value]) -> None:
    prefers, value = fields.get("prefer_server_cipher_suites"), fields.get("cipher_suites")
    if prefers is not None and not prefers.truth():
        made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    names = [] if value is None else value.items()
    for name in names:
        if name.text() not in CIPHERS and name.text() not in CIPHERS_13:
            raise name.wrong("a name of Go's tls.CipherSuites()")
    chosen = [CIPHERS[name.text()] for name in names if name.text() in CIPHERS]
    if value is None or not names:
        return
    if not chosen:  # those of TLS 1.3 alone: nothing is left that TLS 1.2 could use
        if made.maximum_version < ssl.TLSVersion.TLSv1_3:
            raise value.wrong(
                "a suite of TLS 1.2 with max_version TLS12", "suites of TLS 1.3 alone"
            )
        made.minimum_version = ssl.TLSVersion.TLSv1_3
        return
    try:
        made.set_ciphers(":".join(chosen))
    except ssl.SSLError as error:
        raise value.wrong("a suite that OpenSSL has here", "none of them") from error


def _set_curves(made: ssl.SSLContext, fields: Mapping[str, Value]) -> None:
    value = fields.get("curve_preferences")
    names = [] if value is None else value.items()
    for name in names:
        if name.text() not in CURVES:
            raise name.wrong(f"one of {', '.join(CURVES)}")
    # ssl takes one curve, or OpenSSL's own list, which has all of these that it knows.
    if len(names) == 1:
        try:
            made.set_ecdh_curve(CURVES[names[0].text()])
        except (ValueError, ssl.SSLError) as error:
            raise names[0].wrong("a curve that OpenSSL has here") from error


def _set_certificate(made: ssl.SSLContext, settings: TlsSettings) -> None:
    cert, key = _read(settings.cert, "CERTIFICATE"), _read(settings.key, "PRIVATE KEY")

    def no_password() -> str:
        raise settings.key.value.wrong("a key without a passphrase", "an encrypted key")

    opened: list[int] = []
    try:
        made.load_cert_chain(_in_memory(cert, opened), _in_memory(key, opened), no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            expected = f"the key of {settings.cert.value.key}"
            raise settings.key.value.wrong(expected, "the key of another certificate") from error
        if error.reason or not _readable(cert):
            raise _refused(settings.cert, error, "a certificate, and those above it") from error
        raise _refused(settings.key, error, "a private key") from error
    except OSError as error:  # memfd_create(2) and /proc are forbidden, or descriptors are out
        found = f"no way to hand it to OpenSSL in memory: {error.strerror}"
        raise settings.cert.value.wrong("memfd_create and /proc/self/fd to work", found) from error
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _set_client_ca(made: ssl.SSLContext, settings: TlsSettings) -> None:
    if settings.client_auth not in _ASKED:
        return  # RequestClientCert asks for one, and looks at none
    required = settings.client_auth == "RequireAndVerifyClientCert"
    made.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as in Go: each one given is trusted
    if settings.client_ca is None:
        made.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        return
    text = _read(settings.client_ca, "CERTIFICATE")
    try:
        made.load_verify_locations(cadata=text.decode("ascii", "replace"))
    except ssl.SSLError as error:
        raise _refused(settings.client_ca, error, "certificates") from error


def _read(pem: Pem, kind: str) -> bytes:
    from accelnet_agent.web_yaml import contents

    if pem.file is None:
        text = pem.value.text().encode()
    else:
        try:
            text = contents(pem.file)
        except OSError as error:
            found = f"{pem.file!a}: {error.strerror}"
            raise pem.value.wrong("a readable PEM file", found) from error
    if b"-----BEGIN " not in text or kind.encode() not in text:
        found = "another text" if pem.file is None else f"another text in {pem.file!a}"
        raise pem.value.wrong(f"PEM with BEGIN {kind}", found)
    return text


def _readable(cert: bytes) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=cert.decode())
    except (ssl.SSLError, ValueError):
        return False
    return True


def _refused(pem: Pem, error: ssl.SSLError, expected: str) -> UsageError:
    reason = error.reason or "unreadable"  # such as EE_KEY_TOO_SMALL
    where = "" if pem.file is None else f" in {pem.file!a}"
    return pem.value.wrong(expected, f"what OpenSSL refuses{where} ({reason})")


def _in_memory(text: bytes, opened: list[int]) -> str:
    """A path to this text, in a file that has no name; ssl takes a key from nowhere but a file.

    It takes what was read once, so that a key can not change between the look and the use.
    """
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    opened.append(descriptor)
    os.write(descriptor, text)  # in full: it goes to memory
    return f"/proc/self/fd/{descriptor}"

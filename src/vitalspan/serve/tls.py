"""The `tls_server_config` section: an `ssl.SSLContext` from fields that were made for Go."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vitalspan.serve.fields import Section

FIELDS: Final = (
    "cert",
    "key",
    "client_ca",
    "cert_file",
    "key_file",
    "client_ca_file",
    "client_auth_type",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
)

_CLIENT_AUTH: Final = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_UNVERIFIED: Final = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")

_VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_OLD_VERSIONS: Final = ("TLS10", "TLS11")

_TLS13_SUITES: Final = (
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
)
_SUITES: Final = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
"""Go's names, which the file uses, and OpenSSL's."""

_CURVES: Final = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}


class TLS(NamedTuple):
    """How connections are secured."""

    context: ssl.SSLContext
    allowed_sans: frozenset[str]

    def admits(self, client_names: Iterable[tuple[str, str]]) -> bool:
        """Whether a client with these alternative names, as (kind, value), may connect."""
        if not self.allowed_sans:
            return True
        return any(_canonical(value) in self.allowed_sans for _, value in client_names)


def build_tls(section: Section) -> TLS | None:
    """Make the context; None if the section does not ask for TLS.

    What is wrong goes to the section's report, and what is returned then is of no use.
    """
    if not section:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _set_versions(context, section)
    _set_suites(context, section)
    _set_curve(context, section)
    _load_certificate(context, section)
    sans = _set_client_auth(context, section)
    return TLS(context, frozenset(_canonical(name) for name in sans))


def _set_versions(context: ssl.SSLContext, section: Section) -> None:
    chosen = []
    for name, default in (("min_version", "TLS12"), ("max_version", "TLS13")):
        value = section.choice(name, (*_VERSIONS, *_OLD_VERSIONS), default)
        if value in _OLD_VERSIONS:
            section.wrong(name, f"{value} is broken and not offered here: write TLS12 or TLS13")
            value = default
        chosen.append(_VERSIONS[value])
    context.minimum_version, context.maximum_version = chosen
    if chosen[0] > chosen[1]:
        section.wrong("max_version", "is lower than min_version: no client could connect")


def _set_suites(context: ssl.SSLContext, section: Section) -> None:
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    if not section.flag("prefer_server_cipher_suites", default=True):
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    asked = section.texts("cipher_suites")
    for name in asked:
        if name not in _SUITES and name not in _TLS13_SUITES:
            known = ", ".join((*_SUITES, *_TLS13_SUITES))
            section.wrong("cipher_suites", f"{name!r} is not one of {known}")
    # Those of TLS 1.3 cannot be chosen, neither with Go nor here.
    older = [_SUITES[name] for name in asked if name in _SUITES]
    if older:
        try:
            context.set_ciphers(":".join(older))
        except ssl.SSLError:
            section.wrong("cipher_suites", "this Python's OpenSSL offers none of them")
    elif asked:
        if context.maximum_version == ssl.TLSVersion.TLSv1_2:
            section.wrong("cipher_suites", "names suites of TLS 1.3, but max_version is TLS12")
        else:
            context.minimum_version = ssl.TLSVersion.TLSv1_3


def _set_curve(context: ssl.SSLContext, section: Section) -> None:
    curves = section.texts("curve_preferences")
    unknown = [curve for curve in curves if curve not in _CURVES]
    if unknown:
        names = ", ".join(map(repr, unknown))
        section.wrong("curve_preferences", f"{names} is not among {', '.join(_CURVES)}")
    elif len(curves) > 1:
        section.wrong(
            "curve_preferences",
            "Python's ssl takes one curve only: name one, or leave the field out for OpenSSL's",
        )
    elif curves:
        try:
            context.set_ecdh_curve(_CURVES[curves[0]])
        except (ValueError, ssl.SSLError):
            section.wrong("curve_preferences", f"this Python's OpenSSL cannot use {curves[0]}")


def _load_certificate(context: ssl.SSLContext, section: Section) -> None:
    with tempfile.TemporaryDirectory() as directory:
        certificate = _pem(section, "cert", Path(directory))
        key = _pem(section, "key", Path(directory))
        if certificate is None or key is None:
            return
        try:
            # Without a callback OpenSSL asks for the password of an encrypted key on the terminal.
            context.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, ValueError) as error:
            section.wrong(_given(section, "cert"), f"certificate and key do not load: {error}")


def _no_password() -> str:
    raise ValueError("the key is encrypted; write it without a password")


def _pem(section: Section, name: str, directory: Path) -> Path | None:
    """The file with the certificate or key; what is in the configuration itself gets one."""
    inline, in_file = section.text(name), f"{name}_file"
    if inline and section.raw(in_file):
        section.wrong(name, f"is given as well as {in_file}: leave one out")
    elif inline:
        path = directory / name
        path.touch(mode=0o600)
        path.write_text(inline, encoding="utf-8")
        return path
    elif section.raw(in_file):
        return section.file(in_file)
    elif section.raw(name) is None:
        section.wrong(in_file, "is missing: TLS needs a certificate and a key")
    return None


def _given(section: Section, name: str) -> str:
    return name if section.raw(name) else f"{name}_file"


def _set_client_auth(context: ssl.SSLContext, section: Section) -> list[str]:
    """Set how clients prove who they are; the alternative names that are let in."""
    policy = section.choice("client_auth_type", (*_CLIENT_AUTH, *_UNVERIFIED), "NoClientCert")
    if policy in _UNVERIFIED:
        section.wrong(
            "client_auth_type",
            f"{policy} takes certificates that nobody verified, which Python's ssl cannot do: "
            "write RequireAndVerifyClientCert",
        )
        policy = "RequireAndVerifyClientCert"
    verifies = policy != "NoClientCert"
    has_ca = _load_client_ca(context, section)
    if has_ca and not verifies:
        section.wrong(
            _given(section, "client_ca"),
            "has no effect without client_auth_type: add  RequireAndVerifyClientCert",
        )
    elif verifies and not has_ca:
        section.wrong("client_ca_file", f"is missing: {policy} needs it to verify clients")
    context.verify_mode = _CLIENT_AUTH[policy]
    sans = section.texts("client_allowed_sans")
    if sans and policy != "RequireAndVerifyClientCert":
        section.wrong("client_allowed_sans", "needs client_auth_type: RequireAndVerifyClientCert")
    return sans


def _load_client_ca(context: ssl.SSLContext, section: Section) -> bool:
    """Load whom clients are verified against; whether the section names somebody."""
    inline = section.text("client_ca")
    if inline and section.raw("client_ca_file"):
        section.wrong("client_ca", "is given as well as client_ca_file: leave one out")
    elif section.raw("client_ca_file"):
        path = section.file("client_ca_file")
        with _reported(section, "client_ca_file"):
            if path:
                context.load_verify_locations(cafile=path)
    elif inline:
        with _reported(section, "client_ca"):
            context.load_verify_locations(cadata=inline)
    return bool(section.raw("client_ca") or section.raw("client_ca_file"))


@contextlib.contextmanager
def _reported(section: Section, name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        section.wrong(name, f"holds no certificate in PEM form: {error}")


def _canonical(name: str) -> str:
    """One spelling for an IP address, which Go and OpenSSL write differently."""
    try:
        return str(ipaddress.ip_address(name.strip()))
    except ValueError:
        return name

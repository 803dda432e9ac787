"""The `tls_server_config` section: an `ssl.SSLContext` from options that were made for Go's TLS."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from vitalspan.words import shown, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vitalspan.serve.web_config.section import Section

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

_SUITE: Final = "a suite such as TLS_AES_128_GCM_SHA256"
_CURVES_FIELD: Final = "curve_preferences"

_WITHOUT_EFFECT: Final = (
    "has no effect without client_auth_type: add  client_auth_type: RequireAndVerifyClientCert"
)

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
"""The names of suites in Go, which the file uses, and in OpenSSL."""

_CURVES: Final = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}


class TLS(NamedTuple):
    """The TLS settings of a server: its context, and the clients that may connect."""

    context: ssl.SSLContext
    allowed_sans: frozenset[str]

    @property
    def asks_who_it_is(self) -> bool:
        """True if every client has to present a trusted certificate."""
        return self.context.verify_mode is ssl.CERT_REQUIRED

    def admits(self, client_names: Iterable[tuple[str, str]]) -> bool:
        """Return whether a client with these subject alternative names may connect."""
        if not self.allowed_sans:
            return True
        return any(_canonical(value) in self.allowed_sans for _, value in client_names)


def build_tls(section: Section) -> TLS | None:
    """Return the TLS settings; None if the section does not ask for TLS.

    After a mistake, which is added to the section's report, the result must not be used.
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
    versions = []
    for name, default in (("min_version", "TLS12"), ("max_version", "TLS13")):
        value = section.choice(name, (*_VERSIONS, *_OLD_VERSIONS)) or default
        if value in _OLD_VERSIONS:
            section.refuse(name, f"{value} is broken and not offered here: use TLS12 or TLS13")
            value = default
        versions.append(_VERSIONS[value])
    context.minimum_version, context.maximum_version = versions
    if versions[0] > versions[1]:
        section.refuse(
            "max_version", "is lower than min_version, so that no client could connect: raise it"
        )


def _set_suites(context: ssl.SSLContext, section: Section) -> None:
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    if not section.flag("prefer_server_cipher_suites", default=True):
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    suites = section.texts("cipher_suites", "a list of suites", _SUITE)
    for name in suites:
        if name not in _SUITES and name not in _TLS13_SUITES:
            hint = suggestion(name, (*_SUITES, *_TLS13_SUITES))
            section.refuse("cipher_suites", f"cannot have {shown(name)}: {hint}")
    # The suites of TLS 1.3 cannot be chosen, neither in Go nor here.
    older = [_SUITES[name] for name in suites if name in _SUITES]
    if older:
        try:
            context.set_ciphers(":".join(older))
        except ssl.SSLError:
            section.refuse("cipher_suites", "has none that this Python's OpenSSL has: name others")
    elif suites:
        if context.maximum_version == ssl.TLSVersion.TLSv1_2:
            section.refuse(
                "cipher_suites", "has suites of TLS 1.3 only, but max_version is TLS12: raise it"
            )
        else:
            context.minimum_version = ssl.TLSVersion.TLSv1_3


def _set_curve(context: ssl.SSLContext, section: Section) -> None:
    curves = section.texts("curve_preferences", "a list of curves", "a curve such as X25519")
    unknown = [curve for curve in curves if curve not in _CURVES]
    for curve in unknown:
        hint = suggestion(curve, _CURVES)
        section.refuse(_CURVES_FIELD, f"cannot have {shown(curve)}: {hint}")
    if unknown:
        return
    if len(curves) > 1:
        section.refuse(
            _CURVES_FIELD,
            "has several, of which Python's ssl takes one: name one, or leave the field out",
        )
    elif curves:
        try:
            context.set_ecdh_curve(_CURVES[curves[0]])
        except (ValueError, ssl.SSLError):
            problem = f"has {curves[0]}, which this Python's OpenSSL lacks: name another"
            section.refuse(_CURVES_FIELD, problem)


def _load_certificate(context: ssl.SSLContext, section: Section) -> None:
    with tempfile.TemporaryDirectory() as directory:
        certificate = _pem(section, "cert", Path(directory))
        key = _pem(section, "key", Path(directory))
        if certificate is None or key is None:
            return
        try:
            # Without a callback, OpenSSL would ask for the password of a key on the terminal.
            context.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, ValueError) as error:
            section.wrong(f"certificate and key do not load: {error}", _file_name(section, "cert"))


def _no_password() -> str:
    raise ValueError("the key is encrypted; write it without a password")


def _pem(section: Section, name: str, directory: Path) -> Path | None:
    """Return the file of a certificate or key; an inline one is written to a file."""
    in_file = f"{name}_file"
    inline = section.text(name, "a text in PEM form")
    if inline and section.get(in_file):
        section.refuse(name, f"is given as well as {in_file}: leave one out")
    elif inline:
        path = directory / name
        path.touch(mode=0o600)
        path.write_text(inline, encoding="utf-8")
        return path
    elif section.get(in_file):
        return section.file(in_file)
    elif section.get(name) is None:
        section.missing(in_file, "TLS needs a certificate and a key")
    return None


def _file_name(section: Section, name: str) -> str:
    return name if section.get(name) else f"{name}_file"


def _set_client_auth(context: ssl.SSLContext, section: Section) -> list[str]:
    """Set how clients authenticate; return the alternative names that are admitted."""
    policy = section.choice("client_auth_type", (*_CLIENT_AUTH, *_UNVERIFIED)) or "NoClientCert"
    if policy in _UNVERIFIED:
        section.refuse(
            "client_auth_type",
            f"{policy} takes certificates that nobody verified, which Python's ssl cannot do: use "
            "RequireAndVerifyClientCert",
        )
        policy = "RequireAndVerifyClientCert"
    verifies = policy != "NoClientCert"
    has_ca = _load_client_ca(context, section)
    if has_ca and not verifies:
        section.refuse(_file_name(section, "client_ca"), _WITHOUT_EFFECT)
    elif verifies and not has_ca:
        section.missing("client_ca_file", f"{policy} needs it to verify clients")
    context.verify_mode = _CLIENT_AUTH[policy]
    sans = section.texts("client_allowed_sans", "a list of names", "a name such as prometheus")
    if sans and policy != "RequireAndVerifyClientCert":
        section.refuse("client_allowed_sans", _WITHOUT_EFFECT)
    return sans


def _load_client_ca(context: ssl.SSLContext, section: Section) -> bool:
    """Load the CAs that verify client certificates; return whether there are any."""
    inline = section.text("client_ca", "a text in PEM form")
    if inline and section.get("client_ca_file"):
        section.refuse("client_ca", "is given as well as client_ca_file: leave one out")
    elif section.get("client_ca_file"):
        path = section.file("client_ca_file")
        with _reported(section, "client_ca_file"):
            if path:
                context.load_verify_locations(cafile=path)
    elif inline:
        with _reported(section, "client_ca"):
            context.load_verify_locations(cadata=inline)
    return bool(section.get("client_ca") or section.get("client_ca_file"))


@contextlib.contextmanager
def _reported(section: Section, name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        section.refuse(name, f"has no certificate in PEM form: {error}")


def _canonical(name: str) -> str:
    """Return one spelling of an IP address, because Go and OpenSSL write them differently."""
    try:
        return str(ipaddress.ip_address(name.strip()))
    except ValueError:
        return name

"""The `basic_auth_users` section: the users and the hashes of their passwords."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import threading
from typing import TYPE_CHECKING, Final

from vitalspan.configfile.nodes import Scalar
from vitalspan.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vitalspan.serve.web_config.section import Section

CHALLENGE: Final = ("WWW-Authenticate", 'Basic realm="vitalspan", charset="UTF-8"')

_HASH = re.compile(r"\$2[abxy]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
_NO_HASH: Final = "is not a bcrypt hash: make one with  htpasswd -nBC 10 '' | tr -d ':\\n'"
# bcrypt uses this many bytes. Go silently cuts longer passwords, Python's bcrypt refuses them.
_BCRYPT_BYTES: Final = 72
_MAX_REMEMBERED: Final = 64


class BasicAuth:
    """Checks passwords against bcrypt hashes.

    Args:
        users: the hash of each user's password.

    Raises:
        MissingExtraError: if bcrypt is not installed.
    """

    def __init__(self, users: Mapping[str, str]) -> None:
        try:
            import bcrypt  # noqa: PLC0415 - only who uses passwords needs it
        except ImportError:
            raise MissingExtraError("the web configuration file", "server") from None
        self._check = bcrypt.checkpw
        self._users = {user.encode(): hashed.encode() for user, hashed in users.items()}
        # Unknown users take as long as known ones, so that timing does not tell which users exist.
        cost = max(hashed.split("$")[2] for hashed in users.values())
        self._nobody = f"$2b${cost}${'.' * 53}".encode()
        # Every scrape sends the same password. Correct ones are remembered as digests, with a key
        # that only this process has.
        self._key = secrets.token_bytes(32)
        self._remembered: dict[bytes, None] = {}
        self._one_at_a_time = threading.Lock()

    def admits(self, authorization: str | None) -> bool:
        """Return whether an `Authorization` header has a user and the right password."""
        credentials = _credentials(authorization)
        if credentials is None:
            return False
        user, password = credentials
        hashed = self._users.get(user, self._nobody)
        digest = self._digest(user, hashed, password)
        if digest in self._remembered:
            return True
        # Guessing passwords must not use more than one core.
        with self._one_at_a_time:
            try:
                right = self._check(password[:_BCRYPT_BYTES], hashed)
            except ValueError:
                # Older releases of bcrypt refuse a NUL byte in a password.
                return False
            if not (right and user in self._users):
                return False
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[digest] = None
        return True

    def _digest(self, *parts: bytes) -> bytes:
        # Each part is hashed on its own first, so that their boundaries are unambiguous.
        whole = b"".join(hashlib.sha256(part).digest() for part in parts)
        return hmac.digest(self._key, whole, "sha256")


def build_basic_auth(section: Section) -> BasicAuth | None:
    """Return the users of the file; None if there are none.

    Raises:
        MissingExtraError: if there are users and bcrypt is not installed.
    """
    users: dict[str, str] = {}
    for user, key, node in section:
        hashed = str(node.content) if isinstance(node, Scalar) else ""
        if ":" in user:
            section.report.wrong(key, "the name of a user cannot have a colon: leave it out")
        elif _HASH.fullmatch(hashed):
            users[user] = hashed
        else:
            section.report.wrong(key, f"the password of {user} {_NO_HASH}")
    return BasicAuth(users) if users else None


def _credentials(authorization: str | None) -> tuple[bytes, bytes] | None:
    """Return the user and the password in an `Authorization` header; None if it has none."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return None
    user, colon, password = decoded.partition(b":")
    return (user, password) if colon else None

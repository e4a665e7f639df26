"""Who may connect: the identity in the URL, the allow-list, and HTTP Basic passwords."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote_to_bytes

from vevgw.csms.errors import CsmsError


class Refused(Exception):
    """A connection request is refused.

    Attributes:
        status: HTTP status.
        sentence: For the body of the response and the log; holds no secret.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class Access:
    """Decides about connection requests."""

    def __init__(
        self,
        passwords: dict[str, bytes] | None = None,
        *,
        only: Iterable[str] | None = None,
        certificates: bool = False,
    ) -> None:
        """Sets the rules.

        Args:
            passwords: By identity; those charge points must use HTTP Basic. ``*`` stands for all
                that are not named.
            only: Identities that may connect; None = all.
            certificates: The common name of the client certificate must be the identity.
        """
        self._passwords = dict(passwords or {})
        self._certificates = certificates
        self._only = None if only is None else frozenset(only)

    def __repr__(self) -> str:
        return f"Access({len(self._passwords)} passwords)"

    def set_password(self, identity: str, password: bytes | None) -> None:
        """Demands a password from a charge point from now on; None demands none."""
        if password is None:
            self._passwords.pop(identity, None)
        else:
            self._passwords[identity] = password

    def check(
        self, path: str, authorization: str | None, certificate_name: str | None = None
    ) -> str:
        """Checks a connection request.

        Args:
            path: Request target of the URL.
            authorization: Value of the Authorization header; None if absent.
            certificate_name: Common name of the client certificate; None if there is none.

        Returns:
            The identity.

        Raises:
            Refused: It may not connect.
        """
        identity = identity_of(path)
        if self._only is not None and identity not in self._only:
            raise Refused(404, f"No charge point {identity!r} is known here.")
        if self._certificates and certificate_name != identity:
            raise Refused(
                403,
                f"The certificate is not that of charge point {identity!r}: it is that of "
                f"{certificate_name!r}.",
            )
        password = self._passwords.get(identity, self._passwords.get("*"))
        if password is not None:
            given = _basic(authorization)
            expected = identity.encode() + b":" + password
            if given is None:
                raise Refused(401, f"Charge point {identity!r} must use HTTP Basic authentication.")
            if not hmac.compare_digest(given, expected):
                raise Refused(401, f"Wrong user name or password of charge point {identity!r}.")
        return identity


def identity_of(path: str) -> str:
    """Returns the identity: the last segment of the path, percent-decoded (OCPP-J 1.6 3.1.1).

    Raises:
        Refused: There is none, or it is no UTF-8 text without control characters and slashes.
    """
    segment = path.partition("?")[0].rpartition("/")[2]
    try:
        identity = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(400, "The identity in the URL is not UTF-8.") from None
    if not identity:
        raise Refused(404, "The URL must end with the identity of the charge point.")
    if not identity.isprintable() or "/" in identity:
        raise Refused(400, "The identity in the URL holds a control character or a slash.")
    return identity


def _basic(authorization: str | None) -> bytes | None:
    scheme, _, credentials = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None


def parse_password(text: str) -> tuple[str, bytes]:
    """Reads ``ID=PASSWORD``; a password ``hex:4F43...`` is given as bytes.

    Raises:
        CsmsError: It is something else; the text says nothing of the password.
    """
    identity, separator, password = text.partition("=")
    if not identity or not separator or not password:
        raise CsmsError("A password must be given as ID=PASSWORD.", exit_code=2)
    if not password.startswith("hex:"):
        return identity, password.encode()
    try:
        return identity, bytes.fromhex(password[4:])
    except ValueError:
        raise CsmsError(
            f"The password of {identity} is not hexadecimal after 'hex:'.", exit_code=2
        ) from None


def read_passwords(file: Path) -> dict[str, bytes]:
    """Reads a file of lines ``ID=PASSWORD``; empty lines and lines that start with ``#`` do not
    count.

    Raises:
        CsmsError: The file cannot be read, or a line is something else.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CsmsError(f"The password file {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CsmsError(f"The password file {file} is not UTF-8 text.") from None
    passwords: dict[str, bytes] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            identity, password = parse_password(line)
        except CsmsError:
            raise CsmsError(
                f"Line {number} of the password file {file} is not ID=PASSWORD."
            ) from None
        passwords[identity] = password
    return passwords

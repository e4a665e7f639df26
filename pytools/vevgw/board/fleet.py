"""Which boards get which settings: a TOML file, or the options of one command.

[defaults]                                  # for all boards
wifi = [                                    # up to four, the first choice first; no others remain
  { ssid = "depot", password = { env = "DEPOT_WIFI" } },  # secrets: environment or file
  { ssid = "Our Guests" },
]
csms_url = "wss://csms.example/ocpp"
c1.profile = "abl-emh1"

[defaults.ocpp]                             # OCPP configuration keys
HeartbeatInterval = 300

[defaults.certificates]                     # for security profile 3
ca = { new = "bench-ca.pem" }               # an authority of the bench, made once; or
#    { certificate = "ca.pem", key = "ca.key" }
ca_password = { env = "BENCH_CA_PASSWORD" } # of its key; without it asked for where there is one
csms_root = "csms-root.pem"                 # roots to install besides that of the authority
manufacturer_root = "maker-root.pem"
days = 825                                  # how long client certificates are valid
record = "issued.jsonl"                     # what was issued; default: beside the authority

[[board]]
port = "/dev/ttyUSB0"
serial_number = "246222AABBCC"              # optional: another board is refused
identity = "CP-0001"
password = { new = "keys/CP-0001" }         # a random key of its own, made once; or { file = ... }
console_password = { new = "keys/CP-0001.console" }  # locks the console; opens a locked one
"""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509

from vevgw.board.authority import BenchCa, read_roots
from vevgw.errors import UserError

_OWN = ("port", "serial_number", "ocpp", "wifi", "certificates")
_CERTIFICATES = ("ca", "ca_password", "csms_root", "manufacturer_root", "days", "record")
_DAYS = 825
_MOST_DAYS = 3650
_WIFI = ("wifi", "wifi2", "wifi3", "wifi4")
# The longest AuthorizationKey (OCPP 1.6 security whitepaper, A00.FR.205).
_NEW_BYTES = 20
SECRETS = ("password", "ap_password", "console_password", *(f"{name}_password" for name in _WIFI))


@dataclass(frozen=True, slots=True)
class CertificatePlan:
    """The certificates that one board gets.

    Attributes:
        authority: Issues its client certificate; None = it gets none.
        csms_roots: To be installed as roots of the CSMS, that of the authority included.
        manufacturer_roots: To be installed as roots of firmware signers.
        days: How long its client certificate is valid.
    """

    authority: BenchCa | None = None
    csms_roots: tuple[x509.Certificate, ...] = ()
    manufacturer_roots: tuple[x509.Certificate, ...] = ()
    days: int = _DAYS


@dataclass(frozen=True, slots=True)
class BoardPlan:
    """What one board gets.

    Attributes:
        port: Its console; None = the only USB bridge.
        serial_number: It must be this board; None = any.
        settings: Device settings by name; an empty value restores the default.
        ocpp: OCPP configuration keys.
        console_password: Opens a locked console, and locks an open one from the next start on.
        certificates: Roots and a client certificate; None = they are left alone.
    """

    port: str | None
    serial_number: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    ocpp: Mapping[str, str] = field(default_factory=dict, repr=False)
    console_password: str | None = field(default=None, repr=False)
    certificates: CertificatePlan | None = None

    def require_sayable(self) -> None:
        """Checks that every value fits on a line of the console.

        Raises:
            UserError: One does not; the text names it, not its value.
        """
        for name, value in [*self.settings.items(), *self.ocpp.items()]:
            if any(ord(c) < 0x20 for c in value):
                raise UserError(f"The value of {name} has a line end or another control sign.")
            if not name or any(c.isspace() for c in name):
                raise UserError(f"'{name}' is no name of a setting.")


def load(path: Path) -> list[BoardPlan]:
    """Returns the boards of a file.

    Raises:
        UserError: It cannot be read, or something in it is wrong; secrets are not quoted.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise UserError(f"{path} is no TOML: it is no text in UTF-8.") from None
    except ValueError as error:
        raise UserError(f"{path} is no TOML: {error}.") from None
    unknown = sorted(content.keys() - {"defaults", "board"})
    if unknown:
        raise UserError(f"{path}: '{unknown[0]}' is neither [defaults] nor [[board]].")
    boards = content.get("board")
    defaults = content.get("defaults", {})
    if not isinstance(boards, list) or not boards or not isinstance(defaults, dict):
        raise UserError(f"{path} names no board: it needs at least one [[board]].")
    authorities: dict[tuple[str, ...], BenchCa] = {}
    plans = [_plan(path, defaults, board, authorities) for board in boards]
    for what, values in (
        ("port", [plan.port for plan in plans]),
        ("identity", [plan.settings.get("identity") for plan in plans]),
    ):
        twice = {v for v in values if v is not None and values.count(v) > 1}
        if twice:
            raise UserError(f"{path}: two boards have the {what} '{min(twice)}'.")
    keys = [plan.settings["password"] for plan in plans if plan.settings.get("password")]
    if len(set(keys)) < len(keys):
        raise UserError(f"{path}: two boards have the same key (password); each needs its own.")
    return plans


def _plan(
    path: Path,
    defaults: dict[str, Any],
    board: Any,
    authorities: dict[tuple[str, ...], BenchCa],
) -> BoardPlan:
    if not isinstance(board, dict):
        raise UserError(f"{path}: 'board' must be written as [[board]].")
    settings: dict[str, str] = {}
    ocpp: dict[str, str] = {}
    for table in (defaults, board):
        settings |= _networks(path, table.get("wifi"))
        _collect(path, {k: v for k, v in table.items() if k not in _OWN}, "", settings)
        keys = table.get("ocpp", {})
        if not isinstance(keys, dict):
            raise UserError(f"{path}: 'ocpp' must be a table of configuration keys.")
        _collect(path, keys, "", ocpp)
    password = settings.pop("console_password", None)
    plan = BoardPlan(
        _text(path, board, "port"),
        _text(path, board, "serial_number"),
        settings,
        ocpp,
        password,
        _certificates(path, (defaults, board), authorities),
    )
    plan.require_sayable()
    return plan


def _certificates(
    path: Path, tables: tuple[dict[str, Any], ...], authorities: dict[tuple[str, ...], BenchCa]
) -> CertificatePlan | None:
    """Opens what the tables `certificates` name; each authority once."""
    wanted: dict[str, Any] = {}
    for table in tables:
        part = table.get("certificates", {})
        if not isinstance(part, dict) or not part.keys() <= set(_CERTIFICATES):
            raise UserError(f"{path}: certificates may have {', '.join(_CERTIFICATES)}.")
        wanted |= part
    if not wanted:
        return None
    authority = _authority(path, wanted, authorities)
    days = wanted.get("days", _DAYS)
    if isinstance(days, bool) or not isinstance(days, int) or not 32 <= days <= _MOST_DAYS:
        raise UserError(f"{path}: days of certificates must be 32 to {_MOST_DAYS}.")
    roots: dict[str, tuple[x509.Certificate, ...]] = {}
    for name in ("csms_root", "manufacturer_root"):
        file = _text(path, wanted, name)
        roots[name] = () if file is None else read_roots(path.parent / file)
    own = () if authority is None else authority.roots
    others = tuple(root for root in roots["csms_root"] if root not in own)
    return CertificatePlan(authority, own + others, roots["manufacturer_root"], days)


def _authority(
    path: Path, wanted: dict[str, Any], authorities: dict[tuple[str, ...], BenchCa]
) -> BenchCa | None:
    ca = wanted.get("ca")
    if ca is None:
        return None
    files = ca if isinstance(ca, dict) and all(isinstance(v, str) for v in ca.values()) else {}
    if files.keys() not in ({"new"}, {"certificate", "key"}):
        raise UserError(f"{path}: ca is {{ new = FILE }} or {{ certificate = FILE, key = FILE }}.")
    where = tuple(str(path.parent / files[name]) for name in sorted(files))
    if where not in authorities:
        secret = wanted.get("ca_password")
        password = None if secret is None else _value(path, "ca_password", secret).encode()
        name = _text(path, wanted, "record")
        record = None if name is None else path.parent / name
        first = Path(where[0])
        authorities[where] = (
            BenchCa.make(first, password, record)
            if "new" in files
            else BenchCa(first, Path(where[1]), password, record)
        )
    return authorities[where]


def said(value: str) -> str:
    """Returns the value as the console takes it: between marks where blanks would be lost."""
    return f'"{value}"' if value != value.strip() or value.startswith('"') else value


def _networks(path: Path, networks: Any) -> dict[str, str]:
    """The settings of a list of Wi-Fi networks; those it does not need are emptied."""
    if networks is None:
        return {}
    if not isinstance(networks, list) or not 1 <= len(networks) <= len(_WIFI):
        raise UserError(f"{path}: wifi must be a list of 1 to {len(_WIFI)} networks.")
    settings = dict.fromkeys(
        (f"{slot}_{what}" for slot in _WIFI for what in ("ssid", "password")), ""
    )
    for slot, network in zip(_WIFI, networks, strict=False):
        if not isinstance(network, dict) or not {"ssid"} <= network.keys() <= {"ssid", "password"}:
            raise UserError(f"{path}: a network of wifi has an ssid and perhaps a password.")
        for what, value in network.items():
            settings[f"{slot}_{what}"] = _value(path, f"{slot}_{what}", value)
    return settings


def _collect(path: Path, table: dict[str, Any], prefix: str, into: dict[str, str]) -> None:
    """Tables within tables are names with dots: c1.profile."""
    for key, value in table.items():
        name = prefix + key
        if isinstance(value, dict) and not value.keys() & {"env", "file", "new"}:
            _collect(path, value, f"{name}.", into)
        else:
            into[name] = _value(path, name, value)


def _value(path: Path, name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, dict) and len(value) == 1:
        ((source, where),) = value.items()
        if source == "env" and isinstance(where, str):
            if where not in os.environ:
                raise UserError(f"{path}: {name} is in the variable {where}, which is not set.")
            return os.environ[where]
        if source == "file" and isinstance(where, str):
            return first_line(path.parent / where)
        if source == "new" and isinstance(where, str):
            return own_secret(path.parent / where)
    raise UserError(
        f"{path}: {name} must be a text, a whole number, true, false, env, file or new."
    )


def own_secret(path: Path) -> str:
    """Returns the secret of a file, and makes it first where there is none: random, hexadecimal.

    Raises:
        UserError: The file can be neither read nor made.
    """
    if path.exists():
        return first_line(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UserError(f"{path} cannot be made: {error.strerror}.") from error
    secret = secrets.token_hex(_NEW_BYTES)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secret + "\n")
    return secret


def first_line(path: Path) -> str:
    """Returns the first line of a file with a secret.

    Raises:
        UserError: It cannot be read, or is empty.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(f"{path} cannot be read: {reason}.") from error
    if not lines or not lines[0]:
        raise UserError(f"The first line of {path} is empty.")
    return lines[0]


def _text(path: Path, table: dict[str, Any], name: str) -> str | None:
    value = table.get(name)
    if value is not None and not isinstance(value, str):
        raise UserError(f"{path}: {name} must be a text.")
    return value

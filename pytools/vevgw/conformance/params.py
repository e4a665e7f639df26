"""Values of the $NAMES in cases: fixed ones, scaled ones, and those of the moment.

A run takes as long as the intervals say that the charge point gets from the CSMS or from its
configuration; the names are the same whatever the scale is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from vevgw.csms.history import iso_utc

Scale = Literal["fast", "slow"]

#: Name: (fast, slow, meaning). Fast suits a process on this machine, slow a real charge point.
SCALED: Final[dict[str, tuple[float, float, str]]] = {
    "HB": (3, 10, "heartbeat interval, s"),
    "BOOT_RETRY": (2, 5, "interval of a Rejected or Pending BootNotification.conf, s"),
    "MV_INTERVAL": (3, 5, "MeterValueSampleInterval, s"),
    "CLOCK_INTERVAL": (3, 20, "ClockAlignedDataInterval, s; divides a day"),
    "CONN_TIMEOUT": (3, 10, "ConnectionTimeOut, s"),
    "TX_DURATION": (3, 10, "how long a transaction must not start, or lasts, s"),
    "STATUS_DURATION": (2, 10, "MinimumStatusDuration where a case wants one, s"),
    "QUIET": (1.5, 4, "how long something must not happen that would come at once, s"),
    "MSG_TIMEOUT": (30, 60, "longest wait for a message, s"),
    "LONG_TIMEOUT": (45, 450, "longest wait after a restart or for a firmware update, s"),
    "OPTIONAL": (3, 10, "longest wait for a message that need not come, s"),
    "DEV": (2, 4, "largest deviation of a time, s"),
    "SETTLE": (0.5, 2, "after the preparation, for what is still on its way, s"),
    "RES_OFFSET": (5, 10, "validity of a reservation that is to expire, s"),
}

FIXED: Final[dict[str, tuple[Any, str]]] = {
    "CONN": (1, "connector under test"),
    "CONN_UNKNOWN": (99, "a connector that does not exist"),
    "TAG1": ("OCTTTAG1", "valid idTag"),
    "TAG2": ("OCTTTAG2", "second valid idTag"),
    "TAG_BAD": ("OCTTBAD", "idTag that the CSMS answers Invalid"),
    "PARENT": ("OCTTPARENT", "parentIdTag of both, where a case gives them one"),
    "RES": (1, "reservationId"),
    "RES_OTHER": (999, "reservationId that is not in use"),
    "TX_UNKNOWN": (987654, "transactionId that is not in use"),
    "UNIT": ("A", "chargingRateUnit"),
    "PHASES": (3, "numberPhases"),
    "STACK": (0, "stackLevel"),
    "DUR": (300, "duration of a schedule, s"),
    "REQUEST": (1, "requestId of a log or a firmware"),
    "CPO": ("CONFORMANCE", "CpoName"),
    "AUTH_KEY": ("4F43505020436F6E666F726D616E6365", "a new AuthorizationKey, hexadecimal"),
    "LIMIT": (6, "limit of a charging profile"),
    "LOCAL_LIMIT": (16, "what the charge point allows without any profile"),
}


@dataclass(slots=True)
class Parameters:
    """The $NAMES of one run of one case.

    Attributes:
        values: Everything that does not change by itself; cases add $TX and the like.
    """

    scale: Scale = "fast"
    values: dict[str, Any] = field(default_factory=dict)
    _begin: datetime | None = None

    @classmethod
    def of(cls, scale: Scale, overrides: Mapping[str, Any] | None = None) -> Parameters:
        """Returns the parameters of a scale; numbers without fraction are integers."""
        values: dict[str, Any] = {name: value for name, (value, _) in FIXED.items()}
        for name, (fast, slow, _) in SCALED.items():
            values[name] = fast if scale == "fast" else slow
        return cls(scale, values | dict(overrides or {}))

    def __call__(self, name: str) -> Any:
        """Returns the value of a name; KeyError when there is none."""
        moment = self._moment(name)
        return self.values[name] if moment is None else iso_utc(moment)

    def seconds(self, name: str) -> float:
        """Returns a duration, s."""
        return float(self.values[name])

    def __contains__(self, name: str) -> bool:
        return name in self.values or self._moment(name) is not None

    def _moment(self, name: str) -> datetime | None:
        now = datetime.now(UTC)
        deviation = timedelta(seconds=self.seconds("DEV"))
        match name:
            case "NOW":
                return now
            case "RES_EXPIRY":
                return now + timedelta(hours=1)
            case "RES_SOON":
                return now + timedelta(seconds=self.seconds("RES_OFFSET"))
            case "PROFILE_START" | "VALID_TO":
                # The same for all profiles of a case.
                self._begin = self._begin or now.replace(microsecond=0) - deviation
                is_end = name == "VALID_TO"
                return (
                    self._begin + timedelta(seconds=401 if is_end else 0) + 2 * deviation * is_end
                )
        return None


#: Names that get their value while a case runs.
MOMENTS: Final = ("NOW", "RES_EXPIRY", "RES_SOON", "PROFILE_START", "VALID_TO")
CAPTURED: Final = {
    "TX": "transactionId of the latest StartTransaction.conf",
    "TX_BEFORE": "the one before $TX",
    "CONNECTORS": "number of connectors",
    "FW_URL": "firmware that can be installed",
    "FW_BAD_URL": "a file that is no firmware",
    "FW_MISSING_URL": "firmware on a server that nobody serves",
    "DIAG_URL": "where diagnostics are taken",
    "DIAG_BAD_URL": "where nobody takes them",
    "LOG_URL": "where logs are taken",
    "ROOT_CS": "certificate of a root for central systems, PEM",
    "ROOT_MFR": "certificate of a root for manufacturers, PEM",
    "ROOT_BAD": "a certificate that cannot be installed, PEM",
    "CP_CERT": "certificate for the latest certificate signing request, PEM",
    "CP_CERT_BAD": "a chain that is not valid, PEM",
    "FW_CERT": "certificate of the firmware's signer, PEM",
    "FW_SIG": "signature of $FW_URL, base64",
    "FW_SIG_BAD": "a signature of something else, base64",
}


def known_names() -> frozenset[str]:
    """Returns every name that a case may use."""
    return frozenset((*SCALED, *FIXED, *MOMENTS, *CAPTURED))

"""What the books are made of: transactions, samples, connectors, charge points."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

#: Samples per transaction that stay in memory; the database keeps all.
KEPT_SAMPLES: Final = 1_000

#: Columns of a sample in the database, in the order of its fields.
SAMPLE_COLUMNS: Final = (
    "utc",
    "value",
    "measurand",
    "unit",
    "phase",
    "location",
    "context",
    "format",
)

_REGISTER: Final = "Energy.Active.Import.Register"


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled value with the defaults of OCPP 1.6 7.43 filled in.

    Attributes:
        utc: Timestamp of its MeterValue, as received.
        value: As received; a decimal number unless ``format`` is SignedData.
        unit: As received; empty if the charge point sent none and the measurand is not an energy.
        phase: Empty for a value over all phases.
    """

    utc: str
    value: str
    measurand: str
    unit: str
    phase: str
    location: str
    context: str
    format: str

    def values(self) -> tuple[str, ...]:
        """Returns the values of SAMPLE_COLUMNS."""
        return (
            self.utc,
            self.value,
            self.measurand,
            self.unit,
            self.phase,
            self.location,
            self.context,
            self.format,
        )

    @property
    def number(self) -> float | None:
        """The value as a number, in its unit; None when it is none."""
        try:
            return float(self.value) if self.format == "Raw" else None
        except ValueError:
            return None

    @property
    def energy_wh(self) -> float | None:
        """The total import register, Wh; None when this is another measurand or one phase of it."""
        if (
            self.measurand != _REGISTER
            or self.phase
            or self.location != "Outlet"
            or self.number is None
        ):
            return None
        return self.number * (1000 if self.unit == "kWh" else 1)


@dataclass(slots=True)
class Transaction:
    """One transaction as the CSMS knows it.

    Attributes:
        id: Given by this CSMS.
        id_tag_status: Answered to StartTransaction.
        start_utc: Timestamp of StartTransaction, as received.
        meter_stop_wh: None while open; so are the other stop values.
        reason: ``Local`` when StopTransaction gave none (OCPP 1.6 6.49).
        start_repeats: Retries of StartTransaction after the first.
        stop_repeats: Retries of StopTransaction after the first.
        recent_samples: The latest KEPT_SAMPLES; after a restart only of open transactions. All
            are in the database.
    """

    id: int
    charge_point: str
    connector_id: int
    id_tag: str
    id_tag_status: str
    meter_start_wh: int
    start_utc: str
    reservation_id: int | None = None
    meter_stop_wh: int | None = None
    stop_utc: str | None = None
    stop_id_tag: str | None = None
    reason: str | None = None
    start_repeats: int = 0
    stop_repeats: int = 0
    recent_samples: deque[Sample] = field(
        default_factory=lambda: deque(maxlen=KEPT_SAMPLES), repr=False
    )
    _seen: set[int] = field(default_factory=set, repr=False)

    @property
    def is_open(self) -> bool:
        """Whether no StopTransaction has come."""
        return self.meter_stop_wh is None

    @property
    def energy_wh(self) -> float:
        """Energy so far: from the stop register, else from the latest sampled register, Wh."""
        if self.meter_stop_wh is not None:
            return self.meter_stop_wh - self.meter_start_wh
        for sample in reversed(self.recent_samples):
            if (register := sample.energy_wh) is not None:
                return register - self.meter_start_wh
        return 0.0

    def keep(self, samples: Iterable[Sample]) -> None:
        """Adds samples to the recent ones."""
        for sample in samples:
            self.recent_samples.append(sample)
            self._seen.add(hash(sample))
        if len(self._seen) > 4 * KEPT_SAMPLES:
            self._seen = {hash(sample) for sample in self.recent_samples}

    def has_all(self, samples: Sequence[Sample]) -> bool:
        """Whether all these samples were kept before: their message is a retry."""
        return bool(samples) and all(hash(sample) in self._seen for sample in samples)


@dataclass(frozen=True, slots=True)
class ConnectorState:
    """Latest StatusNotification of a connector (0 is the charge point itself)."""

    status: str
    error_code: str
    utc: str


@dataclass(slots=True)
class ChargePointEntry:
    """What the CSMS knows of a charge point besides its connection.

    Attributes:
        registration: Latest answer to BootNotification; None before the first.
        boot: Payload of the latest BootNotification.
        boot_utc: When it came.
        connectors: Latest status by connector.
    """

    identity: str
    registration: str | None = None
    boot: dict[str, Any] = field(default_factory=dict)
    boot_utc: str | None = None
    connectors: dict[int, ConnectorState] = field(default_factory=dict)


def read_samples(meter_values: Iterable[dict[str, Any]]) -> Iterable[Sample]:
    """Flattens a list of MeterValue into samples, with the defaults of OCPP 1.6 7.43."""
    for meter_value in meter_values:
        for value in meter_value["sampledValue"]:
            measurand = value.get("measurand", _REGISTER)
            default_unit = "Wh" if measurand.startswith("Energy.Active") else ""
            yield Sample(
                utc=meter_value["timestamp"],
                value=value["value"],
                measurand=measurand,
                unit=value.get("unit", default_unit),
                phase=value.get("phase", ""),
                location=value.get("location", "Outlet"),
                context=value.get("context", "Sample.Periodic"),
                format=value.get("format", "Raw"),
            )

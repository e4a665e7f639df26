"""Payloads of CALLs that more than one test or tool sends to a gateway."""

from __future__ import annotations

from typing import Any


def limit_request(
    connector: int,
    limit_a: float,
    *,
    transaction: int | None = None,
    purpose: str | None = None,
    phases: int | None = None,
    profile_id: int | None = None,
) -> dict[str, Any]:
    """Returns SetChargingProfile.req of a profile with one limit that holds from now on.

    Args:
        connector: 0 = the charge point.
        limit_a: A per phase; 0 = pause.
        transaction: For this transaction only: a TxProfile.
        purpose: Default: TxProfile with a transaction, else TxDefaultProfile.
        phases: numberPhases; None: left out.
        profile_id: Default: the number of the connector.
    """
    period: dict[str, Any] = {"startPeriod": 0, "limit": limit_a}
    profile: dict[str, Any] = {
        "chargingProfileId": connector if profile_id is None else profile_id,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose or ("TxProfile" if transaction else "TxDefaultProfile"),
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]},
    }
    if phases is not None:
        period["numberPhases"] = phases
    if transaction is not None:
        profile["transactionId"] = transaction
    return {"connectorId": connector, "csChargingProfiles": profile}

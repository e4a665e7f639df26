"""Which source file serves which feature: the code of the engine as a profile."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

# The first pattern that fits, below lib/ and without suffix, names the feature.
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("common/*", "shared: text, time, log"),
    ("json/*", "JSON"),
    ("ocpp_messages/*", "messages: schema checks, codecs, names"),
    ("ocpp/transaction_store*", "transactions and meter values in flash"),
    ("ocpp/records", "transactions and meter values in flash"),
    ("ocpp/image", "transactions and meter values in flash"),
    ("ocpp/stop_data", "transactions and meter values in flash"),
    ("ocpp/dead_letters", "transactions and meter values in flash"),
    ("ocpp/connector_samples", "metering"),
    ("ocpp/meas*", "metering"),
    ("ocpp/meter_values", "metering"),
    ("ocpp/connector_offer", "smart charging"),
    ("ocpp/smart_charging", "smart charging"),
    ("ocpp/charging_profile*", "smart charging"),
    ("ocpp/handlers/*charging_profile", "smart charging"),
    ("ocpp/handlers/get_composite_schedule", "smart charging"),
    ("ocpp/connector*", "sessions and statuses"),
    ("ocpp/status_reports", "sessions and statuses"),
    ("ocpp/reserv*", "reservation"),
    ("ocpp/handlers/reserve_now", "reservation"),
    ("ocpp/handlers/cancel_reservation", "reservation"),
    ("ocpp/*auth*", "id tags: cache, local list, offline rules"),
    ("ocpp/tag_table", "id tags: cache, local list, offline rules"),
    ("ocpp/handlers/*local_list*", "id tags: cache, local list, offline rules"),
    ("ocpp/handlers/clear_cache", "id tags: cache, local list, offline rules"),
    ("ocpp/handlers/trigger_message", "remote trigger"),
    ("ocpp/firmware_update", "firmware and diagnostics"),
    ("ocpp/diagnostics", "firmware and diagnostics"),
    ("ocpp/file_job", "firmware and diagnostics"),
    ("ocpp/handlers/get_diagnostics", "firmware and diagnostics"),
    ("ocpp/handlers/update_firmware", "firmware and diagnostics"),
    ("ocpp/configuration", "configuration"),
    ("ocpp/handlers/*configuration", "configuration"),
    ("ocpp/*", "core: calls, answers, registration, control"),
)


def feature_of(source: Path) -> str | None:
    """Returns the feature that a source file serves.

    Args:
        source: Relative to lib/.

    Returns:
        None when the file is not part of the engine.
    """
    name = source.with_suffix("").as_posix()
    return next((feature for pattern, feature in _PATTERNS if fnmatch(name, pattern)), None)

"""What the format can say and the firmware's driver cannot do yet."""

from __future__ import annotations

from vevgw.chargers.profiles import Profile


def unsupported(profile: Profile) -> list[str]:
    """Returns what the driver cannot do yet of a profile without errors, one sentence each."""
    return ["the firmware has no meters yet."] if profile.is_meter else []

"""The parts that a case plays with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vevgw.conformance.files import CaseFiles
from vevgw.conformance.params import Parameters
from vevgw.conformance.session import Session
from vevgw.conformance.targets import Target
from vevgw.csms import ChargePoint, Csms


@dataclass(slots=True)
class Stage:
    """What a case plays on.

    Attributes:
        folder: Of the case.
    """

    csms: Csms
    target: Target
    session: Session
    parameters: Parameters
    pics: Mapping[str, Any]
    folder: Path
    files: CaseFiles | None = None

    @property
    def charge_point(self) -> ChargePoint:
        """The charge point as the CSMS sees it."""
        return self.csms.charge_point(self.target.identity)

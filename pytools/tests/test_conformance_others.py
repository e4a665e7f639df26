"""The conformance suite judges a charge point that is not ours: one of the package `ocpp`."""

from __future__ import annotations

import sys
from pathlib import Path

from vevgw.conformance import loader
from vevgw.conformance.pics import load_pics
from vevgw.conformance.suite import Plan, run_cases
from vevgw.conformance.targets.choose import choose
from vevgw.conformance.verdict import Verdict

TARGET = """\
identity: CP-OF-OTHERS
connectors: 1
boots_at_start: true
commands:
  start: |
    echo "$CSMS_URL" > {folder}/url
    {python} {script} "$CSMS_URL" CP-OF-OTHERS & echo $! > {folder}/pid
  stop: kill $(cat {folder}/pid)
  power_cycle: |
    kill $(cat {folder}/pid)
    {python} {script} "$(cat {folder}/url)" CP-OF-OTHERS & echo $! > {folder}/pid
"""
# As short as what is told to the charge point: it has no settings.
INTERVALS = {"HB": 1, "BOOT_RETRY": 1, "DEV": 1, "QUIET": 0.2, "SETTLE": 0.1, "MSG_TIMEOUT": 10}


async def test_charge_point_of_others_is_judged(tmp_path: Path) -> None:
    """Purpose: verdicts of every kind, reached by commands and a PICS file alone.

    Pass criteria: what it does well passes; it fails where it answers NotImplemented although a
    reservation has to be Rejected; nothing is known where there is no command for the plug.
    """
    script = Path(__file__).with_name("ocpp_charge_point.py")
    target = tmp_path / "target.yaml"
    text = TARGET.format(folder=tmp_path, python=sys.executable, script=script)
    target.write_text(text, encoding="utf-8")
    pics = tmp_path / "pics.yaml"
    pics.write_text("items:\n  local_start: {value: true}\n", encoding="utf-8")
    chosen = choose(f"command:{target}", charger_port=None, folder=tmp_path, is_attended=False)
    plan = Plan(
        chosen.make, load_pics(pics), tmp_path / "run", jobs=1, scale="fast", overrides=INTERVALS
    )
    expected = {
        "TC_001_CP": Verdict.PASS,
        "TC_027_CP": Verdict.PASS,
        "TC_031_CP": Verdict.PASS,
        "TC_062_CP": Verdict.PASS,
        "TC_048_4_CP": Verdict.FAIL,
        "TC_003_CP": Verdict.INCONCLUSIVE,
        "TC_017_1_CP": Verdict.NOT_APPLICABLE,
    }
    cases = [case for case in loader.load_all() if case.id in expected]
    outcomes = {one.case.id: one for one in await run_cases(cases, plan)}
    told = {name: f"{one.verdict} {one.reason}" for name, one in outcomes.items()}
    assert {name: one.verdict for name, one in outcomes.items()} == expected, told
    assert "NotImplemented" in outcomes["TC_048_4_CP"].reason
    assert "no command for 'plug_in'" in outcomes["TC_003_CP"].reason

"""`vevgw simulate`: runs of the simulation, without building it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vevgw.errors import UserError
from vevgw.simulate import program

GOOD = (
    "seed {0}: good, hash 00000000000000{0:02d}, 5 transactions, 7 kWh, 400 frames, 3 retries, "
    "2 CALLs answered, 1 power cuts"
)


def write_program(folder: Path, *, broken: int | None = None, signal: bool = False) -> Path:
    """A stand-in that is good on every seed but one."""
    path = folder / "simulation"
    lines = ["#!/bin/sh", 'seed="$2"']
    if broken is not None:
        lines.append(
            f'[ "$seed" = {broken} ] && echo "seed {broken}: day 0 00:00:01.000: it broke" && '
            "echo trace && exit 1"
        )
    if signal:
        lines.append("kill -SEGV $$")
    lines.append(
        'printf "seed %d: good, hash %016d, 5 transactions, 7 kWh, 400 frames, 3 retries, '
        '2 CALLs answered, 1 power cuts\\n" "$seed" "$seed"'
    )
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o755)
    return path


def test_all_seeds_are_run_and_reported_in_order(tmp_path: Path) -> None:
    shown: list[str] = []
    runs = program.run(write_program(tmp_path), range(3, 9), [], on_output=shown.append)
    assert [run.seed for run in runs] == [3, 4, 5, 6, 7, 8]
    assert [text.split(":")[0] for text in shown] == [f"seed {n}" for n in range(3, 9)]
    assert (runs[0].transactions, runs[0].kwh, runs[0].frames) == (5, 7, 400)
    assert (runs[0].retries, runs[0].calls, runs[0].power_cuts) == (3, 2, 1)


def test_splitting_over_processes_does_not_show(tmp_path: Path) -> None:
    path = tmp_path / "simulation"
    path.write_text(
        "#!/bin/sh\n"
        'for seed in $(seq "$2" $(($2 + $4 - 1))); do\n'
        '[ "$seed" = 40 ] && echo "seed 40: it broke" && echo trace && exit 1\n'
        + GOOD.replace("seed {0}", 'echo "seed $seed').format(0, 1)
        + '"\ndone\necho "$4 seeds x 30 days good: hash 1"\n'
    )
    path.chmod(0o755)
    shown: list[str] = []
    runs = program.run(path, range(1, 40), [], on_output=shown.append, processes=1)
    assert [run.seed for run in runs] == list(range(1, 40))
    assert [len(text.splitlines()) for text in shown] == [1] * 39
    shown.clear()
    with pytest.raises(UserError, match=r"^a promise was broken: seed 40: it broke$"):
        program.run(path, range(1, 45), [], on_output=shown.append, processes=1)
    assert shown[-1].splitlines() == ["seed 40: it broke", "trace"]


def test_broken_promise_ends_the_run_with_its_sentence(tmp_path: Path) -> None:
    shown: list[str] = []
    with pytest.raises(UserError, match=r"^a promise was broken: seed 4: .*: it broke$") as caught:
        program.run(write_program(tmp_path, broken=4), range(3, 9), [], on_output=shown.append)
    assert caught.value.exit_code == 1
    assert "trace" in shown[-1]
    assert len(shown) == 2


def test_crash_names_signal_and_seed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"died of signal 11 on seed 1$"):
        program.run(write_program(tmp_path, signal=True), [1], [], on_output=lambda _: None)


def test_combined_hash_depends_on_every_run_and_their_order() -> None:
    runs = list(program.parse("\n".join(GOOD.format(seed) for seed in (1, 2, 3))))
    assert len(runs) == 3
    hashes = {program.combined_hash(part) for part in (runs, runs[:2], runs[::-1])}
    assert len(hashes) == 3
    assert program.combined_hash(runs) == program.combined_hash(list(runs))

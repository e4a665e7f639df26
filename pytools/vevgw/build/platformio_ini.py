"""platformio.ini as PlatformIO reads it: `extends` and `${section.option}` resolved."""

from __future__ import annotations

from pathlib import Path

from vevgw.errors import UserError


def words(project: Path, environment: str, option: str) -> list[str]:
    """Returns the values of an option that takes several, in their order; none when it is not set.

    Raises:
        UserError: There is no such environment, or the file is broken.
    """
    from platformio.exception import PlatformioException
    from platformio.project.config import ProjectConfig

    section = f"env:{environment}"
    try:
        config = ProjectConfig(str(project / "platformio.ini"))
        if not config.has_section(section):
            known = ", ".join(config.envs())
            raise UserError(f"platformio.ini has no environment '{environment}', only {known}.")
        value = config.get(section, option, "")
    except PlatformioException as error:
        reason = str(error).splitlines()[-1].strip().rstrip(".")
        raise UserError(f"{project / 'platformio.ini'} cannot be read: {reason}.") from error
    lines = value if isinstance(value, list) else str(value).replace(",", "\n").splitlines()
    return [text for line in lines if (text := str(line).strip())]

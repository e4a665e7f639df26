"""Building the firmware: PlatformIO as a subprocess, its private core, and what surrounds a build.

`system`, `project_env` and `conventions` use the standard library alone, because noxfile.py and
the workflows call them before anything is installed.
"""

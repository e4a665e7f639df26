"""Makes PlatformIO run doctest suites with the doctest of the system instead of downloading one."""

from platformio.test.runners.doctest import DoctestTestRunner


class CustomTestRunner(DoctestTestRunner):
    EXTRA_LIB_DEPS = None

"""Makes PlatformIO build doctest suites with the doctest of the system, not a downloaded one."""

import os

from platformio.test.runners.doctest import DoctestTestRunner


class CustomTestRunner(DoctestTestRunner):
    EXTRA_LIB_DEPS = None

    def configure_build_env(self, env):
        names = os.environ.get("VEVGW_SUITES", "").split()
        if names:
            env.Replace(PIOTEST_SRC_FILTER=[f"+<{name}/>" for name in names])
        if self.test_suite.env_name.startswith("native"):
            # The checks of a suite take GCC four times as long to optimise as to translate. What is
            # tested, and the libraries of test/support, keep the flags of the environment.
            env.Append(CCFLAGS=["-O0"])
        return super().configure_build_env(env)

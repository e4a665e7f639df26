#pragma once

// The one include of a test suite besides what it tests. It brings doctest and, from this library, main():
// compiling doctest itself takes half a minute with sanitizers, so no suite does it again.

// A check without a try block of its own, which lib/ without exceptions does not need.
#define DOCTEST_CONFIG_SUPER_FAST_ASSERTS
#include <doctest/doctest.h>

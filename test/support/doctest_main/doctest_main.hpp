#pragma once

// The one include of a test suite besides what it tests. It brings doctest and, from this library, main():
// compiling doctest itself takes half a minute with sanitizers, so no suite does it again.

#include <doctest/doctest.h>

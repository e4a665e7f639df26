// The fuzz target without a fuzzer: the same promises over pseudo-random bytes, on every compiler.

#include "../../fuzz/fuzz_modbus.cpp"
#include "doctest_main/doctest_main.hpp"
#include "platform_sim/sim_entropy.hpp"

#include <vector>

// Rules: FP-9
TEST_CASE("arbitrary bytes from the bus break no promise") {
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    CAPTURE(seed);
    platform_sim::SimEntropy entropy(seed);
    std::vector<uint8_t> bytes(1 + entropy.below(1500));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(entropy.next_u64());
    // Every third input answers properly most of the time, so that drivers get beyond their start-up.
    if (seed % 3 == 0) {
      for (size_t i = 1; i < bytes.size(); i += 2) bytes[i] = static_cast<uint8_t>(bytes[i] | 5U);
      bytes[0] = static_cast<uint8_t>(1 + seed / 3 % 3);
    }
    CHECK(LLVMFuzzerTestOneInput(bytes.data(), bytes.size()) == 0);
  }
}

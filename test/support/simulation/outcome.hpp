#pragma once

#include "simulation/auditor.hpp"
#include "simulation/ports.hpp"

#include <string>
#include <vector>

namespace simulation {

/// What a run came to.
struct Outcome {
  Violation violation;
  uint64_t hash = 0;  ///< Of every frame with time and direction: equal runs, equal hashes.
  uint64_t frames = 0;
  uint64_t steps = 0;
  uint64_t transactions = 0;
  uint64_t retries = 0;
  uint64_t boots = 0;
  uint64_t power_cuts = 0;
  uint64_t calls_in = 0;
  uint64_t given_up = 0;
  int64_t energy_wh = 0;
  int64_t drain_ms = 0;              ///< From the last fault until nothing was left to do.
  int64_t longest_over_ms = 0;       ///< A charger drew more than it was told.
  int64_t longest_site_over_ms = 0;  ///< All together drew more than the site bears.
  uint64_t most_accesses = 0;        ///< To flash, in one call into the engine.
  std::vector<std::string> trace;    ///< The last lines before the end, when asked for.

  bool is_good() const { return violation.sentence.empty(); }
};

constexpr size_t kFullTrace = SIZE_MAX;

struct RunOptions {
  Mutant mutant = Mutant::kNone;
  size_t trace_lines = 0;  ///< Keep at most so many lines.
};

}  // namespace simulation

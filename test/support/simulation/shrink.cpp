#include "simulation/world.hpp"

#include <algorithm>

namespace simulation {
namespace {

/// What was broken, without the figures: a smaller script breaks the same promise with other numbers.
std::string kind_of(const Violation& violation) {
  std::string kind;
  for (const char c : violation.sentence) {
    if (c == '{' || kind.size() == 60) break;
    if (c < '0' || c > '9') kind += c;
  }
  return kind;
}

}  // namespace

Script shrink(const Script& script, const RunOptions& options, size_t max_runs) {
  RunOptions quiet = options;
  quiet.trace_lines = 0;
  const Outcome first = run(script, quiet);
  if (first.is_good()) return script;
  const std::string kind = kind_of(first.violation);
  size_t runs = 0;
  const auto fails_alike = [&](const Script& candidate) {
    ++runs;
    const Outcome outcome = run(candidate, quiet);
    return !outcome.is_good() && kind_of(outcome.violation) == kind;
  };

  Script best = script;
  // Nothing after the failure matters.
  Script candidate = best;
  const int64_t at_ms = first.violation.at_ms;
  if (at_ms < best.end_ms) candidate.end_ms = at_ms + 1;
  while (!candidate.events.empty() && candidate.events.back().at_ms > at_ms)
    candidate.events.pop_back();
  if (fails_alike(candidate)) best = candidate;

  for (size_t chunk = std::max<size_t>(1, best.events.size() / 2); runs < max_runs;) {
    bool is_smaller = false;
    for (size_t begin = 0; begin < best.events.size() && runs < max_runs;) {
      candidate = best;
      const auto from = candidate.events.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto count = std::min(chunk, candidate.events.size() - begin);
      candidate.events.erase(from, from + static_cast<std::ptrdiff_t>(count));
      if (fails_alike(candidate)) {
        best = candidate;
        is_smaller = true;
      } else {
        begin += count;
      }
    }
    if (chunk == 1 && !is_smaller) break;
    chunk = std::max<size_t>(1, chunk / 2);
  }
  // The day on which it happens is of no interest: let the story begin with the first event left.
  if (!best.events.empty() && best.events.front().at_ms > 120000) {
    candidate = best;
    const int64_t earlier_ms = best.events.front().at_ms - 60000;
    for (Event& event : candidate.events) event.at_ms -= earlier_ms;
    candidate.end_ms -= earlier_ms;
    if (fails_alike(candidate)) best = candidate;
  }
  return best;
}

}  // namespace simulation

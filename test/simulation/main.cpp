// The deterministic simulation as a program: `vevgw simulate` builds and calls it.
#include "simulation/world.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

struct Arguments {
  uint64_t seed = 1;
  uint64_t seeds = 1;
  int64_t days = 30;
  int64_t hours = 12;
  bool has_bridge = false;
  bool has_trace = false;
  bool is_quiet = false;
  size_t shrink_runs = 400;
  simulation::Mutant mutant = simulation::Mutant::kNone;
};

int usage() {
  std::fprintf(stderr,
               "Usage: simulation [--seed N] [--seeds COUNT] [--days D] [--bridge [--hours H]] "
               "[--trace] [--quiet] [--shrink RUNS] "
               "[--mutant NAME]\n");
  return 2;
}

bool number(const char* text, uint64_t minimum, uint64_t& out) {
  char* end = nullptr;
  out = std::strtoull(text, &end, 10);
  return *text >= '0' && *text <= '9' && *end == '\0' && out >= minimum;
}

bool parse(int count, char** words, Arguments& out) {
  for (int i = 1; i < count; ++i) {
    const char* word = words[i];
    if (std::strcmp(word, "--trace") == 0) {
      out.has_trace = true;
      continue;
    }
    if (std::strcmp(word, "--bridge") == 0) {
      out.has_bridge = true;
      continue;
    }
    if (std::strcmp(word, "--quiet") == 0) {
      out.is_quiet = true;
      continue;
    }
    if (++i == count) return false;
    uint64_t value = 0;
    if (std::strcmp(word, "--seed") == 0) {
      if (!number(words[i], 0, out.seed)) return false;
    } else if (std::strcmp(word, "--seeds") == 0) {
      if (!number(words[i], 1, out.seeds)) return false;
    } else if (std::strcmp(word, "--days") == 0) {
      if (!number(words[i], 1, value) || value > 3650) return false;
      out.days = static_cast<int64_t>(value);
    } else if (std::strcmp(word, "--hours") == 0) {
      if (!number(words[i], 1, value) || value > 24 * 365) return false;
      out.hours = static_cast<int64_t>(value);
    } else if (std::strcmp(word, "--shrink") == 0) {
      if (!number(words[i], 0, value)) return false;
      out.shrink_runs = value;
    } else if (std::strcmp(word, "--mutant") == 0) {
      bool is_known = false;
      const auto take = [&](const simulation::MutantName& row) {
        if (std::strcmp(words[i], row.name) != 0) return;
        out.mutant = row.mutant;
        is_known = true;
      };
      std::for_each(std::begin(simulation::kMutants), std::end(simulation::kMutants), take);
      std::for_each(std::begin(simulation::kBridgeMutants), std::end(simulation::kBridgeMutants),
                    take);
      if (!is_known) {
        std::fprintf(stderr, "There is no mutant '%s'; there are:", words[i]);
        for (const simulation::MutantName& row : simulation::kMutants)
          std::fprintf(stderr, " %s", row.name);
        std::fprintf(stderr, ".\n");
        return false;
      }
    } else {
      return false;
    }
  }
  return true;
}

void print_lines(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) std::printf("  %s\n", line.c_str());
}

void report(const simulation::Script& script, const simulation::RunOptions& options,
            const simulation::Outcome& outcome, const Arguments& arguments) {
  using simulation::describe;
  std::printf("seed %llu: %s: %s\n", static_cast<unsigned long long>(script.seed),
              simulation::format_time(outcome.violation.at_ms).c_str(),
              outcome.violation.sentence.c_str());
  std::fflush(stdout);
  const simulation::Script small = simulation::shrink(script, options, arguments.shrink_runs);
  simulation::RunOptions traced = options;
  traced.trace_lines = arguments.has_trace ? simulation::kFullTrace : 60;
  const simulation::Outcome again = simulation::run(small, traced);
  std::printf("The charge point: %s\n", simulation::describe_charge_point(script).c_str());
  std::printf("%zu of %zu events are enough:\n", small.events.size(), script.events.size());
  for (const simulation::Event& event : small.events) {
    std::printf("  %s  %s\n", simulation::format_time(event.at_ms).c_str(),
                describe(event).c_str());
  }
  std::printf("The end of that run (> to the CSMS, < from it, ! what happens, else the log):\n");
  print_lines(again.trace);
  std::printf("  %s: %s\n", simulation::format_time(again.violation.at_ms).c_str(),
              again.violation.sentence.c_str());
}

}  // namespace

int main(int count, char** words) {
  Arguments arguments;
  if (!parse(count, words, arguments)) return usage();
  simulation::Outcome sum;
  uint64_t hash = 0;
  for (uint64_t seed = arguments.seed; seed < arguments.seed + arguments.seeds; ++seed) {
    const simulation::Script script = arguments.has_bridge
                                          ? simulation::make_bridge_script(seed, arguments.hours)
                                          : simulation::make_script(seed, arguments.days);
    simulation::RunOptions options;
    options.mutant = arguments.mutant;
    options.trace_lines = arguments.has_trace ? simulation::kFullTrace : 0;
    const simulation::Outcome outcome = simulation::run(script, options);
    if (!outcome.is_good()) {
      report(script, options, outcome, arguments);
      return 1;
    }
    if (arguments.has_trace) print_lines(outcome.trace);
    if (!arguments.is_quiet) {
      std::printf(
          "seed %llu: good, hash %016llx, %llu transactions, %lld kWh, %llu frames, %llu retries, "
          "%llu CALLs answered, %llu power cuts\n",
          static_cast<unsigned long long>(seed), static_cast<unsigned long long>(outcome.hash),
          static_cast<unsigned long long>(outcome.transactions),
          static_cast<long long>(outcome.energy_wh / 1000),
          static_cast<unsigned long long>(outcome.frames),
          static_cast<unsigned long long>(outcome.retries),
          static_cast<unsigned long long>(outcome.calls_in),
          static_cast<unsigned long long>(outcome.power_cuts));
      std::fflush(stdout);
    }
    hash = hash * 31 + outcome.hash;
    sum.transactions += outcome.transactions;
    sum.energy_wh += outcome.energy_wh;
    sum.frames += outcome.frames;
    sum.retries += outcome.retries;
    sum.calls_in += outcome.calls_in;
    sum.power_cuts += outcome.power_cuts;
    sum.given_up += outcome.given_up;
    sum.steps += outcome.steps;
    sum.drain_ms = std::max(sum.drain_ms, outcome.drain_ms);
    sum.longest_over_ms = std::max(sum.longest_over_ms, outcome.longest_over_ms);
    sum.longest_site_over_ms = std::max(sum.longest_site_over_ms, outcome.longest_site_over_ms);
    sum.most_accesses = std::max(sum.most_accesses, outcome.most_accesses);
  }
  std::printf(
      "%llu seeds x %lld %s good: hash %016llx, %llu transactions, %lld kWh, %llu frames, %llu "
      "retries, "
      "%llu CALLs answered, %llu power cuts, %llu messages given up with reason, %llu steps, at "
      "rest "
      "after %lld s at most, %llu accesses to flash in one call at most, a charger above its limit "
      "for %lld ms at most, a site for %lld ms\n",
      static_cast<unsigned long long>(arguments.seeds),
      static_cast<long long>(arguments.has_bridge ? arguments.hours : arguments.days),
      arguments.has_bridge ? "hours" : "days", static_cast<unsigned long long>(hash),
      static_cast<unsigned long long>(sum.transactions),
      static_cast<long long>(sum.energy_wh / 1000), static_cast<unsigned long long>(sum.frames),
      static_cast<unsigned long long>(sum.retries), static_cast<unsigned long long>(sum.calls_in),
      static_cast<unsigned long long>(sum.power_cuts),
      static_cast<unsigned long long>(sum.given_up), static_cast<unsigned long long>(sum.steps),
      static_cast<long long>(sum.drain_ms / 1000),
      static_cast<unsigned long long>(sum.most_accesses),
      static_cast<long long>(sum.longest_over_ms),
      static_cast<long long>(sum.longest_site_over_ms));
  return 0;
}

// Fuzz target of configuration writes. Input: lines. "Key=value" is ChangeConfiguration; "@name=value"
// is what the settings store holds under that name at the next start; "!" is a restart.
//
// Whatever is written: no crash; only Accepted changes anything, and what it stored is there again
// after a restart; every value that is told can be written back and changes nothing.
#include "ocpp/configuration.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

namespace {

using ocpp::ConfigurationStatus;
using ocpp::Key;

void require(bool condition, const char* what, const std::string& line) {
  if (condition) return;
  std::fprintf(stderr, "broken promise: %s\nline: %s\n", what, line.c_str());
  std::abort();
}

common::TextSpan span(const std::string& text) {
  return common::TextSpan(text.data(), text.size());
}

class Target {
 public:
  Target() { restart(); }

  void restart() {
    configuration_ = std::make_unique<ocpp::Configuration>(settings_, log_);
    configuration_->begin(2, UINT16_MAX);
  }

  void take(const std::string& line) {
    if (line == "!") return restart();
    const size_t equals = line.find('=');
    if (equals == std::string::npos) return;
    const std::string name = line.substr(0, equals);
    const std::string value = line.substr(equals + 1);
    if (!name.empty() && name[0] == '@') {
      const std::string stored_as = name.substr(1, platform::KeyValueStore::kMaxKeyBytes);
      (void)settings_.set(stored_as.c_str(), common::as_bytes(span(value)));
      restart();
      write_all_back(line);
      return;
    }
    write(name, value, line);
  }

 private:
  std::string all() const {
    std::string text;
    ocpp::ConfigurationEntry entry;
    for (size_t i = 0; i < ocpp::kKeyCount; ++i) {
      configuration_->read(static_cast<Key>(i), entry);
      text += std::string(entry.value.c_str()) + '\n';
    }
    return text;
  }

  void write(const std::string& name, const std::string& value, const std::string& line) {
    const std::string before = all();
    const uint64_t writes = settings_.writes();
    Key key{};
    bool changed = false;
    const ConfigurationStatus status = configuration_->write(span(name), span(value), key, changed);
    const std::string after = all();
    if (status != ConfigurationStatus::Accepted) {
      require(!changed && after == before, "what is not accepted changes nothing", line);
      require(settings_.writes() == writes, "what is not accepted is not stored", line);
      return;
    }
    require(changed == (after != before), "a change is called one", line);
    require(settings_.writes() - writes == (changed ? 1U : 0U), "one write for one change", line);
    restart();
    require(all() == after, "what was accepted is there after a restart", line);
    write_all_back(line);
  }

  void write_all_back(const std::string& line) {
    const std::string before = all();
    const uint64_t writes = settings_.writes();
    for (size_t i = 0; i < ocpp::kKeyCount; ++i) {
      ocpp::ConfigurationEntry entry;
      configuration_->read(static_cast<Key>(i), entry);
      Key key{};
      bool changed = false;
      const ConfigurationStatus status =
          configuration_->write(common::text(entry.key), entry.value.span(), key, changed);
      require(!changed, "a value written back is no change", line + " " + entry.key);
      require(status == (entry.is_readonly ? ConfigurationStatus::Rejected
                                           : ConfigurationStatus::Accepted),
              "a value that was told can be written", line + " " + entry.key);
    }
    require(all() == before && settings_.writes() == writes, "writing back costs nothing", line);
  }

  platform_sim::SimPower power_;
  platform_sim::SimKeyValueStore settings_{power_};
  common::NullLogSink log_;
  std::unique_ptr<ocpp::Configuration> configuration_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  Target target;
  std::string line;
  for (size_t i = 0; i <= size; ++i) {
    if (i < size && data[i] != '\n') {
      line += static_cast<char>(data[i]);
      continue;
    }
    target.take(line);
    line.clear();
  }
  return 0;
}

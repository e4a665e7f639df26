#pragma once

#include "charger/charger.hpp"
#include "doctest_main/doctest_main.hpp"
#include "platform/serial_link.hpp"

#include <cstring>
#include <string>
#include <vector>

using common::Instant;

/// Bytes that wait to be read.
class ReaderLine final : public platform::SerialLink {
 public:
  common::Status configure(const platform::SerialSettings& wanted) override {
    settings = wanted;
    return common::Status::kOk;
  }
  common::Result<size_t> write(common::ByteSpan data) override {
    output.append(reinterpret_cast<const char*>(data.data()), data.size());
    return data.size();
  }
  common::Result<size_t> read(common::MutableByteSpan buffer) override {
    if (is_gone) return common::Status::kIo;
    if (input.empty()) return common::Status::kAgain;
    const size_t count = input.size() < buffer.size() ? input.size() : buffer.size();
    std::memcpy(buffer.data(), input.data(), count);
    input.erase(0, count);
    return count;
  }
  bool is_drained() override { return true; }

  platform::SerialSettings settings;
  std::string input;
  std::string output;
  bool is_gone = false;
};

class Tags final : public charger::IdReaderObserver {
 public:
  void on_id_tag(uint8_t connector_id, const charger::IdTag& id_tag, Instant) override {
    seen.push_back(std::to_string(connector_id) + ":" + id_tag.c_str());
  }
  std::vector<std::string> seen;
};

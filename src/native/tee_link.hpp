#pragma once

#include "platform/serial_link.hpp"

#include <cstdio>
#include <string>

namespace native {

/// The console, with a copy of its output in a file. Without a console (nullptr) the file is all there is.
class TeeLink final : public platform::SerialLink {
 public:
  explicit TeeLink(platform::SerialLink* console) : console_(console) {}
  ~TeeLink() override {
    if (file_ != nullptr) std::fclose(file_);
  }
  TeeLink(const TeeLink&) = delete;
  TeeLink& operator=(const TeeLink&) = delete;

  /// @return false when the file cannot be written.
  bool open(const std::string& path) { return (file_ = std::fopen(path.c_str(), "ae")) != nullptr; }

  common::Status configure(const platform::SerialSettings& settings) override {
    return console_ != nullptr ? console_->configure(settings) : common::Status::kOk;
  }
  common::Result<size_t> write(common::ByteSpan data) override {
    const common::Result<size_t> taken =
        console_ != nullptr ? console_->write(data) : common::Result<size_t>(data.size());
    if (taken.ok() && file_ != nullptr) {
      (void)std::fwrite(data.data(), 1, taken.value(), file_);
      (void)std::fflush(file_);
    }
    return taken;
  }
  common::Result<size_t> read(common::MutableByteSpan buffer) override {
    return console_ != nullptr ? console_->read(buffer)
                               : common::Result<size_t>(common::Status::kAgain);
  }
  bool is_drained() override { return console_ == nullptr || console_->is_drained(); }

 private:
  platform::SerialLink* console_;
  std::FILE* file_ = nullptr;
};

}  // namespace native

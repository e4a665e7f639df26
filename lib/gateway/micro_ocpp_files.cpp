#include "gateway/micro_ocpp_files.hpp"

#ifdef GATEWAY_ENGINE_MICROOCPP

#include <algorithm>
#include <cstring>
#include <string>

namespace gateway {

LOG_MODULE("microocpp");

using common::Status;

namespace {

class ReadFile final : public MicroOcpp::FileAdapter {
 public:
  explicit ReadFile(std::string content) : content_(std::move(content)) {}
  size_t read(char* buffer, size_t size) override {
    const size_t count = std::min(size, content_.size() - at_);
    std::memcpy(buffer, content_.data() + at_, count);
    at_ += count;
    return count;
  }
  int read() override {
    return at_ < content_.size() ? static_cast<unsigned char>(content_[at_++]) : -1;
  }
  size_t write(const char*, size_t) override { return 0; }
  size_t seek(size_t offset) override {
    at_ = std::min(offset, content_.size());
    return 0;
  }

 private:
  std::string content_;
  size_t at_ = 0;
};

class WriteFile final : public MicroOcpp::FileAdapter {
 public:
  WriteFile(MicroOcppFiles& files, const FileIndex::Name& name) : files_(files), name_(name) {}
  ~WriteFile() override {
    files_.commit(name_, common::as_bytes(common::TextSpan(content_.data(), content_.size())));
  }
  size_t read(char*, size_t) override { return 0; }
  int read() override { return -1; }
  size_t write(const char* data, size_t size) override {
    content_.append(data, size);
    return size;
  }
  size_t seek(size_t) override { return 0; }

 private:
  MicroOcppFiles& files_;
  const FileIndex::Name name_;
  std::string content_;
};

}  // namespace

int MicroOcppFiles::stat(const char* path, size_t* size) {
  FileIndex::Name name;
  if (micro_ocpp::file_name(path, name) != Status::kOk) return -1;
  const common::Result<uint32_t> bytes = files_.size(name.c_str());
  if (!bytes.ok()) return -1;
  *size = bytes.value();
  return 0;
}

std::unique_ptr<MicroOcpp::FileAdapter> MicroOcppFiles::open(const char* path, const char* mode) {
  FileIndex::Name name;
  if (micro_ocpp::file_name(path, name) != Status::kOk) return nullptr;
  if (mode[0] == 'w') return std::make_unique<WriteFile>(*this, name);
  const common::Result<uint32_t> size = files_.size(name.c_str());
  if (!size.ok()) return nullptr;
  std::string content(size.value(), '\0');
  size_t filled = 0;
  while (filled < content.size()) {
    const common::Result<size_t> read =
        files_.read(name.c_str(), static_cast<uint32_t>(filled),
                    common::MutableByteSpan(reinterpret_cast<uint8_t*>(&content[filled]),
                                            content.size() - filled));
    if (!read.ok() || read.value() == 0) return nullptr;
    filled += read.value();
  }
  return std::make_unique<ReadFile>(std::move(content));
}

void MicroOcppFiles::commit(const FileIndex::Name& name, common::ByteSpan content) {
  Status status = index_.add(name);
  if (status == Status::kOk) status = index_.replace(name, content);
  if (status != Status::kOk)
    LOG_ERROR(log_, "%s could not be stored: %s", name.c_str(), to_string(status));
}

bool MicroOcppFiles::remove(const char* path) {
  FileIndex::Name name;
  if (micro_ocpp::file_name(path, name) != Status::kOk) return false;
  return files_.remove(name.c_str()) == Status::kOk && index_.remove(name) == Status::kOk;
}

int MicroOcppFiles::ftw_root(std::function<int(const char*)> visit) {
  // The visitor may remove what it is shown.
  for (size_t i = index_.size(); i > 0; --i) {
    const FileIndex::Name name = index_.at(i - 1);
    if (!files_.size(name.c_str()).ok()) continue;
    if (const int result = visit(name.c_str() + std::strlen(micro_ocpp::kFilePrefix)); result != 0)
      return result;
  }
  return 0;
}

}  // namespace gateway

#endif

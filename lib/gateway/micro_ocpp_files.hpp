#pragma once

#ifdef GATEWAY_ENGINE_MICROOCPP

#include "common/log.hpp"
#include "gateway/file_index.hpp"

#include <MicroOcpp/Core/FilesystemAdapter.h>

namespace gateway {

/// MicroOCPP's files in our store. What it writes to a file replaces the old one whole when it is closed, where MicroOCPP's own
/// adapters leave half a file after a power cut.
class MicroOcppFiles final : public MicroOcpp::FilesystemAdapter {
 public:
  MicroOcppFiles(platform::FileStore& files, common::LogSink& log)
      : files_(files), log_(log), index_(files) {}
  common::Status load() { return index_.load(); }
  uint32_t bytes_written() const { return index_.bytes_written(); }

  int stat(const char* path, size_t* size) override;
  std::unique_ptr<MicroOcpp::FileAdapter> open(const char* path, const char* mode) override;
  bool remove(const char* path) override;
  int ftw_root(std::function<int(const char*)> visit) override;

  /// Of a file that was written and is now closed.
  void commit(const FileIndex::Name& name, common::ByteSpan content);

 private:
  platform::FileStore& files_;
  common::LogSink& log_;
  FileIndex index_;
};

}  // namespace gateway

#endif

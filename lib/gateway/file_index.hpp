#pragma once

#include "gateway/micro_ocpp_mapping.hpp"

#include <vector>

namespace gateway {

/// Names of the files of a client that wants to list them: platform::FileStore cannot. Kept in a file of their own, a line
/// each; a name is there before its file and stays until that is gone, so that no power cut hides a file.
/// @par Context  Loop thread. Allocates when a name is added.
class FileIndex {
 public:
  using Name = micro_ocpp::FileName;
  static constexpr const char* kFile = "mo-index";

  explicit FileIndex(platform::FileStore& files) : files_(files) {}
  /// @retval kIo  Cannot be read; nothing is listed.
  common::Status load();
  /// Before the file is made. Free when the name is known.
  common::Status add(const Name& name);
  /// After the file was removed.
  common::Status remove(const Name& name);
  size_t size() const { return names_.size(); }
  /// May name a file that is not there. @param index  < size()
  const Name& at(size_t index) const { return names_[index]; }
  uint32_t bytes_written() const { return bytes_written_; }

  /// Puts a file in the place of another, whole or not at all.
  common::Status replace(const Name& name, common::ByteSpan content);

 private:
  common::Status store();

  platform::FileStore& files_;
  std::vector<Name> names_;
  uint32_t bytes_written_ = 0;
};

}  // namespace gateway

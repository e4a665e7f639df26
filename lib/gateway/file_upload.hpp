#pragma once

#include "bridge/profile_files.hpp"
#include "common/fixed_string.hpp"
#include "platform/file_store.hpp"

namespace gateway {

/// Takes a charger profile (`vevgw profiles build --binary`) or root certificates (PEM, for the setting ca_file) in pieces over a line
/// that may lose or damage any of them: each has its place and its checksum, and the file takes the place of an older one only
/// when it is whole and what its name says.
///
///     begin(name, size, crc) -> data(offset, crc, bytes) ... -> end()
///
/// @par Memory  No heap. @par Context  Loop thread; a call writes at most one piece to flash, end() reads the file.
class FileUpload {
 public:
  static constexpr char kProfileSuffix[] = ".vevp";
  static constexpr char kRootsSuffix[] = ".pem";
  static constexpr uint32_t kMaxRootsBytes = 16 * 1024;  ///< Eight roots and more.
  /// Bytes of flash that are left for the transactions.
  static constexpr uint32_t kReservedBytes = 64 * 1024;
  using Error = common::FixedString<159>;

  /// Keeps references to both.
  FileUpload(platform::FileStore& files, bridge::ProfileFiles& profiles)
      : files_(files), profiles_(profiles) {}

  /// Starts anew; what came before is dropped.
  /// @param name  Ends in ".vevp" or ".pem"; [a-z0-9._-], at most 31 bytes.
  /// @param size  1..bridge::kMaxImageBytes, 1..kMaxRootsBytes
  /// @param error  One sentence, for every call.
  common::Status begin(common::TextSpan name, uint32_t size, uint32_t crc, Error& error);
  /// The bytes from offset on. One that came already is taken again, and changes nothing.
  /// @retval kInvalidState     No begin().
  /// @retval kInvalidArgument  Bytes are missing before it, or it goes beyond the end.
  /// @retval kCorrupt          The checksum is wrong: send it again.
  common::Status data(uint32_t offset, uint32_t crc, common::ByteSpan bytes, Error& error);
  /// Checks the whole and gives it its name. Again after a success: the answer was lost.
  common::Status end(Error& error);
  common::Status remove(common::TextSpan name, Error& error);

  /// Bytes that are there; where the next piece belongs.
  uint32_t received() const { return received_; }
  const char* name() const { return name_.c_str(); }

 private:
  static constexpr char kTemporary[] = "upload.tmp";

  common::Status check_name(common::TextSpan name, Error& error);
  common::Result<uint32_t> checksum();
  common::Status check_content(Error& error);
  common::Status check_roots(Error& error);

  platform::FileStore& files_;
  bridge::ProfileFiles& profiles_;
  common::FixedString<platform::FileStore::kMaxNameBytes> name_;
  bool has_roots_ = false;  ///< It is a ".pem".
  bool is_open_ = false;
  bool is_done_ = false;
  uint32_t size_ = 0;
  uint32_t crc_ = 0;
  uint32_t received_ = 0;
};

}  // namespace gateway

#include "gateway/file_upload.hpp"

#include "common/crc32.hpp"

#include <cstdio>

namespace gateway {

using common::Status;
using common::TextSpan;

namespace {

Status refuse(FileUpload::Error& error, Status status, const char* sentence) {
  error = FileUpload::Error(sentence);
  return status;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

}  // namespace

/// Records of transactions are in the same store: no name may be one of theirs.
Status FileUpload::check_name(TextSpan name, Error& error) {
  const TextSpan suffix = common::text(kSuffix);
  bool is_good = name.size() > suffix.size() && name.size() <= platform::FileStore::kMaxNameBytes &&
                 name[0] != '.' &&
                 common::equals(name.subspan(name.size() - suffix.size()), suffix);
  for (const char c : name) is_good = is_good && is_name_character(c);
  if (is_good) return Status::kOk;
  return refuse(error, Status::kInvalidArgument,
                "a file is NAME.vevp: small letters, digits, . - and _, at most 31 in all");
}

Status FileUpload::begin(TextSpan name, uint32_t size, uint32_t crc, Error& error) {
  is_open_ = false;
  is_done_ = false;
  received_ = 0;
  RETURN_IF_ERROR(check_name(name, error));
  if (size == 0 || size > bridge::kMaxImageBytes) {
    char text[80];
    std::snprintf(text, sizeof text, "a profile has 1 to %u bytes, not %u",
                  static_cast<unsigned>(bridge::kMaxImageBytes), static_cast<unsigned>(size));
    return refuse(error, Status::kInvalidArgument, text);
  }
  if (files_.remove(kTemporary) != Status::kOk)
    return refuse(error, Status::kIo, "the flash cannot be written");
  if (files_.free_bytes() < size + kReservedBytes)
    return refuse(error, Status::kNoSpace, "the flash is needed for the transactions");
  name_ = common::FixedString<platform::FileStore::kMaxNameBytes>(name);
  size_ = size;
  crc_ = crc;
  is_open_ = true;
  return Status::kOk;
}

Status FileUpload::data(uint32_t offset, uint32_t crc, common::ByteSpan bytes, Error& error) {
  if (!is_open_) return refuse(error, Status::kInvalidState, "there was no file begin");
  if (common::crc32(bytes) != crc)
    return refuse(error, Status::kCorrupt, "the checksum of this piece is wrong: send it again");
  if (bytes.size() > size_ || offset > size_ - bytes.size())
    return refuse(error, Status::kInvalidArgument, "this is more than file begin told");
  if (offset > received_) {
    char text[80];
    std::snprintf(text, sizeof text, "a piece is missing: go on at offset %u",
                  static_cast<unsigned>(received_));
    return refuse(error, Status::kInvalidArgument, text);
  }
  // The answer to a piece may be lost on the way: the same piece comes again.
  const size_t known = received_ - offset;
  if (known >= bytes.size()) return Status::kOk;
  const Status status = files_.append(kTemporary, bytes.subspan(known));
  if (status != Status::kOk) {
    is_open_ = false;
    return refuse(error, status, "the flash did not take it: begin again");
  }
  received_ = offset + static_cast<uint32_t>(bytes.size());
  return Status::kOk;
}

common::Result<uint32_t> FileUpload::checksum() {
  uint8_t buffer[64];
  uint32_t crc = 0;
  for (uint32_t at = 0; at < size_;) {
    const common::Result<size_t> got = files_.read(kTemporary, at, buffer);
    if (!got.ok()) return got.status();
    if (got.value() == 0) return Status::kIo;
    crc = common::crc32(common::ByteSpan(buffer, got.value()), crc);
    at += static_cast<uint32_t>(got.value());
  }
  return crc;
}

Status FileUpload::end(Error& error) {
  if (is_done_) return Status::kOk;
  if (!is_open_) return refuse(error, Status::kInvalidState, "there was no file begin");
  if (received_ < size_) {
    char text[80];
    std::snprintf(text, sizeof text, "the end is missing: go on at offset %u",
                  static_cast<unsigned>(received_));
    return refuse(error, Status::kInvalidArgument, text);
  }
  is_open_ = false;
  const common::Result<uint32_t> crc = checksum();
  if (!crc.ok()) return refuse(error, crc.status(), "the flash cannot be read: begin again");
  if (crc.value() != crc_)
    return refuse(error, Status::kCorrupt, "the checksum of the file is wrong: begin again");
  const char* why = "";
  const Status status = profiles_.check(files_, kTemporary, why);
  if (status != Status::kOk) {
    (void)files_.remove(kTemporary);
    error = Error("this is no profile: ");
    (void)error.append(common::text(why));
    return status;
  }
  if (files_.rename(kTemporary, name_.c_str()) != Status::kOk)
    return refuse(error, Status::kIo, "the flash cannot be written: begin again");
  is_done_ = true;
  return Status::kOk;
}

Status FileUpload::remove(TextSpan name, Error& error) {
  RETURN_IF_ERROR(check_name(name, error));
  const common::FixedString<platform::FileStore::kMaxNameBytes> file(name);
  if (!files_.size(file.c_str()).ok())
    return refuse(error, Status::kNotFound, "there is no such file");
  if (files_.remove(file.c_str()) == Status::kOk) return Status::kOk;
  return refuse(error, Status::kIo, "the flash cannot be written");
}

}  // namespace gateway

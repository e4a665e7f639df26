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

bool ends_in(TextSpan name, const char* suffix) {
  const TextSpan end = common::text(suffix);
  return name.size() > end.size() && common::equals(name.subspan(name.size() - end.size()), end);
}

/// Reads PEM text by lines; what stands between certificates is skipped.
class RootsReader {
 public:
  /// @return What is wrong, or nullptr.
  const char* put(char c) {
    if (c == '\n' || c == '\r') return end_line();
    if (size_ == sizeof line_) return "a line is too long";
    line_[size_++] = c;
    return nullptr;
  }
  const char* end() {
    if (const char* why = end_line(); why != nullptr) return why;
    if (is_inside_) return "the last certificate has no end";
    return count_ == 0 ? "it has no certificate" : nullptr;
  }

 private:
  const char* end_line() {
    const TextSpan line(line_, size_);
    size_ = 0;
    if (common::equals(line, common::text("-----BEGIN CERTIFICATE-----"))) {
      if (is_inside_) return "a certificate begins within another";
      is_inside_ = true;
      has_content_ = false;
    } else if (common::equals(line, common::text("-----END CERTIFICATE-----"))) {
      if (!is_inside_ || !has_content_) return "a certificate is empty";
      is_inside_ = false;
      ++count_;
    } else if (line.size() > 5 && common::equals(line.first(5), common::text("-----"))) {
      return "only certificates belong here, no keys";
    } else if (is_inside_) {
      for (const char c : line) {
        const char lower = common::ascii_lower(c);
        if (!((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
              c == '='))
          return "a certificate is damaged";
      }
      has_content_ = has_content_ || line.size() > 0;
    }
    return nullptr;
  }

  char line_[128];
  size_t size_ = 0;
  bool is_inside_ = false;
  bool has_content_ = false;
  size_t count_ = 0;
};

}  // namespace

/// Records of transactions are in the same store: no name may be one of theirs.
Status FileUpload::check_name(TextSpan name, Error& error) {
  bool is_good = (ends_in(name, kProfileSuffix) || ends_in(name, kRootsSuffix)) &&
                 name.size() <= platform::FileStore::kMaxNameBytes && name[0] != '.';
  for (const char c : name) is_good = is_good && is_name_character(c);
  if (is_good) return Status::kOk;
  return refuse(
      error, Status::kInvalidArgument,
      "a file is NAME.vevp or NAME.pem: small letters, digits, . - and _, at most 31 in all");
}

Status FileUpload::begin(TextSpan name, uint32_t size, uint32_t crc, Error& error) {
  is_open_ = false;
  is_done_ = false;
  received_ = 0;
  RETURN_IF_ERROR(check_name(name, error));
  has_roots_ = ends_in(name, kRootsSuffix);
  const uint32_t most = has_roots_ ? kMaxRootsBytes : static_cast<uint32_t>(bridge::kMaxImageBytes);
  if (size == 0 || size > most) {
    char text[80];
    std::snprintf(text, sizeof text, "%s 1 to %u bytes, not %u",
                  has_roots_ ? "root certificates have" : "a profile has",
                  static_cast<unsigned>(most), static_cast<unsigned>(size));
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

Status FileUpload::check_content(Error& error) {
  if (has_roots_) return check_roots(error);
  const char* why = "";
  const Status status = profiles_.check(files_, kTemporary, why);
  if (status == Status::kOk) return status;
  error = Error("this is no profile: ");
  (void)error.append(common::text(why));
  return status;
}

Status FileUpload::check_roots(Error& error) {
  RootsReader reader;
  const char* why = nullptr;
  uint8_t buffer[64];
  for (uint32_t at = 0; why == nullptr && at < size_;) {
    const common::Result<size_t> got = files_.read(kTemporary, at, buffer);
    if (!got.ok() || got.value() == 0)
      return refuse(error, Status::kIo, "the flash cannot be read: begin again");
    for (size_t i = 0; why == nullptr && i < got.value(); ++i)
      why = reader.put(static_cast<char>(buffer[i]));
    at += static_cast<uint32_t>(got.value());
  }
  if (why == nullptr) why = reader.end();
  if (why == nullptr) return Status::kOk;
  error = Error("these are no root certificates: ");
  (void)error.append(common::text(why));
  return Status::kCorrupt;
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
  const Status status = check_content(error);
  if (status != Status::kOk) {
    (void)files_.remove(kTemporary);
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

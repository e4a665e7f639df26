#pragma once

#include "platform/transfer_url.hpp"
#include "platform_linux/curl_file_transfer.hpp"

#include <atomic>
#include <curl/curl.h>
#include <vector>

namespace platform_linux {

struct CurlFileTransfer::Job {
  // Fixed before it is handed over.
  bool is_upload = false;
  std::string url;  ///< As curl takes it.
  bool must_switch_to_tls = false;
  platform::TlsTrust trust;
  uint32_t offset = 0;
  std::string known_validator;  ///< ETag or date of the file that the offset belongs to.
  long connect_timeout_s = 0;
  long stall_timeout_s = 0;
  long total_timeout_s = 0;
  size_t buffer_bytes = 0;
  // Loop until finish(), network thread afterwards.
  UniqueFd file;
  uint32_t file_bytes = 0;

  std::atomic<bool> is_cancelled{false};
  std::mutex mutex;  ///< Guards what follows.
  std::condition_variable room;
  std::vector<uint8_t> buffer;
  size_t taken = 0;  ///< Bytes of buffer that the loop has read.
  bool has_begun = false;
  uint32_t begins_at = 0;
  uint32_t total_bytes = 0;
  std::string etag;           ///< With its quotes.
  std::string last_modified;  ///< As it was sent.
  platform::TransferStatus::State state = platform::TransferStatus::State::kRunning;
  bool is_retry_useful = true;
  platform::TransferStatus::Fault fault = platform::TransferStatus::Fault::kOther;
  std::string error;
};

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using CurlUrl = std::unique_ptr<CURLU, UrlDeleter>;

/// Splits a URL. @return nullptr when it is not one of http, https, ftp, ftps.
CurlUrl parse_url(const std::string& text);
/// As it is in the URL. @param flags  Of curl_url_get().  @return "" when there is none.
std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0);

/// Everything that curl does for one job; returns when it has ended.
/// @par Context  Network thread.
void carry_out(CurlFileTransfer::Job& job);

}  // namespace platform_linux

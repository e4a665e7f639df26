// Carries out one transfer with CurlFileTransfer or, with client=stream, with the board's client, for
// pytools/tests/linux_link/test_linux_transfer.py:
//   transfer_driver download URL FILE [OFFSET] [ca=PEM] [connect_s=N] [stall_s=N] [total_s=N] [cancel_after=BYTES]
//       [then=URL] [client=stream [free_kib=N]]
//   transfer_driver upload URL FILE [ca=PEM] [client=stream]
// A download is appended to FILE; "then" fetches another URL afterwards, from where the first ended, with the
// same object. With free_kib the board has so much memory free, and a link with TLS that stands. One JSON line per
// transfer on standard output.

#include "platform_linux/curl_file_transfer.hpp"
#include "stream_client.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

using common::Status;
using platform_linux::CurlFileTransfer;
using State = platform::TransferStatus::State;

common::TextSpan span(const std::string& text) {
  return common::TextSpan(text.data(), text.size());
}

size_t free_kib = 0;

platform::TlsMemory::Free measure() { return {free_kib * 1024, free_kib * 1024}; }

void wait() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }

void report(platform::FileTransfer& transfer, size_t bytes) {
  const platform::TransferStatus& status = transfer.status();
  const char* const states[] = {"idle", "running", "done", "failed"};
  std::printf(
      "{\"state\":\"%s\",\"bytes\":%zu,\"begins_at\":%u,\"total\":%u,\"retry\":%s,\"error\":\"%s\"}"
      "\n",
      states[static_cast<int>(status.state)], bytes, status.begins_at, status.total_bytes,
      status.is_retry_useful ? "true" : "false", status.error.c_str());
}

size_t download(platform::FileTransfer& transfer, const std::string& url, const std::string& path,
                uint32_t offset, size_t cancel_after) {
  std::ofstream file(path, std::ios::binary | std::ios::app);
  size_t bytes = 0;
  if (transfer.download(span(url), offset) == Status::kOk) {
    for (;;) {
      uint8_t piece[700];
      const common::Result<size_t> got = transfer.read(common::MutableByteSpan(piece));
      if (got.status() == Status::kAgain) {
        wait();
        continue;
      }
      if (!got.ok()) break;
      bytes += got.value();
      file.write(reinterpret_cast<const char*>(piece), static_cast<std::streamsize>(got.value()));
      if (bytes >= cancel_after) {
        transfer.cancel();
        break;
      }
    }
  }
  report(transfer, bytes);
  return bytes;
}

void upload(platform::FileTransfer& transfer, const std::string& url, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  size_t bytes = 0;
  if (transfer.upload(span(url)) == Status::kOk) {
    char piece[700];
    while (file.read(piece, sizeof piece), file.gcount() > 0) {
      const auto size = static_cast<size_t>(file.gcount());
      if (transfer.write(common::as_bytes(common::TextSpan(piece, size))) != Status::kOk) break;
      bytes += size;
    }
    transfer.finish();
    while (transfer.status().state == State::kRunning) wait();
  }
  report(transfer, bytes);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words;
  std::map<std::string, std::string> options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    if (i > 3 && equals != std::string::npos) {
      options[word.substr(0, equals)] = word.substr(equals + 1);
    } else {
      words.push_back(word);
    }
  }
  if (words.size() < 3) return 2;
  CurlFileTransfer::Options settings;
  if (options.count("connect_s") != 0)
    settings.connect_timeout_s = std::atol(options["connect_s"].c_str());
  if (options.count("stall_s") != 0)
    settings.stall_timeout_s = std::atol(options["stall_s"].c_str());
  if (options.count("total_s") != 0)
    settings.total_timeout_s = std::atol(options["total_s"].c_str());
  CurlFileTransfer curl(settings);
  free_kib = static_cast<size_t>(std::atol(options["free_kib"].c_str()));
  StreamClient stream({settings.connect_timeout_s * 1000, settings.stall_timeout_s * 1000,
                       settings.total_timeout_s * 1000},
                      free_kib > 0 ? &measure : nullptr);
  platform::FileTransfer& transfer =
      options["client"] == "stream" ? static_cast<platform::FileTransfer&>(stream) : curl;
  platform::TlsTrust trust;
  trust.ca_file.assign_truncated(span(options["ca"]));
  transfer.set_trust(trust);
  if (words[0] == "upload") {
    upload(transfer, words[1], words[2]);
    return 0;
  }
  const auto offset =
      words.size() > 3 ? static_cast<uint32_t>(std::atol(words[3].c_str())) : uint32_t{0};
  const size_t cancel_after = options.count("cancel_after") != 0
                                  ? static_cast<size_t>(std::atol(options["cancel_after"].c_str()))
                                  : SIZE_MAX;
  const size_t bytes = download(transfer, words[1], words[2], offset, cancel_after);
  if (options.count("then") != 0) {
    download(transfer, options["then"], words[2], offset + static_cast<uint32_t>(bytes), SIZE_MAX);
  }
  return 0;
}

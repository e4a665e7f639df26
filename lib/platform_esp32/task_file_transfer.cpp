#include "platform_esp32/task_file_transfer.hpp"

#include "platform_esp32/tls_client.hpp"
#include "security/pem_authority.hpp"

#include <HTTPClient.h>
#include <algorithm>
#include <base64.h>
#include <memory>

namespace platform_esp32 {

using common::Result;
using common::Status;
using State = platform::TransferStatus::State;

namespace {

constexpr int kMaxRedirects = 5;
constexpr uint32_t kStallMs = 30000;
constexpr size_t kPieceBytes = 1024;

class Lock {
 public:
  explicit Lock(SemaphoreHandle_t mutex) : mutex_(mutex) { xSemaphoreTake(mutex_, portMAX_DELAY); }
  ~Lock() { xSemaphoreGive(mutex_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  SemaphoreHandle_t mutex_;
};

bool is_https(const String& url) { return url.startsWith("https://"); }

struct Server {
  String host;
  uint16_t port = 0;
};

/// @param url  Without a login.
Server server_of(const String& url) {
  const int host_at = url.indexOf("://") + 3;
  int path_at = url.indexOf('/', host_at);
  if (path_at < 0) path_at = static_cast<int>(url.length());
  const String authority = url.substring(host_at, path_at);
  const int colon = authority.indexOf(':');
  Server server;
  server.host = colon < 0 ? authority : authority.substring(0, colon);
  server.port = static_cast<uint16_t>(colon < 0 ? (is_https(url) ? 443 : 80)
                                                : authority.substring(colon + 1).toInt());
  return server;
}

/// Takes the login out of "scheme://user:password@host/path" for HTTP Basic.
String take_login(String& url) {
  const int host = url.indexOf("://") + 3;
  const int slash = url.indexOf('/', host);
  const int at = url.lastIndexOf('@', slash < 0 ? url.length() : slash);
  if (at < host) return "";
  const String login = url.substring(host, at);
  url = url.substring(0, host) + url.substring(at + 1);
  return login;
}

}  // namespace

Status TaskFileTransfer::start(common::TextSpan url, bool is_upload, uint32_t offset) {
  cancel();
  const bool is_known = common::equals_ignore_case(url.first(7), common::text("http://")) ||
                        common::equals_ignore_case(url.first(8), common::text("https://"));
  if (!is_known || url_.assign(url) != Status::kOk) {
    status_.state = State::kFailed;
    status_.is_retry_useful = false;
    status_.fault = platform::TransferStatus::Fault::kUnsupported;
    status_.error = common::FixedString<95>("the URL is neither http nor https");
    return Status::kUnsupported;
  }
  if (mutex_ == nullptr) mutex_ = xSemaphoreCreateMutex();
  if (bytes_ == nullptr) bytes_ = xStreamBufferCreate(kBufferBytes, 1);
  if (task_ == nullptr && mutex_ != nullptr && bytes_ != nullptr)
    (void)xTaskCreatePinnedToCore(&TaskFileTransfer::run, "files", kStackBytes, this, 1, &task_, 0);
  if (task_ == nullptr || is_busy_) {
    status_.state = State::kFailed;
    status_.error = common::FixedString<95>(
        task_ == nullptr ? "not enough memory" : "the last transfer has not ended yet");
    return Status::kNoSpace;
  }
  (void)xStreamBufferReset(bytes_);
  is_upload_ = is_upload;
  offset_ = offset;
  trust_ = wanted_trust_;
  is_cancelled_ = false;
  is_input_complete_ = false;
  shared_ = platform::TransferStatus{};
  shared_.state = State::kRunning;
  status_ = shared_;
  is_busy_ = true;
  xTaskNotifyGive(task_);
  return Status::kOk;
}

Status TaskFileTransfer::download(common::TextSpan url, uint32_t offset) {
  return start(url, false, offset);
}

Status TaskFileTransfer::upload(common::TextSpan url) { return start(url, true, 0); }

Result<size_t> TaskFileTransfer::read(common::MutableByteSpan buffer) {
  if (status_.state == State::kIdle || bytes_ == nullptr) return Status::kClosed;
  const size_t count = xStreamBufferReceive(bytes_, buffer.data(), buffer.size(), 0);
  if (count > 0) return count;
  return status().state == State::kRunning ? Status::kAgain : Status::kClosed;
}

Status TaskFileTransfer::write(common::ByteSpan data) {
  if (status().state != State::kRunning) return Status::kClosed;
  if (xStreamBufferSpacesAvailable(bytes_) < data.size()) return Status::kAgain;
  (void)xStreamBufferSend(bytes_, data.data(), data.size(), 0);
  return Status::kOk;
}

void TaskFileTransfer::cancel() {
  is_cancelled_ = true;
  status_ = platform::TransferStatus{};
}

const platform::TransferStatus& TaskFileTransfer::status() {
  if (status_.state != State::kRunning) return status_;
  Lock lock(mutex_);
  const State before = status_.state;
  status_ = shared_;
  // A download has ended when its last byte was read.
  if (!is_upload_ && xStreamBufferBytesAvailable(bytes_) > 0) status_.state = before;
  return status_;
}

void TaskFileTransfer::run(void* self) {
  auto* transfer = static_cast<TaskFileTransfer*>(self);
  for (;;) {
    (void)ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    transfer->carry_out();
    transfer->is_busy_ = false;
  }
}

void TaskFileTransfer::end(const char* error) {
  Lock lock(mutex_);
  shared_.error = common::FixedString<95>(error);
  shared_.state = error[0] == '\0' ? State::kDone : State::kFailed;
}

void TaskFileTransfer::set_trust(const platform::TlsTrust& trust) { wanted_trust_ = trust; }

/// @return A client that is connected, over TLS where the URL says so; nullptr: why.
std::unique_ptr<WiFiClient> TaskFileTransfer::connect(const String& url, const char*& why) {
  String plain = url;
  (void)take_login(plain);
  const Server server = server_of(plain);
  why = "the server cannot be reached";
  if (!is_https(url)) {
    std::unique_ptr<WiFiClient> client(new (std::nothrow) WiFiClient());
    if (client == nullptr) why = "not enough memory";
    const bool is_open = client != nullptr && client->connect(server.host.c_str(), server.port,
                                                              TlsClient::kConnectTimeoutMs) == 1;
    return is_open ? std::move(client) : nullptr;
  }
  String pem;
  const common::TextSpan file = trust_.ca_file.span();
  if (!file.empty() && !common::equals(file, common::text("none")) &&
      !read_ca_(read_ca_context_, trust_.ca_file.c_str(), pem)) {
    why = "the CA file cannot be read";
    return nullptr;
  }
  security::PemAuthority authority(common::TextSpan(pem.c_str(), pem.length()), trust_.authority,
                                   std::max(clock_.utc(), trust_.earliest_utc),
                                   trust_.allow_wildcard);
  security::TlsOptions options;
  options.host = common::TextSpan(server.host.c_str(), server.host.length());
  options.authority = &authority;
  std::unique_ptr<TlsClient> client(new (std::nothrow) TlsClient(entropy_));
  if (client != nullptr && client->open(server.host.c_str(), server.port, options)) return client;
  if (client == nullptr) {
    why = "not enough memory";
  } else if (client->session().failure().kind != platform::LinkFailure::kNone) {
    why = client->session().failure().kind == platform::LinkFailure::kInvalidServerCertificate
              ? "the certificate of the server is not trusted"
              : "no TLS connection to the server";
  }
  return nullptr;
}

void TaskFileTransfer::carry_out() {
  String url = url_.c_str();
  for (int redirects = 0; redirects <= kMaxRedirects; ++redirects) {
    const char* why = "";
    const std::unique_ptr<WiFiClient> client = connect(url, why);
    if (client == nullptr) return end(why);
    next_url_ = "";
    if (is_upload_) {
      run_upload(*client, url);
    } else {
      run_download(*client, url);
    }
    if (next_url_.length() == 0 || is_cancelled()) return;
    if (!next_url_.startsWith("http") || (is_https(url) && !is_https(next_url_)))
      return end("the server redirects to where it is not safe to go");
    url = next_url_;
  }
  end("the server redirects too often");
}

void TaskFileTransfer::run_download(WiFiClient& client, const String& from) {
  String url = from;
  const String login = take_login(url);
  HTTPClient http;
  http.setConnectTimeout(20000);
  http.setTimeout(20000);
  http.setFollowRedirects(HTTPC_DISABLE_FOLLOW_REDIRECTS);
  if (!http.begin(client, url)) return end("the URL cannot be used");
  if (login.length() > 0) http.addHeader("Authorization", "Basic " + base64::encode(login));
  if (offset_ > 0) http.addHeader("Range", "bytes=" + String(offset_) + "-");
  const char* const wanted[] = {"Location", "Content-Range"};
  http.collectHeaders(const_cast<const char**>(wanted), 2);
  const int reply = http.GET();
  if (reply < 0) return end("the server cannot be reached");
  if (reply >= 301 && reply <= 308 && http.hasHeader("Location")) {
    next_url_ = http.header("Location");
    return;
  }
  if (reply == 416 && offset_ > 0 && http.header("Content-Range").endsWith("/" + String(offset_))) {
    Lock lock(mutex_);
    shared_.begins_at = offset_;
    shared_.state = State::kDone;
    return;
  }
  if (reply != 200 && reply != 206) return end(("the server answered " + String(reply)).c_str());
  const int length = http.getSize();
  if (length < 0) return end("the server does not tell the length of the file");
  {
    Lock lock(mutex_);
    shared_.begins_at = reply == 206 ? offset_ : 0;
    shared_.total_bytes = shared_.begins_at + static_cast<uint32_t>(length);
  }
  uint8_t piece[kPieceBytes];
  uint32_t last_ms = millis();
  for (int left = length; left > 0;) {
    if (is_cancelled()) return end("cancelled");
    const int there = client.available();
    if (there <= 0) {
      if (!client.connected()) return end("the connection broke");
      if (millis() - last_ms > kStallMs) return end("the server was silent for too long");
      vTaskDelay(pdMS_TO_TICKS(5));
      continue;
    }
    const int got = client.read(piece, std::min<int>({there, left, int{kPieceBytes}}));
    if (got <= 0) continue;
    last_ms = millis();
    left -= got;
    for (size_t sent = 0; sent < static_cast<size_t>(got) && !is_cancelled();)
      sent += xStreamBufferSend(bytes_, piece + sent, static_cast<size_t>(got) - sent,
                                pdMS_TO_TICKS(100));
  }
  end("");
}

void TaskFileTransfer::run_upload(WiFiClient& client, const String& to) {
  String url = to;
  const String login = take_login(url);
  const int host_at = url.indexOf("://") + 3;
  int path_at = url.indexOf('/', host_at);
  if (path_at < 0) path_at = static_cast<int>(url.length());
  const String authority = url.substring(host_at, path_at);
  String head = "PUT " + (url.length() > static_cast<unsigned>(path_at) ? url.substring(path_at)
                                                                        : String("/"));
  head +=
      " HTTP/1.1\r\nHost: " + authority + "\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n";
  head += "Content-Type: application/octet-stream\r\n";
  if (login.length() > 0) head += "Authorization: Basic " + base64::encode(login) + "\r\n";
  client.print(head + "\r\n");
  uint8_t piece[kPieceBytes];
  for (;;) {
    if (is_cancelled()) return end("cancelled");
    const bool was_complete = is_input_complete_;
    const size_t count = xStreamBufferReceive(bytes_, piece, sizeof piece, pdMS_TO_TICKS(50));
    if (count > 0) {
      client.printf("%x\r\n", static_cast<unsigned>(count));
      if (client.write(piece, count) != count) return end("the connection broke");
      client.print("\r\n");
    } else if (was_complete) {
      break;
    } else if (!client.connected()) {
      return end("the connection broke");
    }
  }
  client.print("0\r\n\r\n");
  client.setTimeout(kStallMs / 1000);
  const String line = client.readStringUntil('\n');
  const int reply = static_cast<int>(line.substring(line.indexOf(' ') + 1).toInt());
  if (reply >= 200 && reply < 300) return end("");
  end(reply == 0 ? "the server was silent for too long"
                 : ("the server answered " + String(reply)).c_str());
}

}  // namespace platform_esp32

// TLS by lib/security alone, for the tests in pytools/tests/linux_link. For every line on standard input, fields
// separated by tabs,
//   PORT HOST [ca=FILE] [client=FILE key=FILE] [wildcard=0] [verify=0] [at_ms=UTC] [fail_at=N] [patience=N]
// it connects to 127.0.0.1, sends "hello", waits for five bytes, and writes one JSON line on standard output.
// patience: how many times 10 ms it waits for the server at each step (1000).
// fail_at: there is no memory for the Nth allocation of mbedTLS or lib/security, from 1.

#include "drivers/file_client.hpp"
#include "platform_linux/linux_entropy.hpp"
#include "platform_linux/tls_tunnel.hpp"
#include "platform_linux/trusted_roots.hpp"
#include "security/pem_authority.hpp"

#include <arpa/inet.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <map>
#include <netinet/in.h>
#include <new>
#include <poll.h>
#include <sstream>
#include <string>
#include <sys/socket.h>
#include <vector>

namespace {

size_t allocations = 0;
size_t fail_at = 0;

bool has_room() { return ++allocations != fail_at; }

}  // namespace

// In place of those of the sanitizer, for mbedTLS and for new (std::nothrow).
extern "C" void* __interceptor_calloc(size_t count, size_t size) noexcept;
extern "C" void* calloc(size_t count, size_t size) noexcept {
  return has_room() ? __interceptor_calloc(count, size) : nullptr;
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return has_room() ? ::operator new(size) : nullptr;
}
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
  return has_room() ? ::operator new[](size) : nullptr;
}

namespace {

using common::Status;
using common::TextSpan;

platform_linux::UniqueFd connect_to(uint16_t port) {
  platform_linux::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fd.reset();
  if (fd.is_valid()) ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  return fd;
}

int64_t now_ms() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

int patience = 0;

/// Repeats what says kAgain.
template <typename Step>
Status finish(const platform_linux::SocketStream& stream, const security::TlsSession& session,
              Step step) {
  Status status = step();
  for (int i = 0; i < patience && status == Status::kAgain; ++i) {
    const int events = session.wants_write() ? POLLOUT : POLLIN;
    pollfd state{stream.fd(), static_cast<short>(events), 0};
    ::poll(&state, 1, 10);
    status = step();
  }
  return status;
}

/// @param words  PORT, HOST, then options.
void handshake(const std::vector<std::string>& words) {
  std::map<std::string, std::string> options;
  for (size_t i = 2; i < words.size(); ++i)
    options[words[i].substr(0, words[i].find('='))] = words[i].substr(words[i].find('=') + 1);
  std::string roots;
  FileClient client;
  if (!platform_linux::read_trusted_roots(options["ca"], roots).empty() ||
      !client.load(options["client"], options["key"])) {
    std::exit(2);
  }
  const int64_t at_ms =
      options.count("at_ms") != 0 ? std::atoll(options["at_ms"].c_str()) : now_ms();
  security::PemAuthority authority(TextSpan(roots.data(), roots.size()), &client,
                                   common::UtcTime{at_ms}, options["wildcard"] != "0");
  platform_linux::SocketStream stream(connect_to(static_cast<uint16_t>(std::stoi(words[0]))));
  platform_linux::LinuxEntropy entropy;
  security::TlsSession session;
  security::TlsOptions settings;
  settings.host = TextSpan(words[1].data(), words[1].size());
  settings.authority = &authority;
  settings.verify = options["verify"] != "0";
  settings.show_client = !options["client"].empty();
  patience = options.count("patience") != 0 ? std::stoi(options["patience"]) : 1000;
  allocations = 0;
  fail_at = options.count("fail_at") != 0 ? std::stoul(options["fail_at"]) : 0;
  Status status = session.begin(settings, stream, entropy);
  if (status == Status::kOk) status = finish(stream, session, [&] { return session.handshake(); });
  char echo[6] = "";
  const common::MutableByteSpan answer(reinterpret_cast<uint8_t*>(echo), 5);
  const common::ByteSpan hello = common::as_bytes(common::text("hello"));
  if (status == Status::kOk)
    status = finish(stream, session, [&] { return session.write(hello).status(); });
  if (status == Status::kOk)
    status = finish(stream, session, [&] { return session.read(answer).status(); });
  session.close();
  const size_t count = allocations;
  fail_at = 0;
  const security::TlsFailure& failure = session.failure();
  std::printf(
      "{\"up\":%s,\"echo\":\"%s\",\"failure\":%d,\"fault\":\"%s\",\"text\":\"%s\",\"suite\":\"%s\","
      "\"allocations\":%zu}\n",
      status == Status::kOk ? "true" : "false", echo, static_cast<int>(failure.kind),
      platform::to_string(failure.fault), failure.text.c_str(),
      status == Status::kOk ? session.suite() : "", count);
  std::fflush(stdout);
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::vector<std::string> words;
    std::istringstream rest(line);
    for (std::string word; std::getline(rest, word, '\t');) words.push_back(word);
    handshake(words);
  }
  return 0;
}

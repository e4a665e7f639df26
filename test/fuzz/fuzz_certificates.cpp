// Fuzz target of everything that comes from a server or a CSMS and goes through lib/security. First byte:
//  0  PEM text, as certificates of InstallCertificate and CertificateSigned: read, then each is parsed.
//  1  A root and a chain, each certificate as u16 length and DER: the path is searched for every purpose.
//  2  A signing certificate as DER (u16 length), then the base64 text of a signature of "an image of the firmware".
//  3  The index of certificates on flash without its checksum, then a change of it.
//  4  A name of a certificate, zero, a host.
//  5  PEM text that is installed as a root, accepted as a client's and as a signer's certificate.
//  6  PEM text of a root, zero, PEM text of a chain as CertificateSigned brings it, when the key of its first certificate was
//     asked for.
//
// Whatever comes: no crash, nothing is trusted that leads to no root, and what is stored can be read again.
#include "common/crc32.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_file_store.hpp"
#include "platform_sim/sim_key_value_store.hpp"
#include "security/device_credentials.hpp"
#include "security/host_name.hpp"
#include "security/sha256.hpp"
#include "security/stored_roots.hpp"

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

using common::ByteSpan;
using common::Status;
using common::TextSpan;
using security::Certificate;
using security::CertificateFault;
using security::CertificateList;

constexpr common::UtcTime kNow{1780272000000};

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

TextSpan text_of(ByteSpan bytes) {
  return TextSpan(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

ByteSpan take(ByteSpan& rest) {
  if (rest.size() < 2) return ByteSpan();
  const size_t size = rest[0] | static_cast<size_t>(rest[1]) << 8U;
  const ByteSpan taken = rest.subspan(2, size);
  rest = rest.subspan(2 + taken.size());
  return taken;
}

void ask(ByteSpan der) {
  Certificate certificate;
  if (certificate.parse(der) != CertificateFault::kNone) return;
  (void)certificate.is_ca();
  (void)certificate.path_limit();
  (void)certificate.check_time(kNow);
  (void)certificate.check_key();
  (void)certificate.check_signature_kind();
  (void)certificate.is_for_host(common::text("csms.example.com"), true);
  (void)certificate.is_for_host(common::text("192.0.2.7"), true);
  (void)certificate.organization();
  char line[40];
  (void)certificate.subject_line(common::Span<char>(line));
  (void)certificate.issuer_line(common::Span<char>(line));
  (void)certificate.check_signature(certificate);
  security::Buffer hashes;
  require(hashes.allocate(security::kHashesBytes), "there is memory");
  if (security::append_hashes(certificate, certificate.key_bits(), hashes)) {
    security::CertificateHash hash;
    security::read_hash(hashes.bytes(), security::HashAlgorithm::kSha384, hash);
    require(hash.serial_size == 1 || (hash.serial_size > 1 && hash.serial[0] != 0),
            "a serial number has no leading zeros");
  }
}

void read_pem(ByteSpan input) {
  security::PlainPemText text(text_of(input));
  CertificateList list;
  if (list.read(text, CertificateList::kMaxChainBytes) != CertificateFault::kNone) return;
  require(list.count() > 0, "a list that was read has certificates");
  for (size_t i = 0; i < list.count(); ++i) {
    require(list[i].size() <= CertificateList::kMaxCertificateBytes, "none is too large");
    ask(list[i]);
  }
}

class OneRoot final : public security::RootSource {
 public:
  explicit OneRoot(ByteSpan der) : der_(der) {}
  size_t count() const override { return 1; }
  Status load(size_t, security::Buffer& der, uint32_t& id) override {
    id = 7;
    if (der_.empty()) return Status::kNotFound;
    return der.allocate(der_.size()) && der.append(der_) ? Status::kOk : Status::kNoSpace;
  }

 private:
  ByteSpan der_;
};

void find_paths(ByteSpan input) {
  OneRoot root(take(input));
  ByteSpan chain[9];
  size_t count = 0;
  while (!input.empty() && count < 9) chain[count++] = take(input);
  for (const auto purpose :
       {security::Purpose::kServer, security::Purpose::kClient, security::Purpose::kFirmware}) {
    security::PathDemand demand;
    demand.purpose = purpose;
    demand.at = kNow;
    demand.host = common::text("csms.example.com");
    const security::Path path =
        security::find_path(common::Span<const ByteSpan>(chain, count), root, demand);
    const bool is_trusted = path.fault == CertificateFault::kNone;
    require(is_trusted == (path.root == 7), "what is trusted leads to the root");
    require(path.size <= count && is_trusted == (path.size > 0), "a path is part of the chain");
  }
}

/// A device with a root, an open request and nothing else.
struct Device {
  platform_sim::SimPower power;
  platform_sim::SimFileStore files{power};
  platform_sim::SimKeyValueStore keys{power};
  platform_sim::SimEntropy entropy{7};
  platform::InlineWorker worker;
  common::NullLogSink log;
  security::DeviceCredentials credentials{files, keys, entropy, worker, log};

  /// Polls until nothing is left to do. @return An operation has ended.
  bool end(security::Credentials::Outcome& outcome) {
    bool has_ended = false;
    while (credentials.has_work()) has_ended = credentials.poll(outcome) || has_ended;
    return has_ended;
  }
};

void verify_signature(ByteSpan input) {
  Device device;
  platform_sim::SimEntropy& entropy = device.entropy;
  security::CredentialJob job(device.files, entropy);
  const ByteSpan der = take(input);
  job.operation = security::Credentials::Operation::kVerifyFirmware;
  security::sha256(common::as_bytes(common::text("an image of the firmware")), job.digest);
  require(job.signer.allocate(2 + der.size()) && job.signer.append_u16(der.size()) &&
              job.signer.append(der),
          "there is memory");
  security::PlainPemText text(text_of(input));
  if (security::decode_base64(text, 600, job.signature) == CertificateFault::kNone) job.run();
}

void read_index(ByteSpan input) {
  Device device;
  std::vector<uint8_t>& image = device.files.raw("certs.idx");
  image.assign(input.begin(), input.end());
  // Of a thousand million inputs one would have the right checksum.
  const uint32_t crc = common::crc32(input);
  for (unsigned shift = 0; shift < 32; shift += 8) {
    image.push_back(static_cast<uint8_t>(crc >> shift));
  }
  if (device.credentials.begin() != Status::kOk) return;
  const size_t count = device.credentials.root_count(security::RootUse::kCentralSystem);
  for (size_t i = 0; i < count; ++i) {
    security::CertificateHash hash;
    (void)device.credentials.root_hash(security::RootUse::kCentralSystem, i,
                                       security::HashAlgorithm::kSha256, hash);
  }
  device.credentials.on_connected(1, 2);
  device.credentials.forget_signer();
  security::Credentials::Outcome outcome;
  require(!device.end(outcome), "nothing was begun");
  security::CertificateIndex index;
  const Status status = security::read_index(device.files, index);
  if (status == Status::kOk) {
    require(security::write_index(device.files, index) == Status::kOk, "an index can be written");
    security::CertificateIndex again;
    require(security::read_index(device.files, again) == Status::kOk &&
                again.items.size() == index.items.size() && again.next_id == index.next_id,
            "what was written is read again");
  }
}

void match_names(ByteSpan input) {
  size_t end = 0;
  while (end < input.size() && input[end] != 0) ++end;
  const TextSpan name = text_of(input.first(end));
  const TextSpan host = text_of(input.subspan(end + 1));
  const bool strict = security::matches_host(name, host, false);
  require(!strict || security::matches_host(name, host, true), "a wildcard only adds hosts");
  const security::IpAddress address = security::parse_ip_address(host);
  require(address.size == 0 || address.size == 4 || address.size == 16, "no other addresses");
}

void install(ByteSpan input) {
  Device device;
  require(device.credentials.begin() == Status::kOk, "an empty store can be used");
  security::Credentials::Outcome outcome;
  for (const auto use : {security::RootUse::kCentralSystem, security::RootUse::kManufacturer}) {
    security::PlainPemText text(text_of(input));
    require(device.credentials.begin_install_root(use, text, false, kNow) == Status::kOk &&
                device.end(outcome),
            "a root is judged");
    require((outcome.result == security::InstallResult::kAccepted) ==
                (device.credentials.root_count(use) == 1),
            "what was accepted is stored");
  }
  security::CertificateInfo info;
  for (size_t i = 0; device.credentials.describe(i, info) == Status::kOk; ++i)
    require(i < 2, "no more is listed than was installed");
  security::PlainPemText client(text_of(input));
  require(device.credentials.begin_accept_client(client, kNow) == Status::kOk &&
              device.end(outcome) && outcome.result == security::InstallResult::kRejected,
          "nothing was asked for");
  security::PlainPemText signer(text_of(input));
  require(device.credentials.begin_check_signer(signer, kNow) == Status::kOk && device.end(outcome),
          "a signing certificate is judged");
}

/// Appends a DER element of whose content there is less than 64 KiB.
void add_element(std::vector<uint8_t>& out, uint8_t tag, const std::vector<uint8_t>& content) {
  out.insert(out.end(), {tag, 0x82, static_cast<uint8_t>(content.size() >> 8U),
                         static_cast<uint8_t>(content.size())});
  out.insert(out.end(), content.begin(), content.end());
}

void accept_chain(ByteSpan input) {
  size_t end = 0;
  while (end < input.size() && input[end] != 0) ++end;
  Device device;
  require(device.credentials.begin() == Status::kOk, "an empty store can be used");
  security::Credentials::Outcome outcome;
  security::PlainPemText root(text_of(input.first(end)));
  require(device.credentials.begin_install_root(security::RootUse::kCentralSystem, root, false,
                                                kNow) == Status::kOk &&
              device.end(outcome),
          "a root is judged");
  security::CredentialJob job(device.files, device.entropy);
  job.operation = security::Credentials::Operation::kAcceptClient;
  job.at = kNow;
  security::PlainPemText text(text_of(input.subspan(end + 1)));
  if (job.certificates.read(text, CertificateList::kMaxChainBytes) != CertificateFault::kNone)
    return;
  Certificate first;
  if (first.parse(job.certificates[0]) != CertificateFault::kNone) return;
  // What was asked for: the name and the key of the first certificate.
  const TextSpan name = first.common_name();
  if (name.size() > 255) return;
  const ByteSpan bits = first.key_bits();
  std::vector<uint8_t> bit_string(1, 0);
  bit_string.insert(bit_string.end(), bits.begin(), bits.end());
  std::vector<uint8_t> key;
  add_element(key, 0x30, {});
  add_element(key, 0x03, bit_string);
  std::vector<uint8_t> info;
  add_element(info, 0x30, key);
  require(job.request.allocate(4 + name.size() + info.size()) &&
              job.request.append_u8(static_cast<uint8_t>(name.size())) &&
              job.request.append(common::as_bytes(name)) && job.request.append_u8(0) &&
              job.request.append_u16(info.size()) &&
              job.request.append(ByteSpan(info.data(), info.size())),
          "there is memory");
  job.run();
  const bool is_trusted = job.fault == CertificateFault::kNone;
  require(is_trusted == (job.content.size() > 0), "what is accepted is kept");
  require(!is_trusted || device.credentials.root_count(security::RootUse::kCentralSystem) == 1,
          "no chain is accepted without a root");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteSpan input(data + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      read_pem(input);
      break;
    case 1:
      find_paths(input);
      break;
    case 2:
      verify_signature(input);
      break;
    case 3:
      read_index(input);
      break;
    case 4:
      match_names(input);
      break;
    case 5:
      install(input);
      break;
    default:
      accept_chain(input);
  }
  return 0;
}

#include "device.hpp"
#include "security/private_key.hpp"

#include <algorithm>
#include <cstring>
#include <mbedtls/x509_csr.h>

using common::Status;
using security::CertificateHash;
using security::Credentials;
using security::DeleteResult;
using security::HashAlgorithm;
using security::KeyType;
using security::RootUse;
using vectors::kDayMs;
using vectors::kNow;

namespace {

/// Text in pieces of a few characters, as the escapes of a JSON string cut it.
class Pieces final : public security::PemText {
 public:
  Pieces(std::string text, size_t size) : text_(std::move(text)), size_(size) {}
  common::TextSpan next() override {
    const size_t begin = at_;
    at_ = std::min(at_ + size_, text_.size());
    return common::TextSpan(text_.data() + begin, at_ - begin);
  }

 private:
  const std::string text_;
  const size_t size_;
  size_t at_ = 0;
};

std::string with(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

vectors::Bytes public_key_of_certificate(Device& device, uint32_t client) {
  uint8_t der[2000];
  const common::Result<size_t> size =
      device.credentials->authority().client_certificate(client, 0, der);
  REQUIRE(size.ok());
  security::Certificate certificate;
  REQUIRE(certificate.parse(common::ByteSpan(der, size.value())) ==
          security::CertificateFault::kNone);
  return public_key(certificate.key());
}

}  // namespace

// Rules: WP-M05.FR.01
TEST_CASE("an installed root is listed with its hashes, over restarts too, and trusted") {
  Device device;
  CHECK(device.judge("server_by_root").fault == security::CertificateFault::kNoRoot);
  EXPECT_WORD(device.install("root"), "accepted");
  EXPECT_WORD(device.install_maker("maker_root"), "accepted");
  REQUIRE(device.restart() == Status::kOk);
  CHECK(device.roots() == 1);
  CHECK(device.credentials->root_count(RootUse::kManufacturer) == 1);
  const CertificateHash hash = device.hash(0, HashAlgorithm::kSha384);
  CHECK(vectors::Bytes(hash.issuer_key, hash.issuer_key + 48) ==
        vectors::bytes("root.sha384.issuer_key"));
  CHECK(device.judge("server_by_root").fault == security::CertificateFault::kNone);
  CHECK(device.judge("server_by_root").root != 0);
  // A root of the manufacturer vouches for no server.
  CHECK(device.judge("signer_for_servers").fault == security::CertificateFault::kMissingIssuer);
}

// Rules: WP-M05.FR.06
TEST_CASE("what is no root, or no good one, is rejected with the reason") {
  Device device;
  EXPECT_WORD(device.install("root_no_ca"), "rejected wrong_usage");
  EXPECT_WORD(device.install("root_expired"), "rejected expired");
  EXPECT_WORD(device.install("root_sha1"), "rejected bad_signature");
  EXPECT_WORD(device.install("inter"), "rejected missing_issuer");
  EXPECT_WORD(device.install(vectors::pems({"root", "rsa_root"}), RootUse::kCentralSystem),
              "rejected malformed");
  EXPECT_WORD(device.install("no certificate", RootUse::kCentralSystem), "rejected malformed");
  EXPECT_WORD(device.install("", RootUse::kCentralSystem), "rejected malformed");
  const std::string pem = vectors::pem("root");
  EXPECT_WORD(device.install(pem.substr(0, pem.size() / 2), RootUse::kCentralSystem),
              "rejected malformed");
  EXPECT_WORD(device.install(pem.substr(0, pem.size() - 10), RootUse::kCentralSystem),
              "rejected malformed");
  EXPECT_WORD(device.install(with(pem, "BEGIN CERTIFICATE", "BEGIN CERTIFICATE REQUEST"),
                             RootUse::kCentralSystem),
              "rejected malformed");
  CHECK(device.roots() == 0);
  EXPECT_WORD(device.install("root_long"), "accepted");
}

TEST_CASE("old roots are installed too: signed by themselves with SHA-1, and with the number 0") {
  Device device;
  EXPECT_WORD(device.install(vectors::self_signed_with_sha1("00"), RootUse::kCentralSystem),
              "accepted");
  const CertificateHash hash = device.hash(0);
  CHECK(hash.serial_size == 1);
  CHECK(hash.serial[0] == 0);
  CHECK(device.credentials->remove_root(hash) == DeleteResult::kAccepted);
}

// Rules: WP-A00.FR.507
TEST_CASE("PEM text is read whatever its line ends and pieces are") {
  const std::string pem = vectors::pem("root");
  for (const std::string& text :
       {with(pem, "\n", "\r\n"), with(pem, "\n", "\\n"), with(pem, "\n", "\\r\\n"),
        with(pem, "/", "\\/"), with(pem, "-----\n", "-----"), "A root:\n" + pem + "--- end ---\n",
        with(with(pem, "=\n", "\n"), "=\n", "\n"), with(pem, "\n", " \t\n")}) {
    Device device;
    EXPECT_WORD(device.install(text, RootUse::kCentralSystem), "accepted");
  }
  for (const size_t size : {1, 7, 64}) {
    Device device;
    Pieces pieces(pem, size);
    EXPECT_WORD(device.end(device.credentials->begin_install_root(RootUse::kCentralSystem, pieces,
                                                                  false, kNow)),
                "accepted");
  }
}

// Rules: WP-M05.FR.03
TEST_CASE("a full store rejects a further root, but not one that it has") {
  Device device;
  for (int number = 0; number < 8; ++number) {
    EXPECT_WORD(device.install(("root_number_" + std::to_string(number)).c_str()), "accepted");
  }
  EXPECT_WORD(device.install("root"), "rejected");
  EXPECT_WORD(device.install("root_number_3"), "accepted");
  CHECK(device.roots() == device.credentials->capacity());
  CHECK(device.credentials->remove_root(device.hash(3)) == DeleteResult::kAccepted);
  EXPECT_WORD(device.install("root"), "accepted");
  // Beside them there is room for everything else.
  EXPECT_WORD(device.renew(), "accepted");
  EXPECT_WORD(device.renew(), "accepted");
  EXPECT_WORD(device.request(), "accepted");
}

// Rules: WP-M04.FR.02 WP-M04.FR.06
TEST_CASE("a root is deleted by its hashes, but not while the connection stands on it") {
  Device device;
  device.install("root");
  device.install("rsa_root");
  CertificateHash hash = device.hash(0, HashAlgorithm::kSha512);
  device.connect(device.judge("server_by_root").root, 0);
  CHECK(device.credentials->remove_root(hash) == DeleteResult::kFailed);
  CHECK(device.credentials->remove_root(device.hash(1)) == DeleteResult::kAccepted);
  hash.serial[0] ^= 1;
  CHECK(device.credentials->remove_root(hash) == DeleteResult::kNotFound);
  hash.serial[0] ^= 1;
  device.credentials->on_disconnected();
  CHECK(device.credentials->remove_root(hash) == DeleteResult::kAccepted);
  CHECK(device.credentials->remove_root(hash) == DeleteResult::kNotFound);
  REQUIRE(device.restart() == Status::kOk);
  CHECK(device.roots() == 0);
}

// Rules: WP-M05.FR.09
TEST_CASE("a root that must replace another one must be signed by it") {
  Device device;
  EXPECT_WORD(device.install("root", true), "accepted");
  EXPECT_WORD(device.install("rsa_root", true), "rejected untrusted");
  EXPECT_WORD(device.install("root_successor_2", true), "rejected missing_issuer");
  EXPECT_WORD(device.install("root_successor", true), "accepted");
  CHECK(device.roots() == 2);
}

// Rules: WP-M05.FR.09
TEST_CASE("a replaced root is the fallback until a connection has been made with the new one") {
  Device device;
  device.install("root", true);
  device.install("root_successor", true);
  const uint32_t old_root = device.judge("server_by_root").root;
  const uint32_t new_root = device.judge("server_by_successor").root;
  REQUIRE(old_root != 0);
  REQUIRE(new_root != 0);
  device.connect(old_root, 0);
  REQUIRE(device.restart() == Status::kOk);
  CHECK(device.roots() == 2);
  device.connect(new_root, 0);
  CHECK(device.roots() == 1);
  CHECK(device.judge("server_by_successor").root == new_root);
  CHECK(device.judge("server_by_root").root == 0);
  REQUIRE(device.restart() == Status::kOk);
  CHECK(device.roots() == 1);
}

TEST_CASE("a root on trial is replaced by the next one, and the fallback stays the proven one") {
  Device device;
  device.install("root", true);
  device.install("root_successor", true);
  EXPECT_WORD(device.install("root_successor_2", true), "accepted");
  CHECK(device.roots() == 2);
  CHECK(device.judge("server_by_root").root != 0);
  CHECK(device.judge("server_by_successor").root == 0);
}

TEST_CASE("when a root on trial is deleted the fallback stays for good") {
  Device device;
  device.install("root", true);
  device.install("root_successor", true);
  CHECK(device.credentials->remove_root(device.hash(1)) == DeleteResult::kAccepted);
  EXPECT_WORD(device.install("root_successor", true), "accepted");
  CHECK(device.roots() == 2);
}

// Rules: WP-A02.FR.02 WP-A02.FR.03 WP-A02.FR.13 WP-A00.FR.509 WP-A00.FR.511
TEST_CASE("a signing request carries a new key each time, serial number and organization") {
  Device device;
  vectors::Bytes earlier;
  for (int round = 0; round < 2; ++round) {
    EXPECT_WORD(device.request("Ladesäulen, Söhne & Co. \\+="), "accepted");
    const std::string pem = device.request_pem();
    mbedtls_x509_csr request;
    mbedtls_x509_csr_init(&request);
    REQUIRE(mbedtls_x509_csr_parse(&request, reinterpret_cast<const unsigned char*>(pem.c_str()),
                                   pem.size() + 1) == 0);
    const vectors::Bytes key = public_key(request.pk);
    CHECK(key != earlier);
    earlier = key;
    std::string names;
    for (const mbedtls_x509_name* name = &request.subject; name != nullptr; name = name->next) {
      names += std::string(reinterpret_cast<const char*>(name->val.p), name->val.len) + "|";
    }
    EXPECT_WORD(names, "SN-0001|Ladesäulen, Söhne & Co. \\+=|");
    mbedtls_x509_csr_free(&request);
  }
  CHECK(device.keys.count() == 1);
  Credentials::ClientSubject nobody;
  CHECK(device.credentials->begin_request(nobody, KeyType::kEcP256, false) ==
        Status::kInvalidArgument);
}

TEST_CASE("a signing request names ECDSA without parameters, as strict authorities demand") {
  platform_sim::SimEntropy entropy(3);
  security::PrivateKey key;
  REQUIRE(key.generate(KeyType::kEcP256, entropy));
  size_t shortest = SIZE_MAX;
  size_t longest = 0;
  // Below and above 256 bytes, of which DER writes the length differently.
  for (size_t length = 0; length <= 64; ++length) {
    Credentials::ClientSubject subject;
    subject.common_name.assign_truncated(common::text("S"));
    const std::string organization(length, 'o');
    subject.organization.assign_truncated(common::text(organization.c_str()));
    security::Buffer pem;
    REQUIRE(key.write_request(subject, entropy, pem));
    const std::string text(reinterpret_cast<const char*>(pem.data()), pem.size());
    mbedtls_x509_csr request;
    mbedtls_x509_csr_init(&request);
    REQUIRE(mbedtls_x509_csr_parse(&request, reinterpret_cast<const unsigned char*>(text.c_str()),
                                   text.size() + 1) == 0);
    const vectors::Bytes der(request.raw.p, request.raw.p + request.raw.len);
    mbedtls_x509_csr_free(&request);
    // ecdsa-with-SHA256 and NULL.
    const vectors::Bytes wrong = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02, 0x05, 0x00};
    CHECK(std::search(der.begin(), der.end(), wrong.begin(), wrong.end()) == der.end());
    shortest = std::min(shortest, der.size());
    longest = std::max(longest, der.size());
  }
  CHECK(shortest < 256);
  CHECK(longest > 258);
}

// Rules: WP-A02.FR.06 WP-A02.FR.08
TEST_CASE("the certificate that answers the request is shown from then on, with its own key") {
  Device device;
  device.install("root");
  CHECK_FALSE(device.credentials->has_client(kNow));
  CHECK(device.credentials->authority().client() == 0);
  EXPECT_WORD(device.request(), "accepted");
  REQUIRE(device.restart() == Status::kOk);
  REQUIRE(device.credentials->has_request());
  EXPECT_WORD(device.accept(vectors::sign_request(device.request_pem(), "CN=SN-0001,O=VEV",
                                                  "20260101000000", "20270101000000")),
              "accepted");
  CHECK_FALSE(device.credentials->has_request());
  REQUIRE(device.restart() == Status::kOk);
  CHECK(device.credentials->has_client(kNow));
  CHECK_FALSE(device.credentials->has_client(kNow + 400 * kDayMs));
  CHECK(device.credentials->client_expires_at().ms == 1798761600000);
  const uint32_t client = device.credentials->authority().client();
  REQUIRE(client != 0);
  CHECK(public_key_of_client(device, client) == public_key_of_certificate(device, client));
  uint8_t room[2000];
  CHECK(device.credentials->authority().client_certificate(client, 1, room).status() ==
        Status::kNotFound);
  CHECK(device.credentials->authority().client_certificate(client + 1, 0, room).status() ==
        Status::kNotFound);
  CHECK(device.credentials->authority()
            .client_certificate(client, 0, common::MutableByteSpan(room, 10))
            .status() == Status::kNoSpace);
}

TEST_CASE("people are told what each certificate is, and remove roots by their number") {
  using Kind = security::CertificateInfo::Kind;
  Device device;
  security::CertificateInfo info;
  CHECK(device.credentials->describe(0, info) == Status::kNotFound);
  device.install("root");
  EXPECT_WORD(device.renew(), "accepted");
  EXPECT_WORD(device.request(), "accepted");
  REQUIRE(device.credentials->describe(0, info) == Status::kOk);
  CHECK(info.kind == Kind::kCentralSystemRoot);
  CHECK(info.subject == info.issuer);
  const uint32_t root = info.id;
  REQUIRE(device.credentials->describe(1, info) == Status::kOk);
  CHECK(info.kind == Kind::kClient);
  EXPECT_WORD(std::string(info.subject.c_str()), "CN=SN-0001, O=VEV");
  CHECK(info.issuer != info.subject);
  CHECK((info.serial_size == 1 && info.serial[0] == 1));
  CHECK((info.is_on_trial && info.chain == 1));
  CHECK(info.until.ms == 1798761600000);
  CHECK(device.credentials->describe(2, info) == Status::kNotFound);  // a request is none

  CHECK(device.credentials->remove_root(info.id) == DeleteResult::kNotFound);
  device.connect(root, 0);
  CHECK(device.credentials->remove_root(root) == DeleteResult::kFailed);
  device.credentials->on_disconnected();
  CHECK(device.credentials->remove_root(root) == DeleteResult::kAccepted);
  CHECK(device.roots() == 0);
}

TEST_CASE("whose request it is outlives a restart") {
  Device device;
  Credentials::ClientSubject subject;
  subject.common_name.assign_truncated(common::text("SN-0001"));
  EXPECT_WORD(device.end(device.credentials->begin_request(subject, KeyType::kEcP256, true)),
              "accepted");
  REQUIRE(device.restart() == Status::kOk);
  CHECK(device.credentials->has_local_request());
  EXPECT_WORD(device.request(), "accepted");
  CHECK_FALSE(device.credentials->has_local_request());
}

// Rules: WP-A02.FR.05
TEST_CASE("the private key is in the store of keys and nowhere else") {
  Device device;
  device.install("root");
  REQUIRE(device.request() == "accepted");
  const std::string request = device.request_pem();
  EXPECT_WORD(device.accept(vectors::sign_request(request, "CN=SN-0001,O=VEV", "20260101000000",
                                                  "20270101000000")),
              "accepted");
  KeyKeeper keeper;
  security::StoredAuthority& authority = device.credentials->authority();
  REQUIRE(authority.with_client_key(authority.client(), keeper) == Status::kOk);
  // SEC1: SEQUENCE, version, OCTET STRING of 32 bytes.
  REQUIRE(keeper.key.size() > 39);
  const vectors::Bytes secret(keeper.key.begin() + 7, keeper.key.begin() + 39);
  const auto holds = [&secret](const vectors::Bytes& bytes) {
    return std::search(bytes.begin(), bytes.end(), secret.begin(), secret.end()) != bytes.end();
  };
  uint8_t stored[400];
  const common::Result<size_t> size = device.keys.get("key1", stored);
  REQUIRE(size.ok());
  CHECK(holds(vectors::Bytes(stored, stored + size.value())));
  for (uint8_t file = 0; file < security::kItemFiles; ++file) {
    CHECK_FALSE(holds(device.files.raw(security::ItemFileName(file).text)));
  }
  CHECK_FALSE(holds(device.files.raw("certs.idx")));
}

TEST_CASE("a certificate whose key is gone is gone too, and the others stay") {
  Device device;
  device.install("root");
  REQUIRE(device.renew() == "accepted");
  REQUIRE(device.request() == "accepted");
  REQUIRE(device.keys.erase_all() == Status::kOk);
  REQUIRE(device.restart() == Status::kOk);
  CHECK_FALSE(device.credentials->has_client(kNow));
  CHECK_FALSE(device.credentials->has_request());
  CHECK(device.credentials->authority().client() == 0);
  CHECK(device.roots() == 1);
}

TEST_CASE("an RSA key serves as well") {
  Device device;
  // Primes are found at once.
  device.entropy = platform_sim::SimEntropy(19);
  device.install("root");
  EXPECT_WORD(device.request("VEV", KeyType::kRsa2048), "accepted");
  EXPECT_WORD(device.accept(vectors::sign_request(device.request_pem(), "CN=SN-0001,O=VEV",
                                                  "20260101000000", "20270101000000")),
              "accepted");
  const uint32_t client = device.credentials->authority().client();
  CHECK(public_key_of_client(device, client) == public_key_of_certificate(device, client));
}

// Rules: WP-A02.FR.06 WP-A02.FR.07
TEST_CASE("a certificate that was not asked for is rejected, and the request stays open") {
  Device device;
  EXPECT_WORD(device.accept(vectors::pem("server_by_root")), "rejected key_mismatch");
  EXPECT_WORD(device.request(), "accepted");
  const std::string request = device.request_pem();
  const auto sign = [&request](const char* subject, const char* until = "20270101000000") {
    return vectors::sign_request(request, subject, "20260101000000", until);
  };
  EXPECT_WORD(device.accept(sign("CN=SN-0001,O=VEV")), "rejected no_root");
  device.install("rsa_root");
  EXPECT_WORD(device.accept(sign("CN=SN-0001,O=VEV")), "rejected missing_issuer");
  device.install("root");
  EXPECT_WORD(device.accept(vectors::pem("server_by_root")), "rejected key_mismatch");
  EXPECT_WORD(device.accept("nothing"), "rejected malformed");
  EXPECT_WORD(device.accept(sign("CN=SN-0002,O=VEV")), "rejected wrong_subject");
  EXPECT_WORD(device.accept(sign("CN=SN-0001,O=Other")), "rejected wrong_subject");
  EXPECT_WORD(device.accept(sign("CN=SN-0001,O=VEV", "20260501000000")), "rejected expired");
  // In any order, with others.
  EXPECT_WORD(device.accept(vectors::pem("inter") + sign("CN=SN-0001,O=VEV")), "accepted");
}

// Rules: WP-A02.FR.08
TEST_CASE("of several client certificates the newest valid one is shown") {
  Device device;
  device.install("root");
  EXPECT_WORD(device.renew(), "accepted");
  const uint32_t first = device.credentials->authority().client();
  device.connect(0, first);
  EXPECT_WORD(device.renew("20260602000000", "20270601000000"), "accepted");
  // Not valid yet.
  CHECK(device.credentials->authority().client() == first);
  device.credentials->authority().set_time(kNow + kDayMs);
  const uint32_t second = device.credentials->authority().client();
  CHECK(second > first);
  // Both have ended: the clock may be wrong, the server will say.
  device.credentials->authority().set_time(kNow + 5000 * kDayMs);
  CHECK(device.credentials->authority().client() == second);
}

// Rules: WP-A02.FR.08
TEST_CASE("the client certificate before stays until the new one has made a connection") {
  Device device;
  device.install("root");
  EXPECT_WORD(device.renew(), "accepted");
  const uint32_t first = device.credentials->authority().client();
  device.connect(0, first);
  EXPECT_WORD(device.renew(), "accepted");
  const uint32_t second = device.credentials->authority().client();
  CHECK(second != first);
  device.credentials->on_connection_failed(second);
  CHECK(device.credentials->authority().client() == first);
  device.credentials->on_connection_failed(first);
  CHECK(device.credentials->authority().client() == second);
  // A third one takes the place of the second, which has never worked.
  EXPECT_WORD(device.renew(), "accepted");
  const uint32_t third = device.credentials->authority().client();
  device.credentials->on_connection_failed(third);
  CHECK(device.credentials->authority().client() == first);
  REQUIRE(device.restart() == Status::kOk);
  CHECK(device.credentials->authority().client() == third);
  device.connect(0, third);
  CHECK(device.keys.count() == 1);
  device.credentials->on_connection_failed(third);
  CHECK(device.credentials->authority().client() == third);
}

// Rules: WP-M04.FR.05
TEST_CASE("a client certificate is not found among the roots") {
  Device device;
  device.install("root");
  EXPECT_WORD(device.renew(), "accepted");
  CertificateHash hash = device.hash(0);
  hash.serial_size = 1;
  hash.serial[0] = 1;
  CHECK(device.credentials->remove_root(hash) == DeleteResult::kNotFound);
  CHECK(device.credentials->has_client(kNow));
}

// Rules: WP-L01.FR.04 WP-L01.FR.12 WP-L01.FR.23
TEST_CASE("a signature of firmware is checked with the certificate that was accepted for it") {
  Device device;
  const vectors::Bytes digest = vectors::bytes("firmware.digest");
  const auto signature = [](const char* name) {
    return vectors::base64(vectors::bytes(std::string("firmware.by_") + name));
  };
  EXPECT_WORD(device.verify(signature("ec"), digest), "not_found");
  EXPECT_WORD(device.check_signer(vectors::pem("signer_ec")), "rejected no_root");
  device.install_maker("maker_root");
  const char* const refused[][2] = {
      {"signer_for_servers", "rejected wrong_usage"},
      {"signer_no_signatures", "rejected wrong_usage"},
      {"server_by_root", "rejected wrong_usage"},
      {"signer_expired", "rejected expired"},
      {"signer_future", "rejected not_yet_valid"},
      {"signer_rsa_1024", "rejected weak_key"},
      {"signer_foreign", "rejected missing_issuer"},
      {"signer_namesake", "rejected bad_signature"},
  };
  for (const auto& [name, outcome] : refused) {
    const auto& signer = name;  // A lambda takes no binding.
    INFO(signer);
    EXPECT_WORD(device.check_signer(vectors::pem(signer)), outcome);
  }
  CHECK_FALSE(device.credentials->has_signer());
  EXPECT_WORD(device.check_signer(vectors::pem("signer_ec")), "accepted");
  REQUIRE(device.restart() == Status::kOk);
  EXPECT_WORD(device.verify(signature("ec"), digest), "accepted");
  EXPECT_WORD(device.verify(with(signature("ec"), "M", "M\n"), digest), "accepted");
  EXPECT_WORD(device.verify(signature("rsa_salt_32"), digest), "rejected bad_signature");
  EXPECT_WORD(device.verify(signature("ec_other_image"), digest), "rejected bad_signature");
  EXPECT_WORD(device.verify(signature("ec_sha384"), digest), "rejected bad_signature");
  EXPECT_WORD(device.verify("AAAA", digest), "rejected bad_signature");
  EXPECT_WORD(device.verify("", digest), "rejected malformed");
  EXPECT_WORD(device.verify("!", digest), "rejected malformed");
  EXPECT_WORD(device.verify(std::string(2000, 'A'), digest), "rejected too_large");
  vectors::Bytes other = digest;
  other[31] ^= 1;
  EXPECT_WORD(device.verify(signature("ec"), other), "rejected bad_signature");

  EXPECT_WORD(device.check_signer(vectors::pems({"signer_rsa", "root"})), "accepted");
  EXPECT_WORD(device.verify(signature("rsa_salt_32"), digest), "accepted");
  EXPECT_WORD(device.verify(signature("rsa_salt_max"), digest), "accepted");
  for (const char* wrong : {"rsa_v15", "rsa_other_image", "rsa_sha384", "rsa_mask_sha1", "ec"}) {
    INFO(wrong);
    EXPECT_WORD(device.verify(signature(wrong), digest), "rejected bad_signature");
  }
  device.credentials->forget_signer();
  EXPECT_WORD(device.verify(signature("rsa_salt_32"), digest), "not_found");
}

TEST_CASE("the digest of a stream is that of the whole file") {
  Device device;
  const std::string firmware = "an image of the firmware";
  for (int round = 0; round < 2; ++round) {
    device.credentials->begin_digest();
    for (const char c : firmware) {
      device.credentials->update_digest(common::as_bytes(common::TextSpan(&c, 1)));
    }
    vectors::Bytes digest(32);
    device.credentials->finish_digest(common::MutableByteSpan(digest.data(), digest.size()));
    CHECK(digest == vectors::bytes("firmware.digest"));
  }
}

TEST_CASE("a key is not read while one is written, nor written while one is read") {
  Device device;
  device.install("root");
  EXPECT_WORD(device.renew(), "accepted");
  security::StoredAuthority& authority = device.credentials->authority();
  KeyKeeper keeper;
  REQUIRE(authority.lock_keys());
  CHECK(authority.with_client_key(authority.client(), keeper) == Status::kAgain);
  EXPECT_WORD(device.request(), "runs");
  authority.unlock_keys();
  CHECK(authority.with_client_key(authority.client(), keeper) == Status::kOk);
  EXPECT_WORD(device.end(Status::kOk), "accepted");
}

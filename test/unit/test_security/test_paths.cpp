#include "doctest_main/doctest_main.hpp"
#include "security/host_name.hpp"
#include "security/path_validator.hpp"
#include "security/stored_roots.hpp"
#include "vectors.hpp"

using common::ByteSpan;
using security::CertificateFault;
using security::find_path;
using security::Path;
using security::PathDemand;
using security::Purpose;
using vectors::kDayMs;
using vectors::kNow;

namespace {

using Names = std::vector<std::string>;

constexpr const char* kHost = "csms.example.com";

class Roots final : public security::RootSource {
 public:
  explicit Roots(const Names& names) {
    for (const std::string& name : names) ders_.push_back(vectors::der(name));
  }
  size_t count() const override { return ders_.size(); }
  common::Status load(size_t index, security::Buffer& der, uint32_t& id) override {
    id = static_cast<uint32_t>(index + 1);
    REQUIRE(der.allocate(ders_[index].size()));
    REQUIRE(der.append(vectors::span(ders_[index])));
    return common::Status::kOk;
  }

 private:
  std::vector<vectors::Bytes> ders_;
};

PathDemand for_host(const char* host) {
  PathDemand demand;
  demand.at = kNow;
  demand.host = common::text(host);
  return demand;
}

Path path(const Names& chain, const Names& roots, const PathDemand& demand) {
  std::vector<vectors::Bytes> ders;
  std::vector<ByteSpan> spans;
  for (const std::string& name : chain) ders.push_back(vectors::der(name));
  for (const vectors::Bytes& der : ders) spans.push_back(vectors::span(der));
  Roots source(roots);
  return find_path(common::Span<const ByteSpan>(spans.data(), spans.size()), source, demand);
}

std::string fault(const Names& chain, const Names& roots = {"root"}, const char* host = kHost) {
  return platform::to_string(path(chain, roots, for_host(host)).fault);
}

}  // namespace

// Rules: WP-A00.FR.307
TEST_CASE("a chain of any length that leads to a root is accepted, and the root is named") {
  EXPECT_WORD(fault({"server_by_root"}), "none");
  EXPECT_WORD(fault({"server", "lower", "inter"}), "none");
  EXPECT_WORD(fault({"rsa_server", "rsa_lower", "rsa_upper"}, {"rsa_root"}), "none");
  EXPECT_WORD(fault({"server_ec_384"}), "none");
  EXPECT_WORD(fault({"server_any_usage"}), "none");
  const Path found = path({"server", "lower", "inter"}, {"rsa_root", "root"}, for_host(kHost));
  CHECK(found.root == 2);
  CHECK(found.size == 3);
}

TEST_CASE("the order of the issuers, the root itself and certificates of no use do not matter") {
  EXPECT_WORD(fault({"server", "inter", "lower"}), "none");
  EXPECT_WORD(fault({"server", "root", "inter", "lower"}), "none");
  EXPECT_WORD(fault({"server", "rsa_lower", "inter", "foreign_root", "lower", "server_expired"}),
              "none");
  const Path found = path({"server", "root", "inter", "lower"}, {"root"}, for_host(kHost));
  REQUIRE(found.size == 3);
  CHECK(found.order[0] == 0);
  CHECK(found.order[1] == 3);
  CHECK(found.order[2] == 2);
}

TEST_CASE("of several issuers or roots of one name the right one is found") {
  EXPECT_WORD(fault({"server_by_root"}, {"root_namesake", "root"}), "none");
  CHECK(path({"server_by_root"}, {"root_namesake", "root"}, for_host(kHost)).root == 2);
  // Cross-signed: the first way up ends at a root that is not installed.
  EXPECT_WORD(fault({"server", "lower", "inter_crossed", "inter"}), "none");
  EXPECT_WORD(fault({"server", "lower", "inter_crossed", "inter"}, {"foreign_root"}), "none");
  EXPECT_WORD(fault({"server", "lower", "inter_crossed"}), "missing_issuer");
}

// Rules: WP-A00.FR.307 WP-A00.FR.309
TEST_CASE("each fault of a chain is told apart") {
  EXPECT_WORD(fault({"server_expired"}), "expired");
  EXPECT_WORD(fault({"server_future"}), "not_yet_valid");
  EXPECT_WORD(fault({"server_by_expired", "inter_expired"}), "expired");
  EXPECT_WORD(fault({"server_by_root"}, {"root_expired"}), "missing_issuer");
  EXPECT_WORD(fault({"server", "lower"}), "missing_issuer");
  EXPECT_WORD(fault({"server"}), "missing_issuer");
  EXPECT_WORD(fault({"server_self_signed"}), "self_signed");
  EXPECT_WORD(fault({"server_foreign"}), "missing_issuer");
  EXPECT_WORD(fault({"server_foreign", "foreign_root"}), "untrusted");
  EXPECT_WORD(fault({"server_by_root"}, {"root_namesake"}), "bad_signature");
  EXPECT_WORD(fault({"server_below_server", "server_as_issuer"}), "wrong_usage");
  EXPECT_WORD(fault({"server_by_short", "short"}), "none");
  EXPECT_WORD(fault({"server_too_deep", "below_short", "short"}), "path_too_long");
  EXPECT_WORD(fault({"server_for_clients"}), "wrong_usage");
  EXPECT_WORD(fault({"server_wrong_key_usage"}), "wrong_usage");
  EXPECT_WORD(fault({"server_by_root"}, {}), "no_root");
  EXPECT_WORD(fault({}), "malformed");
  EXPECT_WORD(fault({"server", "lower", "inter", "root", "short", "rsa_root", "rsa_lower",
                     "rsa_upper", "below_short"}),
              "too_large");
  // Name constraints are not understood, so a certificate that insists on them is not accepted.
  EXPECT_WORD(fault({"server_by_constrained", "inter_constrained"}), "malformed");
}

// Rules: WP-A00.FR.502
TEST_CASE("weak keys and weak signatures are refused") {
  EXPECT_WORD(fault({"server_rsa_1024"}), "weak_key");
  EXPECT_WORD(fault({"server_ec_192"}), "weak_key");
  EXPECT_WORD(fault({"server_sha1", "rsa_lower", "rsa_upper"}, {"rsa_root"}), "weak_signature");
  EXPECT_WORD(fault({"server_md5", "rsa_lower", "rsa_upper"}, {"rsa_root"}), "weak_signature");
}

TEST_CASE("a certificate that is installed itself is trusted for its own host") {
  EXPECT_WORD(fault({"server_self_signed"}, {"server_self_signed"}), "none");
  EXPECT_WORD(fault({"server_self_signed"}, {"server_self_signed"}, "other.example.com"),
              "wrong_host");
}

TEST_CASE("validity includes its first and its last second") {
  PathDemand demand = for_host(kHost);
  const auto at = [&demand](int64_t ms) {
    demand.at = common::UtcTime{ms};
    return std::string(platform::to_string(path({"server_by_root"}, {"root"}, demand).fault));
  };
  constexpr int64_t kBegin = 1767225600000;  // 2026-01-01
  constexpr int64_t kEnd = 2398377600000;    // 2046-01-01
  EXPECT_WORD(at(kBegin - 1), "not_yet_valid");
  EXPECT_WORD(at(kBegin), "none");
  EXPECT_WORD(at(kEnd + 999), "none");
  EXPECT_WORD(at(kEnd + 1000), "expired");
  EXPECT_WORD(at(0), "not_yet_valid");
}

TEST_CASE("a flipped bit anywhere in a certificate makes it unacceptable") {
  vectors::Bytes der = vectors::der("server_by_root");
  Roots roots({"root"});
  const PathDemand demand = for_host(kHost);
  for (size_t i = 0; i < der.size(); i += 7) {
    der[i] ^= 4;
    const ByteSpan chain[] = {vectors::span(der)};
    CHECK_MESSAGE(find_path(chain, roots, demand).fault != CertificateFault::kNone, "byte " << i);
    der[i] ^= 4;
  }
  der.push_back(0);
  const ByteSpan chain[] = {vectors::span(der)};
  CHECK(find_path(chain, roots, demand).fault == CertificateFault::kMalformed);
}

// Rules: WP-A00.FR.308
TEST_CASE("a server is accepted for the names and addresses of its certificate only") {
  const auto named = [](const char* host) { return fault({"server_names"}, {"root"}, host); };
  EXPECT_WORD(named("other.example.com"), "none");
  EXPECT_WORD(named("OTHER.example.com."), "none");
  EXPECT_WORD(named("a.wild.example.com"), "none");
  EXPECT_WORD(named("wild.example.com"), "wrong_host");
  EXPECT_WORD(named("a.b.wild.example.com"), "wrong_host");
  EXPECT_WORD(named(".wild.example.com"), "wrong_host");
  EXPECT_WORD(named("192.0.2.7"), "none");
  EXPECT_WORD(named("192.0.2.8"), "wrong_host");
  EXPECT_WORD(named("2001:0DB8::1:0:0:7"), "none");
  EXPECT_WORD(named("2001:db8::1:0:7"), "wrong_host");
  EXPECT_WORD(named("[2001:db8:0:0:1::7]"), "none");
  EXPECT_WORD(named("2001:db8:0:0:1:0:0:8"), "wrong_host");
  EXPECT_WORD(named("2001:db8:0:0:1:0:0:7"), "none");
  // The common name counts where there are no other names.
  EXPECT_WORD(named("cn.example.com"), "wrong_host");
  EXPECT_WORD(fault({"server_cn_only"}), "none");
  EXPECT_WORD(fault({"server_cn_only"}, {"root"}, "csms.example.org"), "wrong_host");
  EXPECT_WORD(fault({"server_cn_only"}, {"root"}, ""), "wrong_host");
}

TEST_CASE("wildcards can be switched off") {
  PathDemand demand = for_host("a.wild.example.com");
  demand.allow_wildcard = false;
  CHECK(path({"server_names"}, {"root"}, demand).fault == CertificateFault::kWrongHost);
}

TEST_CASE("a wildcard stands for one label, and never for a whole top-level domain") {
  const auto matches = [](const char* name, const char* host) {
    return security::matches_host(common::text(name), common::text(host), true);
  };
  CHECK(matches("*.example.com", "a.example.com"));
  CHECK_FALSE(matches("*.com", "example.com"));
  CHECK_FALSE(matches("a*.example.com", "ab.example.com"));
  CHECK_FALSE(matches("*", "localhost"));
  CHECK(matches("localhost", "localhost"));
  CHECK_FALSE(matches("", ""));
}

TEST_CASE("addresses are read in every form, and nothing else is one") {
  const auto text_of = [](const char* text) {
    const security::IpAddress address = security::parse_ip_address(common::text(text));
    std::string hex;
    for (size_t i = 0; i < address.size; ++i) {
      constexpr char kDigits[] = "0123456789abcdef";
      hex += kDigits[address.bytes[i] >> 4U];
      hex += kDigits[address.bytes[i] & 15U];
    }
    return hex;
  };
  EXPECT_WORD(text_of("192.0.2.1"), "c0000201");
  EXPECT_WORD(text_of("::1"), "00000000000000000000000000000001");
  EXPECT_WORD(text_of("::"), "00000000000000000000000000000000");
  EXPECT_WORD(text_of("fe80::"), "fe800000000000000000000000000000");
  EXPECT_WORD(text_of("1:2:3:4:5:6:7:8"), "00010002000300040005000600070008");
  EXPECT_WORD(text_of("::ffff:192.0.2.1"), "00000000000000000000ffffc0000201");
  for (const char* none :
       {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1..2.3", "example.com", ":", "1:", ":1",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", ":::", "1:2:3:4:5:6:7:1.2.3.4",
        "::1.2.3", "g::", "[1.2.3.4", "1.2.3.0004"}) {
    CHECK_MESSAGE(text_of(none) == "", none);
  }
}

// Rules: WP-L01.FR.23
TEST_CASE("a signing certificate is for code, a client's for clients") {
  PathDemand demand;
  demand.at = kNow;
  demand.purpose = Purpose::kFirmware;
  CHECK(path({"signer_ec"}, {"maker_root"}, demand).fault == CertificateFault::kNone);
  CHECK(path({"signer_rsa"}, {"maker_root"}, demand).fault == CertificateFault::kNone);
  CHECK(path({"signer_for_servers"}, {"maker_root"}, demand).fault ==
        CertificateFault::kWrongUsage);
  CHECK(path({"signer_ec"}, {"root"}, demand).fault == CertificateFault::kMissingIssuer);
  demand.purpose = Purpose::kClient;
  CHECK(path({"server_for_clients"}, {"root"}, demand).fault == CertificateFault::kNone);
  CHECK(path({"server_by_root"}, {"root"}, demand).fault == CertificateFault::kWrongUsage);
}

TEST_CASE("the hashes of a root are those that RFC 6960 asks for") {
  const std::pair<const char*, const char*> cases[] = {
      {"root", "root"},
      {"rsa_root", "rsa_root"},
      {"root_serial_leading_bit", "root_serial_leading_bit"},
      {"root_successor", "root"}};
  for (const auto& [name, issuer_name] : cases) {
    const vectors::Bytes der = vectors::der(name);
    const vectors::Bytes issuer_der = vectors::der(issuer_name);
    security::Certificate root;
    security::Certificate issuer;
    REQUIRE(root.parse(vectors::span(der)) == CertificateFault::kNone);
    REQUIRE(issuer.parse(vectors::span(issuer_der)) == CertificateFault::kNone);
    security::Buffer stored;
    REQUIRE(stored.allocate(security::kHashesBytes));
    REQUIRE(security::append_hashes(root, issuer.key_bits(), stored));
    for (const auto& [label, algorithm] : {std::pair{"sha256", security::HashAlgorithm::kSha256},
                                           std::pair{"sha384", security::HashAlgorithm::kSha384},
                                           std::pair{"sha512", security::HashAlgorithm::kSha512}}) {
      security::CertificateHash hash;
      security::read_hash(stored.bytes(), algorithm, hash);
      const size_t size = security::hash_bytes(algorithm);
      const std::string place = std::string(name) + "." + label;
      CHECK(vectors::Bytes(hash.issuer_name, hash.issuer_name + size) ==
            vectors::bytes(place + ".issuer_name"));
      CHECK(vectors::Bytes(hash.issuer_key, hash.issuer_key + size) ==
            vectors::bytes(place + ".issuer_key"));
      CHECK(vectors::Bytes(hash.serial, hash.serial + hash.serial_size) ==
            vectors::bytes(std::string(name) + ".serial"));
    }
  }
}

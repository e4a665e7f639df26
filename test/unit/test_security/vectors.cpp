#include "vectors.hpp"

#include "doctest_main/doctest_main.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "security/pem_reader.hpp"
#include "security/private_key.hpp"

#include <cstring>
#include <fstream>
#include <map>
#include <mbedtls/base64.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>

namespace vectors {

namespace {

struct All {
  std::map<std::string, std::string> certificates;
  std::map<std::string, Bytes> bytes;
};

Bytes from_hex(const std::string& text) {
  Bytes result;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    result.push_back(static_cast<uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
  }
  return result;
}

All read_all() {
  // Whether the suite runs in the project's folder or elsewhere.
  std::ifstream file("test/vectors/security/certificates.txt");
  if (!file) {
    std::string here = __FILE__;
    here.resize(here.rfind('/'));
    file.open(here + "/../../vectors/security/certificates.txt");
  }
  REQUIRE(file.good());
  All all;
  std::string name;
  std::string line;
  bool is_inside = false;
  while (std::getline(file, line)) {
    const size_t equals = line.find(" = ");
    if (equals != std::string::npos) {
      all.bytes[line.substr(0, equals)] = from_hex(line.substr(equals + 3));
    } else if (is_inside || line.rfind("-----BEGIN", 0) == 0) {
      all.certificates[name] += line + '\n';
      is_inside = line.rfind("-----END", 0) != 0;
    } else {
      name = line;
    }
  }
  return all;
}

const All& all() {
  static const All content = read_all();
  return content;
}

}  // namespace

std::string pem(const std::string& name) {
  const auto found = all().certificates.find(name);
  REQUIRE_MESSAGE(found != all().certificates.end(), "no certificate " << name);
  return found->second;
}

std::string pems(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += pem(name);
  return text;
}

Bytes bytes(const std::string& name) {
  const auto found = all().bytes.find(name);
  REQUIRE_MESSAGE(found != all().bytes.end(), "no bytes " << name);
  return found->second;
}

Bytes der(const std::string& name) {
  const std::string text = pem(name);
  security::PlainPemText plain(common::TextSpan(text.data(), text.size()));
  security::CertificateList list;
  REQUIRE(list.read(plain, security::CertificateList::kMaxCertificateBytes) ==
          security::CertificateFault::kNone);
  return Bytes(list[0].begin(), list[0].end());
}

std::string base64(const Bytes& bytes) {
  unsigned char text[1024];
  size_t size = 0;
  REQUIRE(mbedtls_base64_encode(text, sizeof text, &size, bytes.data(), bytes.size()) == 0);
  return std::string(reinterpret_cast<const char*>(text), size);
}

common::ByteSpan span(const Bytes& bytes) { return common::ByteSpan(bytes.data(), bytes.size()); }

namespace {

struct Making {
  mbedtls_pk_context* subject_key;  ///< nullptr = that of the issuer.
  std::string subject;
  std::string from;
  std::string until;
  std::string serial;
  mbedtls_md_type_t md;
  bool is_ca;
};

/// Makes a certificate with the key of "root".
std::string make(const Making& making) {
  platform_sim::SimEntropy entropy(1);
  const Bytes key_der = bytes("root.key");
  mbedtls_pk_context key;
  mbedtls_pk_init(&key);
  REQUIRE(mbedtls_pk_parse_key(&key, key_der.data(), key_der.size(), nullptr, 0) == 0);
  mbedtls_mpi number;
  mbedtls_mpi_init(&number);
  REQUIRE(mbedtls_mpi_read_string(&number, 16, making.serial.c_str()) == 0);

  const std::string issuer = making.is_ca ? making.subject : "O=VEV,CN=TEST ROOT";
  mbedtls_x509write_cert certificate;
  mbedtls_x509write_crt_init(&certificate);
  mbedtls_x509write_crt_set_version(&certificate, MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(&certificate, making.md);
  mbedtls_x509write_crt_set_subject_key(&certificate,
                                        making.subject_key == nullptr ? &key : making.subject_key);
  mbedtls_x509write_crt_set_issuer_key(&certificate, &key);
  REQUIRE(mbedtls_x509write_crt_set_subject_name(&certificate, making.subject.c_str()) == 0);
  REQUIRE(mbedtls_x509write_crt_set_issuer_name(&certificate, issuer.c_str()) == 0);
  REQUIRE(mbedtls_x509write_crt_set_serial(&certificate, &number) == 0);
  REQUIRE(mbedtls_x509write_crt_set_validity(&certificate, making.from.c_str(),
                                             making.until.c_str()) == 0);
  REQUIRE(mbedtls_x509write_crt_set_basic_constraints(&certificate, making.is_ca ? 1 : 0, -1) == 0);
  unsigned char text[2048];
  REQUIRE(mbedtls_x509write_crt_pem(&certificate, text, sizeof text, security::random_bytes,
                                    &entropy) == 0);
  mbedtls_x509write_crt_free(&certificate);
  mbedtls_mpi_free(&number);
  mbedtls_pk_free(&key);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

std::string sign_request(const std::string& request_pem, const std::string& subject,
                         const std::string& from, const std::string& until,
                         const std::string& serial) {
  mbedtls_x509_csr request;
  mbedtls_x509_csr_init(&request);
  REQUIRE(mbedtls_x509_csr_parse(&request,
                                 reinterpret_cast<const unsigned char*>(request_pem.c_str()),
                                 request_pem.size() + 1) == 0);
  const std::string text =
      make({&request.pk, subject, from, until, serial, MBEDTLS_MD_SHA256, false});
  mbedtls_x509_csr_free(&request);
  return text;
}

std::string self_signed_with_sha1(const std::string& serial) {
  return make({nullptr, "O=VEV,CN=Old Root", "20260101000000", "20460101000000", serial,
               MBEDTLS_MD_SHA1, true});
}

void expect_word(const std::string& found, const char* expected, const char* file, int line) {
  if (found != expected) ADD_FAIL_CHECK_AT(file, line, (found + ", not " + expected));
}

}  // namespace vectors

#include "common/crc32.hpp"
#include "doctest_main/doctest_main.hpp"
#include "gateway/file_upload.hpp"
#include "platform_sim/sim_file_store.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using common::Status;
using Bytes = std::vector<uint8_t>;

namespace {

Bytes golden(const std::string& name) {
  const std::string file = __FILE__;
  const std::string here = file.substr(0, file.rfind('/'));
  for (const std::string& folder :
       {std::string("test/vectors/profiles/"), here + "/../../vectors/profiles/"}) {
    std::ifstream in(folder + name + ".vevp", std::ios::binary);
    if (in.good())
      return Bytes(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  FAIL("cannot read " << name);
  return {};
}

uint32_t crc(const Bytes& bytes) {
  return common::crc32(common::ByteSpan(bytes.data(), bytes.size()));
}

struct Fixture {
  Status begin(const std::string& name, const Bytes& content) {
    return upload.begin(common::text(name.c_str()), static_cast<uint32_t>(content.size()),
                        crc(content), error);
  }
  Status piece(const Bytes& content, size_t from, size_t size) {
    const auto begin = content.begin() + static_cast<std::ptrdiff_t>(from);
    const Bytes part(begin,
                     begin + static_cast<std::ptrdiff_t>(std::min(size, content.size() - from)));
    return upload.data(static_cast<uint32_t>(from), crc(part),
                       common::ByteSpan(part.data(), part.size()), error);
  }
  Status all(const std::string& name, const Bytes& content) {
    RETURN_IF_ERROR(begin(name, content));
    for (size_t at = 0; at < content.size(); at += 256) RETURN_IF_ERROR(piece(content, at, 256));
    return upload.end(error);
  }
  std::string sentence() const { return error.c_str(); }

  platform_sim::SimPower power;
  platform_sim::SimFileStore files{power};
  bridge::ProfileFiles profiles;
  gateway::FileUpload upload{files, profiles};
  gateway::FileUpload::Error error;
};

}  // namespace

TEST_CASE("a profile that comes in pieces is there, whole, and can be loaded") {
  Fixture fixture;
  const Bytes content = golden("heidelberg-energy-control");
  REQUIRE(fixture.all("box.vevp", content) == Status::kOk);
  CHECK(fixture.files.raw("box.vevp") == content);
  CHECK(fixture.upload.end(fixture.error) == Status::kOk);
  const char* why = "";
  CHECK(fixture.profiles.load(fixture.files, "box.vevp", why).ok());
  // Another one, while the first is in use: it may be checked in what room is left.
  CHECK(fixture.all("box.vevp", golden("eastron-sdm630")) == Status::kOk);
  CHECK(fixture.upload.remove(common::text("box.vevp"), fixture.error) == Status::kOk);
  CHECK_FALSE(fixture.files.exists("box.vevp"));
  CHECK(fixture.upload.remove(common::text("box.vevp"), fixture.error) == Status::kNotFound);
}

TEST_CASE("a piece that comes twice, overlaps or is damaged does no harm") {
  Fixture fixture;
  const Bytes content = golden("eastron-sdm630");
  REQUIRE(fixture.begin("meter.vevp", content) == Status::kOk);
  CHECK(fixture.piece(content, 0, 100) == Status::kOk);
  CHECK(fixture.piece(content, 0, 100) == Status::kOk);
  CHECK(fixture.upload.received() == 100);
  CHECK(fixture.piece(content, 200, 100) == Status::kInvalidArgument);
  CHECK(fixture.sentence() == "a piece is missing: go on at offset 100");
  const uint8_t wrong[] = {1, 2, 3};
  CHECK(fixture.upload.data(100, 0, wrong, fixture.error) == Status::kCorrupt);
  CHECK(fixture.piece(content, 50, 200) == Status::kOk);
  CHECK(fixture.upload.received() == 250);
  CHECK(fixture.upload.end(fixture.error) == Status::kInvalidArgument);
  CHECK(fixture.sentence() == "the end is missing: go on at offset 250");
  CHECK(fixture.piece(content, 250, 1000) == Status::kOk);
  CHECK(fixture.upload.end(fixture.error) == Status::kOk);
  CHECK(fixture.files.raw("meter.vevp") == content);
}

TEST_CASE("what is no profile never replaces one") {
  Fixture fixture;
  const Bytes content = golden("eastron-sdm630");
  REQUIRE(fixture.all("meter.vevp", content) == Status::kOk);
  Bytes other = content;
  other[40] ^= 1;
  CHECK(fixture.all("meter.vevp", other) == Status::kCorrupt);
  CHECK(fixture.sentence().find("this is no profile: ") == 0);
  CHECK(fixture.files.raw("meter.vevp") == content);

  REQUIRE(fixture.upload.begin(common::text("meter.vevp"), 3, 0x12345678, fixture.error) ==
          Status::kOk);
  CHECK(fixture.piece({1, 2, 3}, 0, 3) == Status::kOk);
  CHECK(fixture.upload.end(fixture.error) == Status::kCorrupt);
  CHECK(fixture.sentence() == "the checksum of the file is wrong: begin again");
  CHECK(fixture.files.raw("meter.vevp") == content);
}

TEST_CASE("names, sizes and orders that cannot be are refused with one sentence") {
  Fixture fixture;
  const Bytes content = golden("eastron-sdm630");
  for (const char* name : {"", ".vevp", "box", "transactions.log", "Box.vevp", "a/b.vevp", "..vevp",
                           "a-name-that-is-much-too-long.vevp"}) {
    CAPTURE(name);
    CHECK(fixture.begin(name, content) == Status::kInvalidArgument);
    CHECK(fixture.upload.remove(common::text(name), fixture.error) == Status::kInvalidArgument);
  }
  CHECK(fixture.begin("box.vevp", {}) == Status::kInvalidArgument);
  CHECK(fixture.begin("box.vevp", Bytes(8193)) == Status::kInvalidArgument);
  CHECK(fixture.sentence() == "a profile has 1 to 8192 bytes, not 8193");
  CHECK(fixture.piece(content, 0, 10) == Status::kInvalidState);
  CHECK(fixture.upload.end(fixture.error) == Status::kInvalidState);
  REQUIRE(fixture.begin("box.vevp", Bytes(20)) == Status::kOk);
  CHECK(fixture.piece(content, 0, 21) == Status::kInvalidArgument);
  CHECK(fixture.sentence() == "this is more than file begin told");
}

TEST_CASE("a file leaves room for the transactions, and a flash that errs is told") {
  Fixture fixture;
  const Bytes content = golden("eastron-sdm630");
  fixture.files.set_capacity(60 * 1024);
  CHECK(fixture.begin("box.vevp", content) == Status::kNoSpace);
  CHECK(fixture.sentence() == "the flash is needed for the transactions");
  fixture.files.set_capacity(200 * 1024);
  REQUIRE(fixture.begin("box.vevp", content) == Status::kOk);
  fixture.files.fail_next_append(Status::kIo, 7);
  CHECK(fixture.piece(content, 0, 100) == Status::kIo);
  CHECK(fixture.piece(content, 0, 100) == Status::kInvalidState);
  CHECK(fixture.all("box.vevp", content) == Status::kOk);
}

TEST_CASE("root certificates are taken whole, replaced whole, and refused with what is wrong") {
  Fixture fixture;
  const std::string root =
      "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\nQUJD+/==\n-----END CERTIFICATE-----\n";
  const auto bytes = [](const std::string& text) { return Bytes(text.begin(), text.end()); };
  const Bytes two = bytes("# the old one\r\n" + root + "# and its successor\n" + root);
  REQUIRE(fixture.all("csms.pem", two) == Status::kOk);
  CHECK(fixture.files.raw("csms.pem") == two);
  const std::string key = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
  for (const auto& [text, why] :
       {std::pair<std::string, std::string>{"nothing", "it has no certificate"},
        {root + key, "only certificates belong here, no keys"},
        {root + root.substr(0, 58), "the last certificate has no end"},
        {root.substr(0, 40) + root, "a certificate is damaged"},
        {root.substr(0, 28) + root, "a certificate begins within another"},
        {root.substr(0, 28) + root.substr(58), "a certificate is empty"},
        {std::string(200, 'x'), "a line is too long"}}) {
    CHECK(fixture.all("csms.pem", bytes(text)) == Status::kCorrupt);
    CHECK(fixture.sentence() == "these are no root certificates: " + why);
  }
  CHECK(fixture.files.raw("csms.pem") == two);
  CHECK(fixture.begin("csms.pem", Bytes(16 * 1024 + 1)) == Status::kInvalidArgument);
  CHECK(fixture.sentence() == "root certificates have 1 to 16384 bytes, not 16385");
  CHECK(fixture.upload.remove(common::text("csms.pem"), fixture.error) == Status::kOk);
}

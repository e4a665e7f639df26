#include "device.hpp"

#include <algorithm>
#include <functional>
#include <map>

using common::ByteSpan;
using common::Status;
using security::CertificateIndex;
using security::ItemKind;
using security::StoredItem;

namespace {

/// A step of the life of a device; the same every time, with the same random numbers.
using Step = std::function<void(Device&)>;

const std::vector<Step>& steps() {
  static const std::vector<Step> all = {
      [](Device& device) { device.install("root", true); },
      [](Device& device) { device.install_maker("maker_root"); },
      [](Device& device) { device.install("root_successor", true); },
      [](Device& device) { device.request(); },
      [](Device& device) {
        static const std::string certificate = vectors::sign_request(
            device.request_pem(), "CN=SN-0001,O=VEV", "20260101000000", "20270101000000");
        device.accept(certificate);
      },
      [](Device& device) {
        device.connect(device.judge("server_by_successor").root,
                       device.credentials->authority().client());
      },
      [](Device& device) { device.check_signer(vectors::pem("signer_ec")); },
      [](Device& device) {
        device.credentials->forget_signer();
        device.settle();
      },
      [](Device& device) {
        (void)device.credentials->remove_root(device.hash(0));
        device.settle();
      },
  };
  return all;
}

std::string hex(const vectors::Bytes& bytes) {
  std::string text;
  for (const uint8_t byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

/// Everything that can be asked of the credentials, and what lies on flash.
std::string state_of(Device& device) {
  std::string text;
  for (const security::RootUse use :
       {security::RootUse::kCentralSystem, security::RootUse::kManufacturer}) {
    for (size_t i = 0; i < device.credentials->root_count(use); ++i) {
      security::CertificateHash hash;
      const Status status =
          device.credentials->root_hash(use, i, security::HashAlgorithm::kSha256, hash);
      text += std::string(common::to_string(status)) + std::to_string(hash.serial[0]) + ' ';
    }
    text += '|';
  }
  const uint32_t client = device.credentials->authority().client();
  uint8_t room[2000];
  text += std::to_string(client) + ' ' +
          std::to_string(
              device.credentials->authority().client_certificate(client, 0, room).value_or(0));
  text += device.request_pem().substr(0, 200);
  text += device.credentials->has_signer() ? " signer" : " no signer";
  text += " keys " + std::to_string(device.keys.count());
  for (uint8_t file = 0; file < security::kItemFiles; ++file) {
    text += device.files.exists(security::ItemFileName(file).text) ? 'f' : '-';
  }
  return text;
}

std::vector<std::string> file_names() {
  std::vector<std::string> names = {"certs.idx", "certs.bak", "certs.new"};
  for (uint8_t file = 0; file < security::kItemFiles; ++file)
    names.emplace_back(security::ItemFileName(file).text);
  return names;
}

/// Everything that lies on flash, by the name of the file or key.
using Flash = std::map<std::string, vectors::Bytes>;

Flash flash_of(Device& device) {
  Flash flash;
  for (const std::string& name : file_names()) {
    if (device.files.exists(name)) flash[name] = device.files.raw(name);
  }
  for (uint8_t slot = 1; slot <= security::kKeySlots; ++slot) {
    const security::KeyName name(slot);
    uint8_t key[400];
    const common::Result<size_t> size = device.keys.get(name.text, key);
    if (size.ok()) flash[std::string("key ") + name.text] = vectors::Bytes(key, key + size.value());
  }
  return flash;
}

void put_flash(const Flash& flash, Device& device) {
  for (const auto& [name, bytes] : flash) {
    if (name.rfind("key ", 0) == 0) {
      REQUIRE(device.keys.set(name.c_str() + 4, vectors::span(bytes)) == Status::kOk);
    } else {
      device.files.raw(name) = bytes;
    }
  }
}

/// What the next start finds on this flash.
std::string state_on(const Flash& flash) {
  Device device;
  put_flash(flash, device);
  REQUIRE(device.restart() == Status::kOk);
  return state_of(device);
}

/// Flash before each operation of a step, and at its end.
std::vector<Flash> run_step(const Flash& before, size_t step) {
  Device device;
  put_flash(before, device);
  REQUIRE(device.restart() == Status::kOk);
  std::vector<Flash> found;
  device.power.set_observer([&] { found.push_back(flash_of(device)); });
  steps()[step](device);
  device.power.set_observer(nullptr);
  found.push_back(flash_of(device));
  return found;
}

}  // namespace

TEST_CASE("a power cut at any byte of the files leaves the store as it was, or as it should be") {
  CertificateIndex before;
  CertificateIndex after;
  vectors::Bytes old_content(300, 1);
  vectors::Bytes new_content(400, 2);
  const auto write = [&](platform_sim::SimFileStore& files) {
    StoredItem item;
    item.id = 2;
    item.kind = ItemKind::kManufacturerRoot;
    item.file = before.free_file();
    Status status = security::write_item(files, item, vectors::span(new_content));
    after = before;
    after.items.clear();
    REQUIRE(after.items.push_back(item) == Status::kOk);
    if (status == Status::kOk) status = security::write_index(files, after);
    return status;
  };
  uint64_t bytes = UINT64_MAX;
  for (uint64_t cut = 0; cut <= bytes; ++cut) {
    platform_sim::SimPower power;
    platform_sim::SimFileStore files(power);
    files.set_torn(cut % 2 == 0 ? platform_sim::SimFileStore::Torn::kPrefix
                                : platform_sim::SimFileStore::Torn::kGarbage);
    StoredItem item;
    item.id = 1;
    before.items.clear();
    REQUIRE(security::write_item(files, item, vectors::span(old_content)) == Status::kOk);
    REQUIRE(before.items.push_back(item) == Status::kOk);
    REQUIRE(security::write_index(files, before) == Status::kOk);
    const uint64_t begin = power.bytes_written();
    power.cut_after_bytes(begin + cut);
    const bool is_reported = write(files) == Status::kOk;
    if (cut == 0) REQUIRE_FALSE(is_reported);
    power.restore();
    if (is_reported && cut > 0 && bytes == UINT64_MAX && power.bytes_written() - begin < cut) {
      bytes = cut;
    }
    CertificateIndex found;
    security::Buffer content;
    REQUIRE(security::read_index(files, found) == Status::kOk);
    REQUIRE(found.items.size() == 1);
    REQUIRE(security::read_item(files, found.items[0], content) == Status::kOk);
    const bool is_new = found.items[0].id == 2;
    const vectors::Bytes& expected = is_new ? new_content : old_content;
    REQUIRE(vectors::Bytes(content.bytes().begin(), content.bytes().end()) == expected);
    if (is_reported) REQUIRE(is_new);
  }
}

TEST_CASE("the index keeps its form, and fields that a later version appends are skipped") {
  // Made by the first version: two items, next id 9.
  const std::string golden =
      "01021e00090000000100000001000300f4010403020100a8da769b01000000e4"
      "716a2e0200000800000003010402f4010403020100a8da769b01000000e4716a"
      "2e02000019716857";
  // As some later version may write it: two more bytes per item.
  const std::string longer =
      "01022000090000000100000001000300f4010403020100a8da769b01000000e4"
      "716a2e020000aabb0800000003010402f4010403020100a8da769b01000000e4"
      "716a2e020000ccddcd8efa33";
  Device device;
  CertificateIndex index;
  StoredItem root;
  root.id = 1;
  root.file = 3;
  root.size = 500;
  root.crc = 0x01020304;
  root.from = common::UtcTime{1767225600000};
  root.until = common::UtcTime{2398377600000};
  StoredItem client = root;
  client.id = 8;
  client.kind = ItemKind::kClient;
  client.flags = security::kOnTrial;
  client.file = 4;
  client.key = 2;
  index.next_id = 9;
  REQUIRE(index.items.push_back(root) == Status::kOk);
  REQUIRE(index.items.push_back(client) == Status::kOk);
  REQUIRE(security::write_index(device.files, index) == Status::kOk);
  CHECK(hex(device.files.raw("certs.idx")) == golden);

  vectors::Bytes& image = device.files.raw("certs.idx");
  image.clear();
  for (size_t i = 0; i < longer.size(); i += 2) {
    image.push_back(static_cast<uint8_t>(std::stoul(longer.substr(i, 2), nullptr, 16)));
  }
  CertificateIndex found;
  REQUIRE(security::read_index(device.files, found) == Status::kOk);
  REQUIRE(found.items.size() == 2);
  CHECK(found.next_id == 9);
  CHECK(found.items[1].id == 8);
  CHECK(found.items[1].kind == ItemKind::kClient);
  CHECK(found.items[1].flags == security::kOnTrial);
  CHECK(found.items[1].key == 2);
  CHECK(found.items[1].until == client.until);
}

TEST_CASE("either copy of the index serves when the other is damaged, and damage is noticed") {
  Device device;
  device.install("root");
  for (const char* name : {"certs.idx", "certs.bak"}) {
    for (size_t offset = 0; offset < device.files.raw(name).size(); ++offset) {
      device.files.flip_bit(name, offset, offset % 8);
      REQUIRE(device.restart() == Status::kOk);
      CHECK(device.roots() == 1);
      device.files.flip_bit(name, offset, offset % 8);
    }
  }
  device.files.flip_bit("certs.idx", 5, 1);
  CHECK(device.judge("server_by_root").fault == security::CertificateFault::kNone);
  REQUIRE(device.files.remove("certs.bak") == Status::kOk);
  REQUIRE(device.restart() == Status::kOk);
  CHECK(device.roots() == 0);
}

TEST_CASE("a damaged certificate is not trusted, and the others are") {
  Device device;
  device.install("root");
  device.install("foreign_root");
  device.files.flip_bit("cert00", 400, 3);
  CHECK(device.judge("server_by_root").fault == security::CertificateFault::kMissingIssuer);
  CHECK(device.judge("server_foreign").fault == security::CertificateFault::kNone);
}

TEST_CASE(
    "a power cut at any byte of any change leaves the old certificates and keys or the new ones") {
  Flash flash;
  size_t cuts = 0;
  for (size_t step = 0; step < steps().size(); ++step) {
    CAPTURE(step);
    const std::vector<Flash> moments = run_step(flash, step);
    const std::string before = state_on(flash);
    const std::string after = state_on(moments.back());
    CHECK(after != before);
    const auto check = [&](const Flash& cut) {
      const std::string state = state_on(cut);
      ++cuts;
      REQUIRE_MESSAGE((state == before || state == after), "cut " << cuts);
    };
    for (size_t i = 0; i < moments.size(); ++i) {
      check(moments[i]);
      if (i + 1 == moments.size()) break;
      for (const auto& [name, whole] : moments[i + 1]) {
        const auto old = moments[i].find(name);
        const size_t begin = old == moments[i].end() ? 0 : old->second.size();
        // A key is written as a whole, or not at all: that is what stores of values promise.
        if (whole.size() <= begin || name.rfind("key ", 0) == 0) continue;
        if (begin > 0 && !std::equal(old->second.begin(), old->second.end(), whole.begin()))
          continue;
        if (moments[i].size() > moments[i + 1].size()) continue;  // a file got another name
        Flash torn = moments[i];
        for (size_t size = begin + 1; size < whole.size(); ++size) {
          torn[name].assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
          check(torn);
        }
      }
    }
    flash = moments.back();
  }
  CHECK(cuts > 5000);
}

TEST_CASE("a change of certificates and keys writes once in a turn") {
  Device device;
  for (const Step& step : steps()) step(device);
  // The key of a request that was not answered, and a client certificate that takes the place of another.
  EXPECT_WORD(device.install("root"), "accepted");
  for (int round = 0; round < 2; ++round) {
    EXPECT_WORD(device.request(), "accepted");
    EXPECT_WORD(device.renew(), "accepted");
    device.connect(0, device.credentials->authority().client());
  }
  CHECK(device.most_operations == 1);
  CHECK(device.most_accesses == 2);
  // The answer of DeleteCertificate does not wait for the copy of the index.
  const uint64_t before = device.power.operations();
  CHECK(device.credentials->remove_root(device.hash(0)) == security::DeleteResult::kAccepted);
  CHECK(device.power.operations() - before == 2);
}

TEST_CASE("when flash does not answer nothing is lost, and the result says so") {
  Device device;
  device.install("root");
  for (uint64_t access = 0; access < 60; ++access) {
    device.power.fail_accesses(device.power.accesses() + access, 1);
    const std::string word = device.install("rsa_root");
    device.power.fail_accesses(UINT64_MAX, 0);
    CHECK_MESSAGE((word == "accepted" || word == "failed" || word == "rejected malformed"), word);
    const size_t count = device.roots();
    CHECK(count == (word == "accepted" ? 2 : count));
    REQUIRE(device.restart() == Status::kOk);
    CHECK(device.roots() == count);
    if (count == 2)
      CHECK(device.credentials->remove_root(device.hash(1)) != security::DeleteResult::kNotFound);
  }
}

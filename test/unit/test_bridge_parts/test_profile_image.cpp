#include "bridge/profile_check.hpp"
#include "bridge/profile_files.hpp"
#include "bridge/profile_image.hpp"
#include "common/crc32.hpp"
#include "doctest_main/doctest_main.hpp"
#include "platform_sim/sim_file_store.hpp"

#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

using common::Status;

namespace {

std::vector<uint8_t> golden(const std::string& name) {
  const std::string file = __FILE__;
  const std::string here = file.substr(0, file.rfind('/'));
  for (const std::string& folder :
       {std::string("test/vectors/profiles/"), here + "/../../vectors/profiles/"}) {
    std::ifstream in(folder + name + ".vevp", std::ios::binary);
    if (in.good())
      return std::vector<uint8_t>(std::istreambuf_iterator<char>(in),
                                  std::istreambuf_iterator<char>());
  }
  FAIL("cannot read " << name);
  return {};
}

struct Loader {
  Status load(const std::vector<uint8_t>& image) {
    return bridge::load_profile(common::ByteSpan(image.data(), image.size()),
                                common::MutableByteSpan(arena.data(), arena.size()), profile, why);
  }
  std::vector<uint8_t> arena = std::vector<uint8_t>(16384);
  bridge::Profile profile;
  const char* why = "";
};

void seal(std::vector<uint8_t>& image) {
  const uint32_t crc = common::crc32(common::ByteSpan(image.data() + 16, image.size() - 16));
  for (size_t i = 0; i < 4; ++i) image[12 + i] = static_cast<uint8_t>(crc >> (8 * i));
  const size_t size = image.size() - 16;
  for (size_t i = 0; i < 4; ++i) image[8 + i] = static_cast<uint8_t>(size >> (8 * i));
}

}  // namespace

TEST_CASE("a loaded profile is the same as the one built in") {
  for (const char* name :
       {"heidelberg-energy-control", "mennekes-amtron-compact-2", "abl-emh1", "eastron-sdm630"}) {
    CAPTURE(name);
    Loader loader;
    const Status status = loader.load(golden(name));
    CAPTURE(loader.why);
    REQUIRE(status == Status::kOk);
    const bridge::Profile* built = bridge::find_charger_profile(name);
    REQUIRE(built != nullptr);
    const bridge::Profile& loaded = loader.profile;
    CHECK(std::string(loaded.name) == name);
    CHECK(std::string(loaded.description) == built->description);
    CHECK(loaded.is_meter == built->is_meter);
    CHECK(loaded.serial.baud == built->serial.baud);
    CHECK(loaded.max_read_registers == built->max_read_registers);
    REQUIRE(loaded.registers.size() == built->registers.size());
    for (size_t i = 0; i < loaded.registers.size(); ++i) {
      CHECK(loaded.registers[i].address == built->registers[i].address);
      CHECK(loaded.registers[i].flags == built->registers[i].flags);
      CHECK(loaded.registers[i].mask == built->registers[i].mask);
      CHECK(loaded.registers[i].scale_num == built->registers[i].scale_num);
      CHECK(loaded.registers[i].scale_den == built->registers[i].scale_den);
    }
    REQUIRE(loaded.states.size() == built->states.size());
    for (size_t i = 0; i < loaded.states.size(); ++i) {
      CHECK(loaded.states[i].row.pilot == built->states[i].row.pilot);
      CHECK(loaded.states[i].row.error == built->states[i].row.error);
      CHECK(std::string(loaded.states[i].row.info) == built->states[i].row.info);
    }
    CHECK(loaded.conditions.size() == built->conditions.size());
    CHECK(loaded.extras.size() == built->extras.size());
    CHECK(loaded.steps.size() == built->steps.size());
    CHECK(loaded.init.size() == built->init.size());
    CHECK(loaded.control.max_ma == built->control.max_ma);
    CHECK(loaded.control.off_raw == built->control.off_raw);
    CHECK(loaded.watchdog.kind == built->watchdog.kind);
    CHECK(loaded.watchdog.restart_register == built->watchdog.restart_register);
  }
}

TEST_CASE("every profile built in passes the check of those that are loaded") {
  for (const bridge::Profile* profile : bridge::charger_profiles()) {
    CAPTURE(profile->name);
    const char* why = bridge::check_profile(*profile);
    CHECK_MESSAGE(why == nullptr, why);
  }
}

TEST_CASE("what is cut, damaged, of another version or too large is refused with a sentence") {
  const std::vector<uint8_t> image = golden("heidelberg-energy-control");
  Loader loader;
  for (size_t size = 0; size < image.size(); ++size) {
    CHECK(loader.load(std::vector<uint8_t>(
              image.begin(), image.begin() + static_cast<long>(size))) != Status::kOk);
  }
  for (size_t at = 16; at < image.size(); at += 7) {
    std::vector<uint8_t> damaged = image;
    damaged[at] ^= 0x10;
    CHECK(loader.load(damaged) == Status::kCorrupt);
    CHECK(std::string(loader.why) == "it is damaged");
  }
  std::vector<uint8_t> other = image;
  other[4] = 1;
  CHECK(loader.load(other) == Status::kCorrupt);
  CHECK(std::string(loader.why) == "it is of another version of the format");
  loader.arena.resize(500);
  CHECK(loader.load(image) == Status::kNoSpace);
  CHECK(std::string(loader.why) == "it is too large");
}

TEST_CASE("an image whose checksum is right but whose content is not leads nowhere") {
  std::mt19937 random(1);
  size_t accepted = 0;
  for (const char* name : {"mennekes-amtron-compact-2", "abl-emh1", "eastron-sdm630"}) {
    const std::vector<uint8_t> image = golden(name);
    for (int i = 0; i < 3000; ++i) {
      std::vector<uint8_t> changed = image;
      const size_t changes = 1 + random() % 3;
      for (size_t j = 0; j < changes; ++j)
        changed[16 + random() % (changed.size() - 16)] = static_cast<uint8_t>(random());
      if (random() % 8 == 0) changed.resize(16 + random() % (changed.size() - 16));
      seal(changed);
      Loader loader;
      if (loader.load(changed) != Status::kOk) {
        CHECK(loader.why != nullptr);
        CHECK(loader.why[0] != 0);
        continue;
      }
      ++accepted;
      const bridge::Profile& profile = loader.profile;
      for (const bridge::RegisterRow& row : profile.registers) CHECK(row.scale_den > 0);
      for (const bridge::StateRule& rule : profile.states) {
        CHECK(rule.when.first + size_t{rule.when.count} <= profile.conditions.size());
        CHECK(std::strlen(rule.row.info) < 256);
      }
    }
  }
  CHECK(accepted > 100);
}

TEST_CASE("profiles are loaded from files once each, and mistakes are one sentence") {
  platform_sim::SimPower power;
  platform_sim::SimFileStore files(power);
  const auto put = [&](const char* name, const std::vector<uint8_t>& bytes) {
    REQUIRE(files.append(name, common::ByteSpan(bytes.data(), bytes.size())) == Status::kOk);
  };
  put("box.vevp", golden("heidelberg-energy-control"));
  put("meter.vevp", golden("eastron-sdm630"));
  put("bad.vevp", {1, 2, 3});
  bridge::ProfileFiles profiles;
  const char* why = "";
  const auto first = profiles.load(files, "box.vevp", why);
  CAPTURE(why);
  REQUIRE(first.ok());
  CHECK(std::string(first.value()->name) == "heidelberg-energy-control");
  const auto meter = profiles.load(files, "meter.vevp", why);
  REQUIRE(meter.ok());
  CHECK(meter.value()->is_meter);
  CHECK(profiles.load(files, "box.vevp", why).value() == first.value());
  CHECK(std::string(first.value()->states[0].row.info) == "the charger is starting");
  CHECK(profiles.load(files, "bad.vevp", why).status() == Status::kCorrupt);
  CHECK(std::string(why) == "it is not a profile file");
  CHECK(profiles.load(files, "none.vevp", why).status() == Status::kNotFound);
  CHECK(std::string(why) == "there is no such file");
  CHECK(std::string(bridge::ProfileFiles::file_name("file:box.vevp")) == "box.vevp");
  CHECK(bridge::ProfileFiles::file_name("heidelberg-energy-control") == nullptr);
}

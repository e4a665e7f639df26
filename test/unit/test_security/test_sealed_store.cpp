#include "doctest_main/doctest_main.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_key_value_store.hpp"
#include "security/sealed_key_value_store.hpp"

#include <string>

using common::ByteSpan;
using common::MutableByteSpan;
using common::Result;
using common::Status;
using security::SealedKeyValueStore;

namespace {

constexpr uint8_t kKey[SealedKeyValueStore::kDeviceKeyBytes] = {1, 2, 3};
constexpr uint8_t kOtherKey[SealedKeyValueStore::kDeviceKeyBytes] = {3, 2, 1};

ByteSpan bytes(const std::string& text) {
  return ByteSpan(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

std::string value_of(platform::KeyValueStore& store, const char* key) {
  uint8_t buffer[platform::KeyValueStore::kMaxValueBytes] = {};
  const Result<size_t> size = store.get(key, MutableByteSpan(buffer, sizeof buffer));
  if (!size.ok()) return std::string("(") + common::to_string(size.status()) + ")";
  return std::string(reinterpret_cast<const char*>(buffer), size.value());
}

struct World {
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore flash{power};
  platform_sim::SimEntropy entropy{1};
  SealedKeyValueStore::Scratch scratch;
  SealedKeyValueStore store{flash, entropy, scratch, "settings"};

  World() { REQUIRE(store.use_key(ByteSpan(kKey, sizeof kKey)) == Status::kOk); }
};

}  // namespace

TEST_CASE("a sealed value is read back and does not stand in the flash") {
  World w;
  REQUIRE(w.store.set("wifi_password", bytes("correct horse")) == Status::kOk);
  CHECK(value_of(w.store, "wifi_password") == "correct horse");
  const std::string flash = value_of(w.flash, "wifi_password");
  CHECK(flash.size() == 13 + SealedKeyValueStore::kOverheadBytes);
  CHECK(flash.find("horse") == std::string::npos);
}

TEST_CASE("empty and binary values and the longest one survive sealing") {
  World w;
  const std::string longest(
      platform::KeyValueStore::kMaxValueBytes - SealedKeyValueStore::kOverheadBytes, '\x9C');
  for (const std::string& value : {std::string(), std::string("\0\xFF\0", 3), longest}) {
    REQUIRE(w.store.set("key", bytes(value)) == Status::kOk);
    CHECK(value_of(w.store, "key") == value);
  }
  CHECK(w.store.set("key", bytes(longest + "x")) == Status::kNoSpace);
  CHECK(value_of(w.store, "key") == longest);
}

TEST_CASE("the same value costs no write, another one does") {
  World w;
  REQUIRE(w.store.set("key", bytes("one")) == Status::kOk);
  const uint64_t writes = w.flash.writes();
  REQUIRE(w.store.set("key", bytes("one")) == Status::kOk);
  CHECK(w.flash.writes() == writes);
  REQUIRE(w.store.set("key", bytes("two")) == Status::kOk);
  CHECK(w.flash.writes() == writes + 1);
  CHECK(value_of(w.store, "key") == "two");
}

TEST_CASE("a value is corrupt after any changed byte, under another name, key or store") {
  World w;
  REQUIRE(w.store.set("key", bytes("secret")) == Status::kOk);
  const std::string sealed = value_of(w.flash, "key");
  // The first four bytes tell that it is sealed: without them it is an old value.
  for (size_t at = 4; at < sealed.size(); ++at) {
    std::string changed = sealed;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    REQUIRE(w.flash.set("key", bytes(changed)) == Status::kOk);
    CHECK(value_of(w.store, "key") == "(corrupt)");
  }
  REQUIRE(w.flash.set("moved", bytes(sealed)) == Status::kOk);
  CHECK(value_of(w.store, "moved") == "(corrupt)");

  REQUIRE(w.flash.set("key", bytes(sealed)) == Status::kOk);
  SealedKeyValueStore other_store(w.flash, w.entropy, w.scratch, "ocpp");
  REQUIRE(other_store.use_key(ByteSpan(kKey, sizeof kKey)) == Status::kOk);
  CHECK(value_of(other_store, "key") == "(corrupt)");
  SealedKeyValueStore other_device(w.flash, w.entropy, w.scratch, "settings");
  REQUIRE(other_device.use_key(ByteSpan(kOtherKey, sizeof kOtherKey)) == Status::kOk);
  CHECK(value_of(other_device, "key") == "(corrupt)");
  // It can be given a new value all the same.
  REQUIRE(other_device.set("key", bytes("new")) == Status::kOk);
  CHECK(value_of(other_device, "key") == "new");
}

TEST_CASE("what was stored before the device had a key is read and sealed at that occasion") {
  World w;
  REQUIRE(w.flash.set("old", bytes("before")) == Status::kOk);
  CHECK(value_of(w.store, "old") == "before");
  CHECK(value_of(w.flash, "old").find("before") == std::string::npos);
  CHECK(value_of(w.store, "old") == "before");
  // A full flash does not keep it from being read.
  REQUIRE(w.flash.set("old2", bytes("before")) == Status::kOk);
  w.flash.fail_next_set(Status::kNoSpace);
  CHECK(value_of(w.store, "old2") == "before");
}

TEST_CASE("a buffer that is too small tells so and changes nothing") {
  World w;
  REQUIRE(w.store.set("key", bytes("secret")) == Status::kOk);
  REQUIRE(w.flash.set("old", bytes("secret")) == Status::kOk);
  uint8_t small[3] = {};
  for (const char* key : {"key", "old"}) {
    CHECK(w.store.get(key, MutableByteSpan(small, sizeof small)).status() == Status::kNoSpace);
    CHECK(value_of(w.store, key) == "secret");
  }
}

TEST_CASE("without a device key values are stored as they are") {
  platform_sim::SimPower power;
  platform_sim::SimKeyValueStore flash{power};
  platform_sim::SimEntropy entropy{1};
  SealedKeyValueStore::Scratch scratch;
  SealedKeyValueStore store(flash, entropy, scratch, "settings");
  CHECK(store.use_key(ByteSpan(kKey, 31)) == Status::kInvalidArgument);
  CHECK_FALSE(store.has_key());
  REQUIRE(store.set("key", bytes("plain")) == Status::kOk);
  CHECK(value_of(flash, "key") == "plain");
  CHECK(value_of(store, "key") == "plain");
}

#include "device.hpp"
#include "gateway/factory_reset.hpp"
#include "platform_sim/sim_device.hpp"

#include <cstring>

using common::Status;

namespace {

/// All that a gateway stores, on sims that show what their flash holds.
struct Flash final : gateway::FactoryReset::Places {
  Device device;
  platform_sim::SimKeyValueStore settings{device.power};
  platform_sim::SimKeyValueStore ocpp{device.power};
  platform_sim::SimKeyValueStore registers{device.power};
  platform_sim::SimKeyValueStore crashes{device.power};
  platform_sim::SimKeyValueStore boot{device.power};
  platform_sim::SimDevice board;
  gateway::FactoryReset reset{{*this, device.files, crashes, boot, board, device.log}};

  Status erase_stores() override {
    for (platform_sim::SimKeyValueStore* store :
         {&settings, &ocpp, &device.keys, &registers, &crashes, &boot})
      RETURN_IF_ERROR(store->erase_all());
    return Status::kOk;
  }
  Status erase_files() override { return device.files.erase_all(); }

  static void put(platform_sim::SimKeyValueStore& store, const char* key, const char* value) {
    REQUIRE(store.set(key, common::as_bytes(common::text(value))) == Status::kOk);
  }
  void file(const char* name, const std::string& content) {
    device.files.raw(name).assign(content.begin(), content.end());
  }

  /// @param has_certificate  With a client certificate; making its key takes time.
  explicit Flash(bool has_certificate = true) {
    put(settings, "wifi_password", "TOPSECRET-wifi");
    put(settings, "console_lock", "TOPSECRET-console");
    put(settings, "identity", "TOPSECRET-name");
    put(ocpp, "auth_key", "TOPSECRET-key");
    put(ocpp, "seclog", "TOPSECRET-log-state");
    put(registers, "c1", "TOPSECRET-energy");
    put(crashes, "crashes", "TOPSECRET-crashes");
    put(crashes, "wear", "wear of the flash");
    put(boot, "boot", "installed=2.0.0");
    REQUIRE(device.install("root") == "accepted");
    REQUIRE(device.install_maker("maker_root") == "accepted");
    if (has_certificate) {
      REQUIRE(device.renew() == "accepted");
    } else {
      put(device.keys, "key1", "TOPSECRET-key");
    }
    for (const char* name : {"transactions.log", "transactions.log.new", "local_list.bin",
                             "auth_cache.bin", "security.log", "box.vevp", "roots.pem", "mo-index"})
      file(name, "TOPSECRET in " + std::string(name));
    platform::CrashSummary crash;
    crash.dump_bytes = 64;
    board.set_crash(crash);
  }

  /// Everything on flash in one string.
  std::string image() const {
    std::string all;
    for (const auto& [name, content] : device.files.all())
      all += name + '\n' + std::string(content.begin(), content.end()) + '\n';
    for (const platform_sim::SimKeyValueStore* store :
         {&settings, &ocpp, &device.keys, &registers, &crashes, &boot}) {
      for (const auto& [key, value] : store->all())
        all += key + '\n' + std::string(value.begin(), value.end()) + '\n';
    }
    return all;
  }
  size_t maker_roots() const {
    return device.credentials->root_count(security::RootUse::kManufacturer);
  }

  /// A start of the gateway. @return Whether the power held.
  bool start() {
    device.power.restore();
    return boot_up();
  }
  bool boot_up() {
    reset.~FactoryReset();
    new (&reset) gateway::FactoryReset({*this, device.files, crashes, boot, board, device.log});
    return reset.finish() == Status::kOk && device.restart() == Status::kOk;
  }

  void check_erased() {
    const std::string all = image();
    for (const char* trace : {"TOPSECRET", "wifi_password", "console_lock", "transactions.log"}) {
      CAPTURE(trace);
      CHECK(all.find(trace) == std::string::npos);
    }
    CHECK(device.keys.all().empty());
    CHECK(settings.all().empty());
    CHECK(ocpp.all().empty());
    CHECK(registers.all().empty());
    CHECK(device.roots() == 0);
    CHECK(maker_roots() == 1);
    CHECK(device.credentials->authority().client() == 0);
    CHECK_FALSE(board.crash(*std::make_unique<platform::CrashSummary>()));
    CHECK(all.find("wear of the flash") != std::string::npos);
    CHECK(all.find("installed=2.0.0") != std::string::npos);
  }
};

}  // namespace

TEST_CASE(
    "a factory reset leaves no secret and no tag on flash, and keeps the manufacturer's root") {
  Flash flash;
  const vectors::Bytes server_root = vectors::der("root");
  const std::string der(server_root.begin(), server_root.end());
  REQUIRE(flash.image().find(der) != std::string::npos);

  // Without a request nothing happens.
  REQUIRE(flash.start());
  CHECK_FALSE(flash.reset.was_reset());
  CHECK(flash.image().find("TOPSECRET-wifi") != std::string::npos);

  REQUIRE(flash.reset.request() == Status::kOk);
  CHECK(flash.image().find("TOPSECRET-wifi") != std::string::npos);
  REQUIRE(flash.start());
  CHECK(flash.reset.was_reset());
  flash.check_erased();
  CHECK(flash.image().find(der) == std::string::npos);

  // It is told until somebody has noted it, over restarts; then nothing of it is left.
  REQUIRE(flash.start());
  CHECK(flash.reset.was_reset());
  flash.reset.acknowledge();
  CHECK_FALSE(flash.reset.was_reset());
  CHECK(flash.crashes.count() == 1);  // the wear
  REQUIRE(flash.start());
  CHECK_FALSE(flash.reset.was_reset());
  flash.check_erased();
}

TEST_CASE("a factory reset that lost power at any operation is finished by the next start") {
  uint64_t first = 0;
  uint64_t last = 0;
  {
    Flash flash(false);
    first = flash.device.power.operations();
    REQUIRE(flash.reset.request() == Status::kOk);
    REQUIRE(flash.start());
    flash.reset.acknowledge();
    last = flash.device.power.operations();
  }
  REQUIRE(last > first + 20);
  for (uint64_t operation = first; operation < last; ++operation) {
    for (const bool is_done : {false, true}) {
      CAPTURE(operation);
      CAPTURE(is_done);
      Flash flash(false);
      flash.device.power.cut_at_operation(operation, is_done);
      const bool is_accepted = flash.reset.request() == Status::kOk;
      if (is_accepted && flash.boot_up()) flash.reset.acknowledge();
      REQUIRE(flash.start());
      // Cut while it was asked for: all or nothing.
      if (!is_accepted && !flash.reset.was_reset()) {
        CHECK(flash.image().find("TOPSECRET-wifi") != std::string::npos);
        CHECK(flash.device.roots() == 1);
        continue;
      }
      flash.check_erased();
      flash.reset.acknowledge();
      REQUIRE(flash.start());
      flash.check_erased();
      CHECK_FALSE(flash.reset.was_reset());
    }
  }
}

TEST_CASE("where there is no room for copies of all manufacturer's roots the newest are kept") {
  Flash flash;
  REQUIRE(flash.crashes.erase("wear") == Status::kOk);
  REQUIRE(flash.boot.erase("boot") == Status::kOk);
  REQUIRE(flash.device.install(vectors::pem("root"), security::RootUse::kManufacturer) ==
          "accepted");
  REQUIRE(flash.reset.request() == Status::kOk);
  flash.crashes.fail_next_set(Status::kNoSpace);
  REQUIRE(flash.start());
  CHECK(flash.reset.was_reset());
  CHECK(flash.maker_roots() == 1);
  security::CertificateHash kept;
  REQUIRE(flash.device.credentials->root_hash(security::RootUse::kManufacturer, 0,
                                              security::HashAlgorithm::kSha256,
                                              kept) == Status::kOk);
  REQUIRE(flash.device.install("root") == "accepted");
  CHECK(std::memcmp(kept.issuer_key, flash.device.hash(0).issuer_key, 32) == 0);
}

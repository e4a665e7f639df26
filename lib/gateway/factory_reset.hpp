#pragma once

#include "common/fixed_string.hpp"
#include "common/log.hpp"
#include "common/time.hpp"
#include "platform/device.hpp"
#include "platform/file_store.hpp"
#include "platform/key_value_store.hpp"

namespace gateway {

class OcppEngine;

/// Back to the state of delivery: every secret and everything about people is erased. request() writes a mark and the
/// application restarts; finish() does the work at the next start, before anything reads what is stored, so that a power
/// cut at any time is made good by the start after it.
///
///     request()  file "factory.rst": the mark, and what is kept of the stores
///     finish()   stores erased -> kept values and copies of the manufacturer's roots stored, key "reset" = 2
///                -> files erased, roots restored, key "reset" = 3
///     acknowledge()  once the security log says it: copies and key "reset" go
///
/// Kept: the manufacturer's root certificates (without them it would take unsigned firmware), the firmware and what its
/// start needs to know, the wear of the flash; the device key is in the chip.
///
/// File: version u8 = 1, then index of the value u8, size u8, bytes.
/// @par Context  Loop thread; finish() blocks for the time of the erasure (up to 10 s).
class FactoryReset {
 public:
  /// The flash of one platform.
  class Places {
   public:
    virtual ~Places() = default;
    /// Erases all key-value stores, old values that still lie in flash included, and opens them anew.
    virtual common::Status erase_stores() = 0;
    /// Erases all files in the same way; the store of files is empty then, and works.
    virtual common::Status erase_files() = 0;
  };
  /// All outlive it.
  struct Parts {
    Places& places;
    platform::FileStore& files;
    platform::KeyValueStore& crashes;
    platform::KeyValueStore& boot;
    platform::Device& device;
    common::LogSink& log;
  };
  using Sentence = common::FixedString<159>;

  explicit FactoryReset(const Parts& parts) : parts_(parts) {}

  /// Whether money would be lost: a transaction runs, or the CSMS does not have all of them.
  /// @param engine  nullptr = the gateway does not run.
  /// @param why     Set to what would be lost; without the way to force it.
  static bool loses_money(const OcppEngine* engine, uint8_t connectors, platform::FileStore& files,
                          common::Instant now, Sentence& why);
  bool loses_money(const OcppEngine* engine, uint8_t connectors, common::Instant now,
                   Sentence& why) {
    return loses_money(engine, connectors, parts_.files, now, why);
  }

  /// Writes the mark; restart then. @retval kIo, kNoSpace  Nothing will be erased.
  common::Status request();
  /// At the start: does or finishes what was asked for. Not kOk: the next start goes on with it.
  common::Status finish();
  /// It was reset, and nobody has noted that yet.
  bool was_reset() const { return was_reset_; }
  /// The security log holds it.
  void acknowledge();

 private:
  enum class Stage : uint8_t { kNone = 0, kStoresErased = 2, kDone = 3 };

  Stage stage() const;
  common::Status set_stage(Stage stage);
  common::Status restore_kept();

  const Parts parts_;
  bool was_reset_ = false;
};

}  // namespace gateway

#pragma once

#include "bridge/timings.hpp"
#include "common/fixed_string.hpp"
#include "common/limits.hpp"
#include "platform/gpio.hpp"
#include "platform/key_value_store.hpp"

namespace gateway {

enum class SettingKind : uint8_t {
  kText,
  kInteger,
  kBoolean,
  kLine,  ///< Text that parse_line() takes.
  kHost,  ///< Text that parse_host() takes.
  kWord,  ///< One of `words`.
};

/// One device setting: what a technician sets once per site (OCPP configuration keys live in the engine).
struct SettingRow {
  const char*
      name;  ///< "c?." stands for "c1." .. "c8.": one value per connector, "b?." for one per serial bus, "m?." for one per meter. At most 15 bytes (NVS).
  SettingKind kind;
  int32_t min;  ///< Integers: lowest value. Texts: shortest length, bytes.
  int32_t max;  ///< Integers: highest value. Texts: longest length, bytes.
  const char* default_value;
  bool is_secret;  ///< Write-only: never shown.
  const char* help;
  const char* words =
      "";  ///< kWord: the words, with spaces between them; an empty value where min is 0.
};

/// Longest text value, bytes.
constexpr size_t kMaxSettingBytes = 255;
using SettingText = common::FixedString<kMaxSettingBytes>;

/// Typed access to the settings of the table, kept in a KeyValueStore. Changes apply at the next start.
/// @par Context  Loop thread. Keeps a reference to the store.
class Settings {
 public:
  explicit Settings(platform::KeyValueStore& store) : store_(store) {}

  /// Pins that settings may name; without it any ESP32's. @param pins  Outlives this.
  void set_pins(const platform::Gpio* pins) { pins_ = pins; }
  const platform::Gpio* pins() const { return pins_; }

  static common::Span<const SettingRow> table();
  /// The row of a concrete name ("c2.unit"), or nullptr.
  static const SettingRow* find(common::TextSpan name);
  /// Name of a row for a connector or bus: "c?.unit", 2 -> "c2.unit". Rows without "?" are returned as they are.
  static common::FixedString<15> concrete_name(const SettingRow& row, uint8_t number);
  /// Makes a value fit to be shown: of a secret only whether it is set, of a CSMS's URL no query, which is a token there.
  static void hide(const SettingRow& row, SettingText& value);
  /// How many values of the row a gateway with so many connectors shows; 1 without "?".
  static uint8_t value_count(const SettingRow& row, uint8_t connectors);

  /// Stored value or the default. @pre  The name is in the table.
  SettingText text(const char* name) const;
  SettingText text(const char* name, uint8_t connector_id) const;
  int32_t integer(const char* name) const;
  int32_t integer(const char* name, uint8_t connector_id) const;
  /// Of "b?.NAME" or "m?.NAME". @param owner  'b', 'c' or 'm'.
  SettingText text_of(char owner, uint8_t number, const char* name) const;
  int32_t integer_of(char owner, uint8_t number, const char* name) const;
  bool boolean(const char* name) const;
  /// The settings t.NAME, the same for all connectors.
  bridge::Timings timings() const;

  /// What set() checks. @retval kNotFound, kInvalidArgument  As set().
  static common::Status check(common::TextSpan name, common::TextSpan value,
                              common::FixedString<95>& error);
  /// Checks and stores a value; an empty value restores the default, a URL as hide() shows it changes nothing.
  /// @param error  Set to one sentence when the value is refused.
  /// @retval kNotFound         No such setting.
  /// @retval kInvalidArgument  Not of the kind, or out of range; unchanged.
  common::Status set(common::TextSpan name, common::TextSpan value, common::FixedString<95>& error);

 private:
  SettingText read(const SettingRow& row, const char* key) const;
  bool is_as_shown(const SettingRow& row, common::TextSpan value) const;

  platform::KeyValueStore& store_;
  const platform::Gpio* pins_ = nullptr;
};

/// Decimal integer, optional sign, nothing else. @return false when it is not one or exceeds 32 bits.
bool parse_integer(common::TextSpan text, int32_t& out);

}  // namespace gateway

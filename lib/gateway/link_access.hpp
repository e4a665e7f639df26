#pragma once

#include "common/log.hpp"
#include "gateway/settings.hpp"
#include "platform/csms_access.hpp"

namespace gateway {

/// How the characters of a key become the password of HTTP Basic.
enum class KeyForm : uint8_t {
  kAuto,  ///< 32 to 40 hexadecimal digits stand for their bytes, else the characters themselves; the CSMS's 401 decides.
  kHex,   ///< Hexadecimal digits stand for their bytes.
  kText,  ///< The characters themselves.
};

/// A key in the form to try first, and the one to try when the CSMS does not accept that.
struct KeyForms {
  common::FixedString<64> first;
  common::FixedString<64> other;  ///< Empty = there is none.
};
KeyForms key_forms(common::TextSpan key, KeyForm form);
/// What OCPP may set as AuthorizationKey, see CsmsAccess::set_key().
bool is_acceptable_key(common::TextSpan key, KeyForm form);

/// What the link is opened with, from the settings, and a change of key or profile that is on trial.
///
///     none --set_key(), raise_profile()--> waiting --kAnswerMs--> new values --connected--> stored, none
///                                                                  |    ^
///                                                  refused, or 3, 6, then always 12 failures
///                                                                  v    |
///                                                               old values --connected--> dropped, none
///
/// Where key and profile are on trial together each is tried with what was there of the other, too: only one of them may
/// have been answered, or work. The trial is on flash before the CSMS is answered. After a restart the new values are tried first.
/// @par Context  Loop thread.
class LinkAccess final : public platform::CsmsAccess {
 public:
  /// For the answer to the CSMS to leave before the connection is closed.
  static constexpr int64_t kAnswerMs = 1000;
  /// Failures until the other values get their turn: at first, and at most.
  static constexpr uint32_t kFailures = 3;
  static constexpr uint32_t kMostFailures = 12;

  /// @param store  That of the settings; this has the keys "link_trial" and "link_other" in it.
  LinkAccess(Settings& settings, platform::KeyValueStore& store, common::LogSink& log)
      : settings_(settings), store_(store), log_(log) {}

  /// Reads what was on trial.
  void begin();
  /// Sets URL, profile, password and what counts of a certificate.
  void fill(platform::LinkSettings& link) const;
  /// Looks at what became of the link. @return True: open it anew with fill().
  bool step(const platform::LinkStatus& link, common::Instant now);
  bool is_trying() const { return has_trial_; }
  /// The URL that the present profile takes; with its query.
  SettingText url() const;
  /// Certificates of the CSMS are not looked at, by a local setting.
  bool is_unverified() const { return !settings_.boolean("tls_verify"); }

  platform::SecurityProfile security_profile() const override;
  bool has_key() const override { return !key(kKey).empty(); }
  common::Status set_key(common::TextSpan key, common::Instant now) override;
  common::Status raise_profile(platform::SecurityProfile profile, common::Instant now) override;

 private:
  static constexpr uint8_t kProfile = 1;
  static constexpr uint8_t kKey = 2;

  /// What is tried; each part only where it is to change.
  struct Trial {
    bool has_profile = false;
    platform::SecurityProfile profile = platform::SecurityProfile::kNone;
    bool has_key = false;
    common::FixedString<64> key;
  };

  KeyForm key_form() const;
  /// @param parts  Which of the trial count: kProfile, kKey.
  SettingText key(uint8_t parts) const;
  platform::SecurityProfile profile(uint8_t parts) const;
  uint8_t parts() const;
  common::Status begin_trial(const Trial& trial, common::Instant now);
  void commit();
  void note_form(const platform::LinkStatus& link);
  void drop_trial();

  Settings& settings_;
  platform::KeyValueStore& store_;
  common::LogSink& log_;
  Trial trial_;
  bool has_trial_ = false;
  uint8_t used_ = 0;                 ///< Parts of the trial that the link is opened with.
  uint32_t failures_to_switch_ = 0;  ///< 0 = not everything has had its turn yet.
  bool is_other_first_ = false;      ///< The other form of the key was accepted last.
  common::Instant switch_at_ = common::Instant::never();
  uint32_t connection_ = 0;  ///< The last one before the values were switched.
};

}  // namespace gateway

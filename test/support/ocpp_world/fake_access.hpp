#pragma once

#include "platform/csms_access.hpp"

#include <string>

namespace ocpp_world {

/// Key and profile without a link: takes what the rules of CsmsAccess allow.
class FakeAccess final : public platform::CsmsAccess {
 public:
  platform::SecurityProfile profile = platform::SecurityProfile::kNone;
  std::string key;
  common::Status store = common::Status::kOk;  ///< What becomes of a change.

  platform::SecurityProfile security_profile() const override { return profile; }
  bool has_key() const override { return !key.empty(); }
  common::Status set_key(common::TextSpan value, common::Instant) override {
    if (value.size() < 16) return common::Status::kInvalidArgument;
    if (store == common::Status::kOk) key.assign(value.data(), value.size());
    return store;
  }
  common::Status raise_profile(platform::SecurityProfile wanted, common::Instant) override {
    if (wanted <= profile) return common::Status::kInvalidArgument;
    const bool needs_key = wanted != platform::SecurityProfile::kTlsClientCertificate;
    if (needs_key && !has_key()) return common::Status::kInvalidState;
    if (store == common::Status::kOk) profile = wanted;
    return store;
  }
};

}  // namespace ocpp_world

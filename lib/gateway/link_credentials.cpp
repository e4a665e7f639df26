#include "gateway/link_credentials.hpp"

namespace gateway {

void LinkCredentials::fill(platform::LinkSettings& link, common::UtcTime at) {
  if (credentials_ == nullptr) return;
  told_ = at;
  credentials_->authority().set_time(at);
  link.authority = &credentials_->authority();
  credentials_->authority().set_wildcards(link.allow_wildcard);
}

void LinkCredentials::step(const platform::LinkStatus& link, common::UtcTime at) {
  if (credentials_ == nullptr) return;
  if (at - told_ >= 1000 || at < told_) {
    told_ = at;
    credentials_->authority().set_time(at);
  }
  if (link.is_up && (!is_up_ || link.connection_id != connection_)) {
    credentials_->on_connected(link.root, link.client);
  } else if (!link.is_up && is_up_) {
    credentials_->on_disconnected();
  }
  using platform::LinkFailure;
  const auto failures = static_cast<uint8_t>(
      link.failures_of[static_cast<size_t>(LinkFailure::kRefusedClientCertificate)] +
      link.failures_of[static_cast<size_t>(LinkFailure::kTls)]);
  if (failures != failures_ && link.client != 0) credentials_->on_connection_failed(link.client);
  is_up_ = link.is_up;
  connection_ = link.connection_id;
  failures_ = failures;
}

}  // namespace gateway

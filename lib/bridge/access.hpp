#pragma once

#include "bridge/profile.hpp"

namespace bridge {

/// How a charger can take part in deciding who charges.
struct Access {
  bool reads_tags = false;  ///< Its own reader's tags are seen.
  bool authorizes = false;  ///< It tells whether it has authorized somebody from its own list.
  /// It tells, and authorizes, only while it may charge.
  bool needs_offer = false;
};

Access access_of(const Profile& profile);
/// Of a built-in profile or a charger without registers. @return false when the name is neither.
bool access_of(common::TextSpan name, Access& out);

}  // namespace bridge

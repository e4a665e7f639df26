#include "bridge/access.hpp"

#include "bridge/keba_driver.hpp"
#include "bridge/rapi_driver.hpp"

namespace bridge {

Access access_of(const Profile& profile) {
  Access result;
  for (const RegisterRow& row : profile.registers)
    result.reads_tags = result.reads_tags || row.meaning == Meaning::kTag;
  result.needs_offer = true;
  for (const StateRule& rule : profile.states) {
    if ((rule.row.flags & kStateAuthorized) != 0) result.authorizes = true;
    if ((rule.row.flags & kStateWaiting) != 0) result.needs_offer = false;
  }
  return result;
}

bool access_of(common::TextSpan name, Access& out) {
  out = Access();
  for (const Profile* profile : charger_profiles()) {
    if (!common::equals(name, common::text(profile->name))) continue;
    out = access_of(*profile);
    return true;
  }
  out.reads_tags = common::equals(name, common::text(KebaDriver::kName));
  return out.reads_tags || common::equals(name, common::text("gpio")) ||
         common::equals(name, common::text(RapiDriver::kName));
}

}  // namespace bridge

#pragma once

#include "bridge/access.hpp"
#include "charger/charger.hpp"
#include "gateway/settings.hpp"

namespace gateway {

/// Who decides that somebody may charge: the setting auth, or c?.auth for one connector. The CSMS can start transactions
/// in every mode.
enum class AuthMode : uint8_t {
  kReader,         ///< Tags at the gateway's reader.
  kChargerReader,  ///< Tags at the charger's reader, which only reads.
  kChargerList,    ///< The charger by itself; the gateway books what it lets happen.
  kFree,           ///< Who plugs in may charge.
  kRemote,         ///< The CSMS alone.
};
/// The words of the setting.
const char* to_string(AuthMode mode);
/// Reads such a word. @return false for any other; empty is none of them.
bool find_mode(common::TextSpan word, AuthMode& out);

/// How one connector is used.
struct ConnectorAccess {
  AuthMode mode = AuthMode::kReader;
  bridge::Access charger;  ///< What it can do.
  /// For transactions that nobody's tag started; empty: the OCPP key FreeVendIdTag.
  charger::IdTag id_tag;
  /// Energy that flows without permission, and cannot be stopped, is booked in a transaction. false: Faulted.
  bool books_unauthorised = false;
};

/// Reads what the settings say of a connector. charger is left as it is.
ConnectorAccess read_access(const Settings& settings, uint8_t connector_id);

/// @param error  One sentence when the charger cannot be used in this mode.
/// @retval kUnsupported
common::Status check_access(AuthMode mode, const bridge::Access& charger, uint8_t connector_id,
                            common::FixedString<95>& error);

}  // namespace gateway

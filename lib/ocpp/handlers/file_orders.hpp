#pragma once

#include "ocpp/handlers/handlers.hpp"

#include <algorithm>

namespace ocpp {

constexpr Refusal kLocationLength{true, messages::RpcErrorCode::PropertyConstraintViolation,
                                  "location: empty or too long"};
constexpr Refusal kNotStored{true, messages::RpcErrorCode::InternalError, "not stored"};

/// The fields that UpdateFirmware and GetDiagnostics share. Without them the choice is ours; a negative number
/// is none.
inline FileOrder make_order(const messages::Optional<int32_t>& retries,
                            const messages::Optional<int32_t>& interval_s) {
  FileOrder order;
  order.retries = std::max<int32_t>(0, retries.value_or(order.retries));
  order.retry_interval_s = std::max<int32_t>(0, interval_s.value_or(order.retry_interval_s));
  return order;
}

}  // namespace ocpp

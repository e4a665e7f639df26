#pragma once

#include "common/span.hpp"

namespace gateway {

/// The answer to a request for the setup page, headers included; made from setup_page.html by `vevgw codegen`.
extern const common::TextSpan kSetupPageHead;
extern const common::TextSpan kSetupPageBody;

}  // namespace gateway

#pragma once

#include <sdkconfig.h>

namespace features {

/// What the framework of this build can do; `vevgw secure` reads it out of the image before it burns what an image
/// without it could not live with. The framework as it is downloaded (arduino-esp32 2.0.17) has neither.
constexpr char kText[] =
    "vevgw-features:"
#ifdef CONFIG_SECURE_FLASH_ENC_ENABLED
    "flash-encryption "
#endif
#ifdef CONFIG_SECURE_BOOT_V2_ENABLED
    "secure-boot-v2 "
#endif
    "";

}  // namespace features

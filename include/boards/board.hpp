#pragma once

/// The board that the image is for: -D GATEWAY_BOARD='"boards/custom_example.hpp"'; without it the DOIT DevKitC.
#ifdef GATEWAY_BOARD
#include GATEWAY_BOARD
#else
#include "boards/esp32doit_devkit_v1.hpp"
#endif

#pragma once

// The one place that chooses the engine: a build flag (platformio.ini). docs/engines.md compares them.
#ifdef GATEWAY_ENGINE_MICROOCPP
#include "gateway/micro_ocpp_engine.hpp"
#else
#include "gateway/own_engine.hpp"
#endif

namespace app {

#ifdef GATEWAY_ENGINE_MICROOCPP
using Engine = gateway::MicroOcppEngine;
#else
using Engine = gateway::OwnEngine;
#endif

}  // namespace app

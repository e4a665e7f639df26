#pragma once

// The one place that chooses the engine: a build flag (platformio.ini). docs/engines.md compares them.
#ifdef GATEWAY_ENGINE_MICROOCPP
#include "gateway/micro_ocpp_engine.hpp"
#include "gateway/no_security.hpp"
#else
#include "gateway/own_engine.hpp"
#include "gateway/own_security.hpp"
#endif

namespace app {

#ifdef GATEWAY_ENGINE_MICROOCPP
using Engine = gateway::MicroOcppEngine;
using Security = gateway::NoSecurity;
#else
using Engine = gateway::OwnEngine;
using Security = gateway::OwnSecurity;
#endif

}  // namespace app

#pragma once

#include "common/time.hpp"
#include "ocpp/charge_point_types.hpp"
#include "ocpp/outgoing_calls.hpp"

namespace ocpp {

class Engine;
class InboundCall;
struct RpcFrame;

/// Messages beyond the core of OCPP 1.6, plugged into Ports::extension. What is not plugged in costs neither flash nor
/// RAM: only the extension names its codecs and rules.
/// @par Context  Called by the engine from inside its own calls; outlives the ChargePoint.
class Extension {
 public:
  /// At the end of ChargePoint::begin().
  virtual void begin(Engine& engine) = 0;
  /// @return When something is due next.
  virtual common::Instant step() = 0;
  /// A CALL of the CSMS, before the engine looks at it. @return false: the engine handles it.
  virtual bool handle(const InboundCall& call, Action action) = 0;
  /// Queues at most one CALL; asked while registered, Pending or Accepted. @return Whether it did.
  virtual bool send() = 0;
  /// A CALL is over. @param answer  CALLRESULT or CALLERROR; nullptr = none came.
  /// @return false: none of the extension's, the engine looks at the answer.
  virtual bool on_outcome(const CallContext& context, const RpcFrame* answer) = 0;
  /// The device itself is about to have an image fetched. @retval kOk  Go on.  @retval kInvalidState  One is being
  /// installed.  @retval kUnsupported  None would be taken: it would have to be signed, and there is nothing to
  /// check a signature with.  @retval kIo, kNoSpace  Not stored.
  virtual common::Status begin_local_update() = 0;
  /// Every event that the application takes, before it does.
  virtual void on_event(const Event& event) = 0;
  /// @name Frames, told by who carries them, outside of the engine's calls; not kept
  /// @{
  virtual void on_received(common::TextSpan frame, bool is_truncated, common::Instant now) = 0;
  virtual void on_sent(common::TextSpan frame, common::Instant now) = 0;
  /// @}
  /// Whether the downloaded image may be installed now. The extension wakes the engine when that changes.
  virtual bool may_install() const = 0;

  /// @name Configuration keys beside those of the engine
  /// @{
  virtual size_t key_count() const = 0;
  /// @return false: no key of the extension.
  virtual bool find_key(common::TextSpan name, size_t& index) const = 0;
  virtual void read_key(size_t index, ConfigurationEntry& out) const = 0;
  virtual ConfigurationStatus write_key(size_t index, common::TextSpan value,
                                        common::Instant now) = 0;
  /// @}

 protected:
  ~Extension() = default;
};

}  // namespace ocpp

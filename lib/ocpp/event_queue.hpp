#pragma once

#include "common/limits.hpp"
#include "ocpp/charge_point_types.hpp"

namespace ocpp {

/// Events waiting for the application. When it does not take them, status changes are forgotten
/// first (the status can be read at any time), then the oldest of the others; a reset request
/// never.
class EventQueue {
 public:
  void push(const Event& event);
  bool pop(Event& out);

 private:
  bool forget_one();
  bool erase(size_t index);

  size_t size_ = 0;
  Event items_[limits::kMaxEvents];
};

}  // namespace ocpp

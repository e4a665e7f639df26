#pragma once

#include "common/limits.hpp"
#include "ocpp/charge_point_types.hpp"

namespace ocpp {

/// Events waiting for the application. When it does not take them, status changes are forgotten
/// first (the status can be read at any time), then the oldest of the others; a reset request
/// never.
class EventQueue {
 public:
  void push(const Event& event) {
    if (size_ == limits::kMaxEvents && !forget_one()) return;
    items_[size_++] = event;
  }
  bool pop(Event& out) {
    if (size_ == 0) return false;
    out = items_[0];
    erase(0);
    return true;
  }

 private:
  bool forget_one() {
    for (size_t i = 0; i < size_; ++i) {
      if (items_[i].type == EventType::kConnectorStatusChanged) return erase(i);
    }
    for (size_t i = 0; i < size_; ++i) {
      if (items_[i].type != EventType::kResetRequested) return erase(i);
    }
    return false;
  }
  bool erase(size_t index) {
    for (size_t i = index + 1; i < size_; ++i) items_[i - 1] = items_[i];
    --size_;
    return true;
  }

  size_t size_ = 0;
  Event items_[limits::kMaxEvents];
};

}  // namespace ocpp

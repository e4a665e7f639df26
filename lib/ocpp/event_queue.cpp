#include "ocpp/event_queue.hpp"

namespace ocpp {

void EventQueue::push(const Event& event) {
  if (size_ == limits::kMaxEvents && !forget_one()) return;
  items_[size_++] = event;
}

bool EventQueue::pop(Event& out) {
  if (size_ == 0) return false;
  out = items_[0];
  return erase(0);
}

bool EventQueue::forget_one() {
  for (size_t i = 0; i < size_; ++i) {
    if (items_[i].type == EventType::kConnectorStatusChanged) return erase(i);
  }
  for (size_t i = 0; i < size_; ++i) {
    if (items_[i].type != EventType::kResetRequested) return erase(i);
  }
  return false;
}

bool EventQueue::erase(size_t index) {
  for (size_t i = index + 1; i < size_; ++i) items_[i - 1] = items_[i];
  --size_;
  return true;
}

}  // namespace ocpp

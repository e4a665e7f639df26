#include "ocpp/engine.hpp"

#include <algorithm>

LOG_MODULE("ocpp.letters");

namespace ocpp {

using common::Status;

Status Engine::resend_dead_letters() {
  if (!is_online || !is_store_ready) return Status::kInvalidState;
  if (next_letter_ < letters_) return Status::kAgain;
  const uint32_t count = store.counters().dead_letters;
  if (count == 0) return Status::kNotFound;
  letters_there_ = count;
  letters_ = static_cast<uint8_t>(std::min<uint32_t>(count, 32));
  next_letter_ = 0;
  letters_left_ = 0;
  letters_through_ = store.last_sequence();
  has_input_ = true;
  return Status::kOk;
}

/// A start is not sent again: its transaction has ended under the id -1, and a new id would stay open
/// at the CSMS for ever.
bool Engine::send_dead_letter() {
  if (next_letter_ == letters_ || store.has_pending() || acknowledgement_.is_waiting) return false;
  DeadLetter letter;
  if (store.read_dead_letter(next_letter_, letter) == Status::kOk &&
      letter.type != RecordType::kStart && letter.has_transaction_id) {
    letter.utc =
        store
            .resolve(letter.type == RecordType::kStop ? letter.stop.time : letter.meter_values.time)
            .value_or(common::UtcTime());
    CallContext context;
    context.is_dead_letter = true;
    if (letter.utc.is_known() && send_message(letter, context) == Status::kOk) return true;
  }
  on_dead_letter_answer(false);
  has_input_ = true;
  return false;
}

/// After the last one those that were not taken are stored anew, then the old ones are gone.
void Engine::on_dead_letter_answer(bool is_taken) {
  if (!is_taken) letters_left_ |= 1U << next_letter_;
  if (++next_letter_ < letters_) return;
  unsigned left = 0;
  for (unsigned i = 0; i < letters_; ++i) left += letters_left_ >> i & 1U;
  LOG_INFO(ports.log, "%u of %u dead letters delivered", letters_ - left, unsigned{letters_});
  if (left == letters_) return;
  Status stored = Status::kOk;
  for (unsigned i = 0; i < letters_there_ && stored == Status::kOk; ++i) {
    if (i >= letters_ || (letters_left_ >> i & 1U) != 0) stored = store.keep_dead_letter(i);
  }
  if (stored == Status::kOk) stored = store.clear_dead_letters(letters_through_);
  if (stored != Status::kOk) LOG_ERROR(ports.log, "delivered dead letters cannot be removed");
}

}  // namespace ocpp

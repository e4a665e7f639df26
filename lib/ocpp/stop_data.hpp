#pragma once

#include "ocpp/meter_values.hpp"
#include "ocpp/transaction_store.hpp"

namespace ocpp {

/// The transactionData of a stop, read from flash one reading at a time while it is encoded. The
/// same records always give the same elements.
class StopData {
 public:
  /// @param store  Nothing may be written to it while this object is in use, but by prepare().
  StopData(TransactionStore& store, uint32_t local_transaction)
      : store_(store), local_transaction_(local_transaction) {}

  /// Finds out what there is; call first.
  /// @retval kNotFound  Nothing.  @retval kAgain  A time is not known yet.  @retval kIo
  common::Status prepare();
  /// While the last frame was made a reading could not be read: the frame lacks it and must not go out.
  bool is_broken() const { return is_broken_; }
  /// Leaves out every second reading between begin and end. @return false when none is left.
  bool thin();

  /// @return Refers to this object.
  ocpp_messages::ArrayView<ocpp_messages::MeterValue> view() {
    return ocpp_messages::ArrayView<ocpp_messages::MeterValue>::from_source(&StopData::next, this);
  }

 private:
  static bool next(void* self, size_t index, ocpp_messages::MeterValue& out);

  TransactionStore& store_;
  uint32_t local_transaction_;
  uint32_t last_index_ = 0;
  uint32_t stride_ = 1;
  bool is_broken_ = false;
  platform::RecordLog::Cursor cursor_;
  MeterValuesRecord reading_;
  SampledValues sampled_{reading_.values, SampleContext::kOther};
};

}  // namespace ocpp

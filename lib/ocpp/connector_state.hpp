#pragma once

#include "ocpp/charge_point_types.hpp"

/// The status of a connector as a pure function of what is known about it (OCPP 1.6 ed. 2, 4.9).
///
///                     plug or authorization            transaction starts
///        Available ---------------------------> Preparing --------------> Charging <--> SuspendedEV
///            ^  ^        unplugged, cancelled,      | ^                      ^  |           ^
///            |  +------- ConnectionTimeOut ---------+ | authorized again     |  v           v
///            |                                        | (F2)             SuspendedEVSE <----+
///            +------------- unplugged ---------- Finishing <---- transaction stopped, EV still plugged
///
/// Unavailable lies over all of these except a running transaction, Faulted over everything; when
/// they end, the status is again what the other inputs say.
namespace ocpp {

/// How far use of a connector has come.
enum class UsePhase : uint8_t {
  kNone,
  kPreparing,    ///< Someone is authorized or about to be, no transaction yet.
  kTransaction,  ///< A transaction is open.
  kFinished,     ///< A transaction (or an unused plug-in) has ended; the EV is still plugged.
};

/// Who, if anyone, keeps power from flowing.
enum class Power : uint8_t { kWithheld, kNotTaken, kFlowing };

struct StatusInputs {
  bool is_faulted = false;
  bool is_operative = true;
  bool is_plugged = false;
  bool is_reserved = false;
  UsePhase phase = UsePhase::kNone;
  Power power = Power::kWithheld;
};

namespace detail {
/// [phase][plugged][power]
constexpr ChargePointStatus kStatusTable[4][2][3] = {
    // kNone: power without a transaction is the bridge's concern, not a status.
    {{ChargePointStatus::Available, ChargePointStatus::Available, ChargePointStatus::Available},
     {ChargePointStatus::Preparing, ChargePointStatus::Preparing, ChargePointStatus::Preparing}},
    // kPreparing
    {{ChargePointStatus::Preparing, ChargePointStatus::Preparing, ChargePointStatus::Preparing},
     {ChargePointStatus::Preparing, ChargePointStatus::Preparing, ChargePointStatus::Preparing}},
    // kTransaction: unplugged and still open (StopTransactionOnEVSideDisconnect = false) is
    // SuspendedEV.
    {{ChargePointStatus::SuspendedEV, ChargePointStatus::SuspendedEV,
      ChargePointStatus::SuspendedEV},
     {ChargePointStatus::SuspendedEVSE, ChargePointStatus::SuspendedEV,
      ChargePointStatus::Charging}},
    // kFinished
    {{ChargePointStatus::Available, ChargePointStatus::Available, ChargePointStatus::Available},
     {ChargePointStatus::Finishing, ChargePointStatus::Finishing, ChargePointStatus::Finishing}},
};
}  // namespace detail

/// Faulted > Unavailable > transaction > the rest. A running transaction hides Unavailable (it is
/// then scheduled).
constexpr ChargePointStatus connector_status(const StatusInputs& in) {
  if (in.is_faulted) return ChargePointStatus::Faulted;
  if (!in.is_operative && in.phase != UsePhase::kTransaction) return ChargePointStatus::Unavailable;
  if (in.is_reserved && (in.phase == UsePhase::kNone || in.phase == UsePhase::kFinished))
    return ChargePointStatus::Reserved;
  return detail::kStatusTable[static_cast<size_t>(in.phase)][in.is_plugged ? 1 : 0]
                             [static_cast<size_t>(in.power)];
}

/// The transitions that the specification knows (OCPP 1.6 ed. 2, 4.9), as bits of the new status.
constexpr uint16_t kAllowedTransitions[] = {
    //  Faulted, Unavailable, Reserved, Finishing, SuspendedEV, SuspendedEVSE, Charging, Preparing, Available
    0b1'1101'1110,  // Available
    0b1'0011'1101,  // Preparing
    0b1'1011'1001,  // Charging
    0b1'1011'0101,  // SuspendedEVSE
    0b1'1010'1101,  // SuspendedEV
    0b1'1000'0011,  // Finishing
    0b1'1000'0011,  // Reserved
    0b1'0001'1111,  // Unavailable
    0b0'1111'1111,  // Faulted
};

/// The status to be told between two that do not follow each other directly, because what was
/// between them was too short to be told; `to` when nothing is.
constexpr ChargePointStatus status_between(ChargePointStatus from, ChargePointStatus to) {
  const auto bit = static_cast<unsigned>(to);
  if (from == to || (kAllowedTransitions[static_cast<size_t>(from)] >> bit & 1U) != 0) return to;
  switch (to) {
    case ChargePointStatus::Charging:
    case ChargePointStatus::SuspendedEVSE:
    case ChargePointStatus::SuspendedEV:
    case ChargePointStatus::Finishing:
      return ChargePointStatus::Preparing;
    case ChargePointStatus::Preparing:
      return ChargePointStatus::Finishing;
    case ChargePointStatus::Available:
    case ChargePointStatus::Reserved:
    case ChargePointStatus::Unavailable:
    case ChargePointStatus::Faulted:
      break;
  }
  return ChargePointStatus::Available;
}

/// EVCommunicationError goes only with these (OCPP 1.6 ed. 2, 7.6).
constexpr bool may_tell_ev_error(ChargePointStatus status) {
  return status == ChargePointStatus::Preparing || status == ChargePointStatus::SuspendedEV ||
         status == ChargePointStatus::SuspendedEVSE || status == ChargePointStatus::Finishing;
}

}  // namespace ocpp

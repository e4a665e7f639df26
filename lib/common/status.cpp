#include "common/status.hpp"

namespace common {

const char* to_string(Status status) {
  switch (status) {
    case Status::kOk:
      return "ok";
    case Status::kAgain:
      return "again";
    case Status::kNoSpace:
      return "no_space";
    case Status::kNotFound:
      return "not_found";
    case Status::kInvalidArgument:
      return "invalid_argument";
    case Status::kInvalidState:
      return "invalid_state";
    case Status::kTimeout:
      return "timeout";
    case Status::kIo:
      return "io";
    case Status::kCorrupt:
      return "corrupt";
    case Status::kUnsupported:
      return "unsupported";
    case Status::kClosed:
      return "closed";
  }
  return "?";
}

}  // namespace common

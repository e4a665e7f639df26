#include "ocpp/rpc_frame.hpp"

#include "json/reader.hpp"

namespace ocpp {
namespace {

using json::Token;

const char* parse_error(json::Reader& reader, RpcFrame& out) {
  if (reader.next() != Token::kString) return "the error code is no string";
  out.error_code = reader.text();
  // Some CSMS leave out description or details: the code is all that counts.
  if (reader.next() == Token::kString) out.error_description = reader.text();
  return nullptr;
}

}  // namespace

RpcFrame parse_frame(common::TextSpan frame, bool truncated) {
  RpcFrame out;
  json::Reader reader(frame);
  if (reader.next() != Token::kArrayBegin || reader.next() != Token::kNumber) return out;
  const common::TextSpan type = reader.text();
  const common::TextSpan raw_id = reader.capture();
  if (raw_id.empty() || raw_id.size() > kMaxRawIdBytes) return out;
  const char first = *raw_id.data();
  if (first == '"') {
    out.id = raw_id.subspan(1, raw_id.size() - 2);
  } else if (first == '-' || (first >= '0' && first <= '9')) {
    // A number that touches the end of a cut frame may be incomplete.
    if (truncated && raw_id.end() == frame.end()) return out;
    out.id = raw_id;
  } else {
    return out;
  }
  out.raw_id = raw_id;

  switch (type.size() == 1 ? *type.data() : '\0') {
    case '2':
      out.kind = RpcFrame::Kind::kCall;
      if (reader.next() == Token::kString) {
        out.action = reader.text();
      } else {
        out.fault = "the action is no string";
      }
      break;
    case '3':
      out.kind = RpcFrame::Kind::kCallResult;
      break;
    case '4':
      out.kind = RpcFrame::Kind::kCallError;
      out.fault = parse_error(reader, out);
      break;
    default:
      out.kind = RpcFrame::Kind::kOther;
      return out;
  }
  out.payload.rest =
      common::TextSpan(reader.here(), static_cast<size_t>(frame.end() - reader.here()));
  if (truncated) out.fault = "the frame is too long";
  return out;
}

}  // namespace ocpp

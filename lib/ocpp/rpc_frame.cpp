#include "ocpp/rpc_frame.hpp"

#include "json/reader.hpp"

namespace ocpp {
namespace {

using json::Token;

/// Reads what follows the id of a CALL. @return What is wrong, nullptr when nothing is.
const char* parse_call(json::Reader& reader, RpcFrame& out) {
  if (reader.next() != Token::kString) return "the action is no string";
  out.action = reader.text();
  out.payload = reader.capture();
  if (out.payload.empty()) return "the payload is missing or not JSON";
  return nullptr;
}

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
  if (raw_id[0] == '"') {
    out.id = raw_id.subspan(1, raw_id.size() - 2);
  } else if (raw_id[0] == '-' || (raw_id[0] >= '0' && raw_id[0] <= '9')) {
    // A number that touches the end of a cut frame may be incomplete.
    if (truncated && raw_id.end() == frame.end()) return out;
    out.id = raw_id;
  } else {
    return out;
  }
  out.raw_id = raw_id;

  const bool is_digit = type.size() == 1;
  if (is_digit && type[0] == '2') {
    out.kind = RpcFrame::Kind::kCall;
    out.fault = parse_call(reader, out);
  } else if (is_digit && type[0] == '3') {
    out.kind = RpcFrame::Kind::kCallResult;
    out.payload = reader.capture();
    if (out.payload.empty()) out.fault = "the payload is missing or not JSON";
  } else if (is_digit && type[0] == '4') {
    out.kind = RpcFrame::Kind::kCallError;
    out.fault = parse_error(reader, out);
  } else {
    out.kind = RpcFrame::Kind::kOther;
    return out;
  }
  if (truncated) {
    out.fault = "the frame is too long";
  } else if (out.fault == nullptr && out.kind != RpcFrame::Kind::kCallError &&
             reader.token() != Token::kArrayEnd &&
             (reader.next() != Token::kArrayEnd || reader.next() != Token::kEnd)) {
    out.fault = "something follows the payload";
  }
  return out;
}

}  // namespace ocpp

#include "doctest_main/doctest_main.hpp"
#include "ocpp/rpc_frame.hpp"
#include "platform_sim/sim_entropy.hpp"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

// The function that libFuzzer calls, so that its promises are checked without clang too.
#include "../../fuzz/fuzz_frames.cpp"

using ocpp::parse_frame;
using ocpp::RpcFrame;

namespace {

RpcFrame parse(const std::string& frame, bool truncated = false) {
  return parse_frame(common::TextSpan(frame.data(), frame.size()), truncated);
}

std::string str(common::TextSpan text) { return std::string(text.data(), text.size()); }

const char* const kFrames[] = {
    R"([2,"1","GetConfiguration",{"key":["HeartbeatInterval","Nope"]}])",
    R"([2,"2","ChangeConfiguration",{"key":"MeterValuesSampledData","value":"Voltage.L1,Current.Import"}])",
    R"([2,"3","SetChargingProfile",{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,)"
    R"("chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative","chargingSchedule":{"duration":60,)"
    R"("chargingRateUnit":"W","chargingSchedulePeriod":[{"startPeriod":0,"limit":6900.5,"numberPhases":3}]}}}])",
    R"([2,"4","GetCompositeSchedule",{"connectorId":1,"duration":86400}])",
    R"([2,"5","RemoteStopTransaction",{"transactionId":7}])",
    R"([2,"6","TriggerMessage",{"requestedMessage":"MeterValues"}])",
    R"([2,"7","ChangeAvailability",{"connectorId":0,"type":"Inoperative"}])",
    R"([3,"$ID",{"status":"Accepted","currentTime":"2027-01-15T08:00:00Z","interval":300}])",
    R"([4,"$ID","InternalError","",{}])",
    R"([2,"8","Reset",{"type":"Hard"}])",
};

}  // namespace

// Rules: J-4.2.1-1 J-4.1.3-1
TEST_CASE("a frame is taken apart into type, id, action and payload") {
  const std::string text = R"( [ 2 , "id-1" , "Reset" , {"type":"Soft"} ] )";
  const RpcFrame frame = parse(text);
  CHECK(frame.kind == RpcFrame::Kind::kCall);
  CHECK(frame.fault == nullptr);
  CHECK(str(frame.id) == "id-1");
  CHECK(str(frame.raw_id) == "\"id-1\"");
  CHECK(str(frame.action) == "Reset");
  CHECK(str(frame.payload.rest) == R"( , {"type":"Soft"} ] )");
}

// Rules: J-4.2.3-1
TEST_CASE("errors are read with and without description and details") {
  for (const std::string text :
       {R"([4,"1","InternalError"])", R"([4,"1","InternalError","why"])",
        R"([4,"1","InternalError","why",{"a":1}])", R"([4,"1","InternalError",null,null])"}) {
    const RpcFrame frame = parse(text);
    CHECK(frame.kind == RpcFrame::Kind::kCallError);
    CHECK(frame.fault == nullptr);
    CHECK(str(frame.error_code) == "InternalError");
  }
}

// Rules: PD-2 FP-9
TEST_CASE("ids are taken as they come, but not without end") {
  const std::string numbered = R"([2,7,"A",{}])";
  CHECK(str(parse(numbered).raw_id) == "7");
  CHECK(parse("[2,\"" + std::string(190, 'x') + "\",\"A\",{}]").kind == RpcFrame::Kind::kCall);
  CHECK(parse("[2,\"" + std::string(300, 'x') + "\",\"A\",{}]").kind ==
        RpcFrame::Kind::kUnreadable);
  CHECK(parse(R"([2,true,"A",{}])").kind == RpcFrame::Kind::kUnreadable);
  CHECK(parse(R"([2,{},"A",{}])").kind == RpcFrame::Kind::kUnreadable);
}

// Rules: FP-7
TEST_CASE("every beginning of a cut frame is read as far as it is certain") {
  const std::string whole = R"([2,"id-1","Reset",{"type":"Soft"}])";
  for (size_t size = 0; size < whole.size(); ++size) {
    const RpcFrame frame = parse(whole.substr(0, size), true);
    const bool has_id = size >= 9;
    CHECK((frame.kind == RpcFrame::Kind::kCall) == has_id);
    if (has_id) CHECK(frame.fault != nullptr);
  }
  CHECK(parse("[2,123", true).kind == RpcFrame::Kind::kUnreadable);  // the id may go on
}

// Rules: FP-9
TEST_CASE("any bytes get at most one answer, and a refused Call changes nothing") {
  platform_sim::SimEntropy dice(20);
  const std::string kBytes = "{}[]\",:\\u0019eE+-. \n\x80\xC3null$ID";
  for (int round = 0; round < 2000; ++round) {
    std::string input;
    for (int i = 0; i < 4; ++i) {
      std::string frame = kFrames[dice.below(sizeof kFrames / sizeof kFrames[0])];
      for (uint32_t left = dice.below(4); left > 0; --left) {
        const size_t place = dice.below(static_cast<uint32_t>(frame.size()));
        switch (dice.below(4)) {
          case 0:
            frame[place] = kBytes[dice.below(static_cast<uint32_t>(kBytes.size()))];
            break;
          case 1:
            frame.insert(place, 1, kBytes[dice.below(static_cast<uint32_t>(kBytes.size()))]);
            break;
          case 2:
            frame.erase(place, 1 + dice.below(8));
            break;
          default:
            frame[place] = static_cast<char>(dice.next_u64());
            break;
        }
        if (frame.empty()) frame = "[";
      }
      input += frame + '\n';
    }
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  }
}

// Rules: FP-9
TEST_CASE("the committed corpus of frames keeps every promise") {
  std::string here = __FILE__;
  here.resize(here.rfind('/'));
  for (const char* name : {"answers", "broken", "configuration", "firmware", "local_list", "others",
                           "profiles", "remote", "reservations", "triggers"}) {
    CAPTURE(name);
    std::ifstream file(std::string("test/fuzz/corpus/frames/") + name);
    if (!file) file.open(here + "/../../fuzz/corpus/frames/" + name);
    std::stringstream text;
    text << file.rdbuf();
    const std::string input = text.str();
    REQUIRE(!input.empty());
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  }
}

#include "doctest_main/doctest_main.hpp"
#include "gateway/file_index.hpp"
#include "gateway/frame_watch.hpp"
#include "gateway/image_download.hpp"
#include "gateway/micro_ocpp_mapping.hpp"
#include "platform/simulated_firmware.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_clock.hpp"
#include "platform_sim/sim_file_store.hpp"
#include "platform_sim/sim_file_transfer.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <cstring>
#include <string>

using common::Status;
using common::text;
using gateway::FrameHead;
using gateway::FrameWatch;
using gateway::JobState;
using ocpp_messages::Action;
namespace micro_ocpp = gateway::micro_ocpp;

namespace {

gateway::ActionCounters counters(const FrameWatch& watch, Action action) {
  return watch.counters(static_cast<size_t>(action));
}

charger::Capabilities capabilities(uint8_t phases, bool can_switch = false) {
  charger::Capabilities can;
  can.phases = phases;
  can.can_switch_phases = can_switch;
  return can;
}

}  // namespace

TEST_SUITE("what the adapter to MicroOCPP decides") {
  TEST_CASE("without a limit a connector is offered what it can") {
    const charger::Offer offer =
        micro_ocpp::offer_of(true, {}, {}, capabilities(3), charger::MeterSample());
    CHECK(offer.permit);
    CHECK(offer.limit_ma == 16000);
    CHECK(offer.phases == 3);
    CHECK(offer.alone_ma == charger::kNoCommonLimitMa);
  }

  TEST_CASE("of a limit in A and one in W the lesser holds") {
    charger::MeterSample sample;
    CHECK(micro_ocpp::offer_of(true, {6900.0F, 13.0F, -1}, {}, capabilities(3), sample).limit_ma ==
          10000);
    CHECK(micro_ocpp::offer_of(true, {6900.0F, 8.5F, -1}, {}, capabilities(3), sample).limit_ma ==
          8500);
    sample.valid = charger::kMeterVoltage;
    sample.voltage_mv[0] = 240000;  // the others are not connected
    CHECK(micro_ocpp::offer_of(true, {2400.0F, -1.0F, -1}, {}, capabilities(1), sample).limit_ma ==
          10000);
    CHECK(micro_ocpp::offer_of(true, {-1.0F, 0.0F, -1}, {}, capabilities(1), sample).limit_ma == 0);
  }

  TEST_CASE("phases are given up where the charger can switch them") {
    const charger::MeterSample sample;
    const micro_ocpp::Limit one_phase{2300.0F, -1.0F, 1};
    CHECK(micro_ocpp::offer_of(true, one_phase, {}, capabilities(3, true), sample).phases == 1);
    CHECK(micro_ocpp::offer_of(true, one_phase, {}, capabilities(3, true), sample).limit_ma ==
          10000);
    CHECK(micro_ocpp::offer_of(true, one_phase, {}, capabilities(3), sample).phases == 3);
    CHECK(micro_ocpp::offer_of(true, one_phase, {}, capabilities(3), sample).limit_ma == 3333);
  }

  TEST_CASE("a limit of the charge point is for whoever shares it") {
    const micro_ocpp::Limit common{-1.0F, 20.0F, -1};
    const charger::Offer offer =
        micro_ocpp::offer_of(true, common, common, capabilities(3), charger::MeterSample());
    CHECK(offer.limit_ma == 16000);
    CHECK(offer.alone_ma == 20000);
  }

  TEST_CASE("a lost or broken charger is an error even without a code") {
    charger::ChargerState state;
    CHECK(micro_ocpp::error_code(state) == nullptr);
    state.health = charger::Health::kLost;
    CHECK(std::string(micro_ocpp::error_code(state)) == "OtherError");
    state.error = charger::Error::kEvCommunicationError;
    CHECK(std::string(micro_ocpp::error_code(state)) == "EVCommunicationError");
  }

  TEST_CASE("measurands are told in their units, phase by phase") {
    charger::MeterSample sample;
    sample.energy_import_wh = 3000000000;
    sample.current_ma[2] = 15990;
    sample.voltage_mv[1] = 231400;
    sample.temperature_deci_c = -55;
    sample.frequency_mhz = 49990;
    std::string told;
    for (const micro_ocpp::Measurand& measurand : micro_ocpp::kMeasurands) {
      const double value = micro_ocpp::value_of(sample, measurand);
      if (value == 0) continue;
      char line[80];
      std::snprintf(line, sizeof line, "%s %s %.3f\n", measurand.name,
                    measurand.phase == nullptr ? "-" : measurand.phase, value);
      told += line;
    }
    CHECK(told ==
          "Energy.Active.Import.Register - 3000000000.000\nCurrent.Import L3 15.990\n"
          "Voltage L2-N 231.400\nTemperature - -5.500\nFrequency - 49.990\n");
  }

  TEST_CASE("a tag at the reader for all stops its transaction, else starts where an EV waits") {
    micro_ocpp::Candidate all[3];
    const auto picked = [&all] { return micro_ocpp::pick_connector(all, 3).connector_id; };
    CHECK(picked() == 0);
    for (micro_ocpp::Candidate& candidate : all) candidate.is_for_reader = true;
    CHECK(picked() == 0);
    all[0].is_free = all[1].is_free = true;
    CHECK(picked() == 1);
    all[1].is_plugged = true;
    CHECK(picked() == 2);
    all[1].is_for_reader = false;
    CHECK(picked() == 1);
    all[0].is_free = false;
    CHECK(picked() == 0);
    all[0].is_free = true;
    all[2].is_started_by_tag = true;
    CHECK(picked() == 3);
  }

  TEST_CASE(
      "a tag may stop who charges with another of its group, also while a connector is free") {
    micro_ocpp::Candidate all[3];
    for (micro_ocpp::Candidate& candidate : all) candidate.is_for_reader = true;
    all[0].is_free = true;
    all[1].is_of_group = all[2].is_of_group = true;
    micro_ocpp::Pick pick = micro_ocpp::pick_connector(all, 3);
    CHECK(pick.connector_id == 1);
    CHECK(pick.groups == 0b1100);
    all[2].is_for_reader = false;
    CHECK(micro_ocpp::pick_connector(all, 3).groups == 0b100);
    all[0].is_started_by_tag = true;
    pick = micro_ocpp::pick_connector(all, 3);
    CHECK(pick.connector_id == 1);
    CHECK(pick.groups == 0);
  }

  TEST_CASE("names of files are those that the store takes") {
    micro_ocpp::FileName name;
    REQUIRE(micro_ocpp::file_name("/tx-1-99999.json", name) == Status::kOk);
    CHECK(std::string(name.c_str()) == "mo-tx-1-99999.json");
    CHECK(micro_ocpp::file_name("/", name) == Status::kInvalidArgument);
    CHECK(micro_ocpp::file_name("/folder/file", name) == Status::kInvalidArgument);
    CHECK(micro_ocpp::file_name("/a-name-that-is-far-too-long.json", name) == Status::kNoSpace);
  }
}

TEST_SUITE("frame watch") {
  TEST_CASE("an answer is counted for the action that was asked") {
    FrameWatch watch;
    watch.on_sent(text(R"([2,"a1","Heartbeat",{}])"));
    CHECK(watch.on_received(text(R"([3,"other",{}])")).action.empty());
    const FrameHead answer =
        watch.on_received(text(R"([3,"a1",{"currentTime":"2026-01-01T00:00:00Z"}])"));
    CHECK(common::equals(answer.action, text("Heartbeat")));
    CHECK(common::equals(gateway::text_member(answer.payload, "currentTime"),
                         text("2026-01-01T00:00:00Z")));
    watch.on_sent(text(R"([2,"a2","Heartbeat",{}])"));
    CHECK(common::equals(watch.on_received(text(R"([4,"a2","InternalError","",{}])")).action,
                         text("Heartbeat")));
    CHECK(watch.waiting_id().empty());
    watch.on_sent(text(R"([2,"a3","Heartbeat",{}])"));
    CHECK(common::equals(watch.waiting_id(), text("a3")));
    CHECK(std::string(watch.waiting_action()) == "Heartbeat");
    watch.on_link_down();
    CHECK(watch.waiting_id().empty());
    CHECK(std::string(watch.waiting_action()).empty());
    const gateway::ActionCounters seen = counters(watch, Action::Heartbeat);
    CHECK(seen.sent == 3);
    CHECK(seen.answered == 1);
    CHECK(seen.failed == 1);
    CHECK(seen.timed_out == 1);
  }

  TEST_CASE("calls of the CSMS are counted, and those refused") {
    FrameWatch watch;
    (void)watch.on_received(text(R"([2,"b1","Reset",{"type":"Soft"}])"));
    (void)watch.on_received(text(R"([2,"b2","Reset",{}])"));
    (void)watch.on_received(text(R"([2,"b3","NoSuchAction",{}])"));
    watch.on_sent(text(R"([4,"b2","FormationViolation","",{}])"));
    watch.on_sent(text(R"([3,"b1",{"status":"Accepted"}])"));
    watch.on_sent(text(R"([4,"b3","NotImplemented","",{}])"));
    CHECK(counters(watch, Action::Reset).received == 2);
    CHECK(counters(watch, Action::Reset).refused == 1);
  }

  TEST_CASE("of a frame that was cut the id is still read") {
    const FrameHead head =
        gateway::read_frame_head(text(R"([2,"c1","DataTransfer",{"vendorId":"x)"));
    CHECK(head.kind == FrameHead::Kind::kCall);
    CHECK(common::equals(head.id, text("c1")));
    CHECK(head.payload.empty());
    for (const char* wrong : {"", "[", "[2", "[5,\"d\"]", "{}", "[2,7]"})
      CHECK(gateway::read_frame_head(text(wrong)).kind == FrameHead::Kind::kNone);
  }

  TEST_CASE("a member is found behind others, and only as text") {
    const common::TextSpan object = text(R"({"a":{"key":"inner"},"b":[1],"key":"outer","n":1})");
    CHECK(common::equals(gateway::text_member(object, "key"), text("outer")));
    CHECK(gateway::text_member(object, "n").empty());
    CHECK(gateway::text_member(object, "absent").empty());
  }
}

TEST_SUITE("file index") {
  TEST_CASE("names survive a restart") {
    platform_sim::SimPower power;
    platform_sim::SimFileStore files(power);
    gateway::FileIndex index(files);
    REQUIRE(index.load() == Status::kOk);
    const gateway::FileIndex::Name first("mo-tx-1-0.json");
    const gateway::FileIndex::Name second("mo-ocpp-config.jsn");
    REQUIRE(index.add(first) == Status::kOk);
    REQUIRE(index.add(second) == Status::kOk);
    const uint32_t written = index.bytes_written();
    REQUIRE(index.add(second) == Status::kOk);
    CHECK(index.bytes_written() == written);
    REQUIRE(index.remove(first) == Status::kOk);
    gateway::FileIndex again(files);
    REQUIRE(again.load() == Status::kOk);
    REQUIRE(again.size() == 1);
    CHECK(again.at(0) == second);
  }
}

TEST_SUITE("files of an engine that leaves them to the gateway") {
  struct Device {
    platform_sim::SimClock clock;
    platform_sim::SimPower power;
    platform_sim::SimFileServer server;
    platform_sim::SimFileTransfer transfer{clock, server};
    platform_sim::SimFileStore files{power};
    platform_sim::SimKeyValueStore boot_state{power};
    platform_sim::RecordingLogSink log;
    platform::SimulatedFirmware firmware{files, boot_state, log, "1.0.0", 100'000};

    template <typename Job>
    void run(Job& job) {
      for (int i = 0; i < 4000; ++i) {
        clock.advance(20);
        job.step();
      }
    }
  };

  TEST_CASE("a download that got far goes on over the next connection") {
    Device device;
    REQUIRE(device.firmware.begin() == Status::kOk);
    device.server.files["http://files/image"] = std::string(90'000, 'x');
    platform_sim::SimFileServer::Fault fault;
    fault.kind = platform_sim::SimFileServer::Fault::Kind::kCut;
    fault.after_bytes = 70'000;
    device.server.faults.push_back(fault);
    SUBCASE("where it broke off") {}
    SUBCASE("from the beginning where the server cannot do else") {
      device.server.can_resume = false;
    }
    gateway::ImageDownload image(&device.transfer, &device.firmware);
    REQUIRE(image.begin(text("http://files/image")) == Status::kOk);
    device.run(image);
    CHECK(image.download() == JobState::kDone);
    CHECK(image.bytes() == 90'000);
    CHECK(device.server.offsets == std::vector<uint32_t>{0, 70'000});
  }

  TEST_CASE("an image that breaks off is no image") {
    Device device;
    REQUIRE(device.firmware.begin() == Status::kOk);
    device.server.files["http://files/image"] = std::string(20'000, 'x');
    platform_sim::SimFileServer::Fault fault;
    fault.kind = platform_sim::SimFileServer::Fault::Kind::kCut;
    fault.after_bytes = 5000;
    device.server.faults.push_back(fault);
    gateway::ImageDownload image(&device.transfer, &device.firmware);
    REQUIRE(image.begin(text("http://files/image")) == Status::kOk);
    device.run(image);
    CHECK(image.download() == JobState::kFailed);

    REQUIRE(image.begin(text("http://files/image")) == Status::kOk);
    device.run(image);
    CHECK(image.download() == JobState::kDone);
    CHECK(image.bytes() == 20'000);
    image.install();  // it is whole, but no firmware
    device.run(image);
    CHECK(image.installation() == JobState::kFailed);
  }

  TEST_CASE("without a port there is no job") {
    Device device;
    gateway::ImageDownload image(&device.transfer, nullptr);
    CHECK_FALSE(image.is_offered());
    CHECK(image.begin(text("http://files/image")) == Status::kUnsupported);
    CHECK(image.download() == JobState::kFailed);
    gateway::TextUpload upload(nullptr, nullptr);
    upload.begin(text("http://files/"), {}, {});
    CHECK(upload.state() == JobState::kRunning);
    upload.step();
    CHECK(upload.state() == JobState::kFailed);
  }

  TEST_CASE("a text arrives whole, piece by piece") {
    struct Lines final : platform::TextSource {
      int line = 0;
      char buffer[16] = {};
      Status rewind(common::UtcTime, common::UtcTime) override {
        line = 0;
        return Status::kOk;
      }
      common::TextSpan piece() override {
        if (line == 500) return {};
        std::snprintf(buffer, sizeof buffer, "line %03d\n", line);
        return text(buffer);
      }
      void next() override { ++line; }
    } lines;
    Device device;
    gateway::TextUpload upload(&device.transfer, &lines);
    upload.begin(text("ftp://files/report"), {}, {});
    device.run(upload);
    CHECK(upload.state() == JobState::kDone);
    const std::string& arrived = device.server.uploads["ftp://files/report"];
    CHECK(arrived.size() == 4500);
    CHECK(arrived.substr(0, 9) == "line 000\n");
  }
}

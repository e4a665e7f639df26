#include "doctest_main/doctest_main.hpp"
#include "gateway/storage_report.hpp"
#include "gateway/volume_start.hpp"
#include "platform_sim/recording_log_sink.hpp"
#include "platform_sim/sim_file_store.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <memory>
#include <string>

using common::Instant;
using common::Status;
using gateway::StorageReport;
using platform::VolumeState;

namespace {

/// Flash whose state the test chooses; writes down what is done to it.
class FakeVolume final : public platform::Volume {
 public:
  Status mount() override {
    calls += "m";
    if (glitches > 0) {
      --glitches;
      return Status::kCorrupt;
    }
    return content;
  }
  bool is_blank() override { return blank; }
  Status format() override {
    calls += "f";
    if (format_status == Status::kOk && is_mended_by_format) content = Status::kOk;
    return format_status;
  }

  Status content = Status::kOk;
  bool blank = false;
  int glitches = 0;
  Status format_status = Status::kOk;
  bool is_mended_by_format = true;
  std::string calls;
};

/// One gateway over its restarts.
struct Gateway {
  platform_sim::SimPower power;
  platform_sim::SimFileStore flash{power};
  platform_sim::SimKeyValueStore values{power};
  platform_sim::RecordingLogSink log;
  std::unique_ptr<platform_sim::SimFileStore> files;
  std::unique_ptr<platform_sim::SimKeyValueStore> settings;
  std::unique_ptr<StorageReport> report;

  void start(VolumeState state = VolumeState::kReady) {
    // New objects count from 0, as after a restart; what was kept is copied.
    uint8_t kept[64];
    const common::Result<size_t> size =
        settings ? settings->get("wear", kept) : common::Result<size_t>(Status::kNotFound);
    files = std::make_unique<platform_sim::SimFileStore>(power);
    settings = std::make_unique<platform_sim::SimKeyValueStore>(power);
    if (size.ok())
      CHECK(settings->set("wear", common::ByteSpan(kept, size.value())) == Status::kOk);
    own_writes = settings->written().writes;
    report = std::make_unique<StorageReport>(
        StorageReport::Stores{*files, {settings.get(), nullptr, nullptr, nullptr}, *settings}, log);
    report->begin(state, VolumeState::kReady, Instant{0});
  }
  void write(int times) {
    const uint8_t bytes[10] = {};
    for (int i = 0; i < times; ++i)
      CHECK(files->append("a", common::ByteSpan(bytes)) == Status::kOk);
  }
  uint32_t own_writes = 0;
};

}  // namespace

TEST_CASE("a volume that works is only mounted") {
  FakeVolume volume;
  platform_sim::RecordingLogSink log;
  CHECK(gateway::start_volume(volume, "x", log) == VolumeState::kReady);
  CHECK(volume.calls == "m");
}

TEST_CASE("a new volume is formatted without a word of loss") {
  FakeVolume volume;
  platform_sim::RecordingLogSink log;
  volume.content = Status::kCorrupt;
  volume.blank = true;
  CHECK(gateway::start_volume(volume, "x", log) == VolumeState::kReady);
  CHECK(volume.calls == "mfm");
  CHECK(log.text().find("lost") == std::string::npos);
}

// Rules: FP-8
TEST_CASE("a damaged volume is looked at twice, then formatted, and the loss is told") {
  FakeVolume volume;
  platform_sim::RecordingLogSink log;
  SUBCASE("damaged") {
    volume.content = Status::kCorrupt;
    CHECK(gateway::start_volume(volume, "the records", log) == VolumeState::kFormatted);
    CHECK(volume.calls == "mmfm");
    CHECK(log.text().find("the place of the records is damaged") != std::string::npos);
  }
  SUBCASE("only at the first look") {
    volume.glitches = 1;
    CHECK(gateway::start_volume(volume, "the records", log) == VolumeState::kReady);
    CHECK(volume.calls == "mm");
  }
}

TEST_CASE("a volume that formatting does not mend is given up, once") {
  FakeVolume volume;
  platform_sim::RecordingLogSink log;
  volume.content = Status::kCorrupt;
  SUBCASE("it cannot be formatted") { volume.format_status = Status::kIo; }
  SUBCASE("it is damaged again") { volume.is_mended_by_format = false; }
  CHECK(gateway::start_volume(volume, "x", log) == VolumeState::kFailed);
  CHECK(log.text().find("could not be formatted") != std::string::npos);
}

TEST_CASE("a volume that is not there is never formatted") {
  FakeVolume volume;
  platform_sim::RecordingLogSink log;
  volume.content = Status::kIo;
  CHECK(gateway::start_volume(volume, "x", log) == VolumeState::kFailed);
  CHECK(volume.calls == "mm");
}

TEST_CASE("writes are summed over restarts, and stored once an hour") {
  Gateway gateway;
  gateway.start();
  gateway.write(3);
  CHECK(gateway.report->file_wear().writes == 3);
  CHECK(gateway.report->file_wear().bytes == 30);
  for (int64_t s = 0; s < 3 * 3600; s += 60) (void)gateway.report->step(Instant{s * 1000});
  // One write in three hours: the second and third had nothing new.
  CHECK(gateway.settings->written().writes - gateway.own_writes == 1);
  gateway.write(2);  // lost: the power is cut before the hour is over
  gateway.start();
  CHECK(gateway.report->file_wear().writes == 3);
  gateway.write(4);
  CHECK(gateway.report->flush(Instant{5000}) == Status::kOk);
  gateway.start();
  CHECK(gateway.report->file_wear().writes == 7);
  CHECK(gateway.report->file_wear().bytes == 70);
  CHECK(gateway.report->setting_wear().writes >= 2);
}

TEST_CASE("formatting is counted at once") {
  Gateway gateway;
  gateway.start();
  gateway.start(VolumeState::kFormatted);
  gateway.start();
  CHECK(gateway.report->file_wear().formats == 1);
  CHECK(gateway.report->setting_wear().formats == 0);
  char text[400];
  json::Writer out(text);
  out.begin_object();
  gateway.report->write(out);
  out.end_object();
  CHECK(std::string(text, out.size())
            .find(R"("files":{"state":"ready","writes":0,"bytes":0,)"
                  R"("formats":1})") != std::string::npos);
}

TEST_CASE("a store that does not take the sums costs a log line, no more") {
  Gateway gateway;
  gateway.start();
  gateway.write(1);
  gateway.settings->fail_next_set(Status::kNoSpace);
  CHECK(gateway.report->step(Instant{StorageReport::kKeepMs}) ==
        Instant{2 * StorageReport::kKeepMs});
  CHECK(gateway.log.text().find("could not be stored") != std::string::npos);
}

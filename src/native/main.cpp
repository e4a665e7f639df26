#include "app/app.hpp"
#include "build/version.hpp"
#include "gateway/volume_start.hpp"
#include "native/options.hpp"
#include "native/records_volume.hpp"
#include "native/reset_places.hpp"
#include "native/sealed_stores.hpp"
#include "native/setting_overrides.hpp"
#include "native/tee_link.hpp"
#include "platform/simulated_board.hpp"
#include "platform/simulated_firmware.hpp"
#include "platform/simulated_wifi.hpp"
#include "platform_linux/curl_file_transfer.hpp"
#include "platform_linux/file_key_value_store.hpp"
#include "platform_linux/linux_clock.hpp"
#include "platform_linux/linux_device.hpp"
#include "platform_linux/linux_entropy.hpp"
#include "platform_linux/linux_waiter.hpp"
#include "platform_linux/lws_web_socket_link.hpp"
#include "platform_linux/posix_file_store.hpp"
#include "platform_linux/posix_serial_link.hpp"
#include "platform_linux/posix_tcp_link.hpp"
#include "platform_linux/posix_tcp_listener.hpp"
#include "platform_linux/posix_udp_link.hpp"
#include "platform_linux/pty_link.hpp"
#include "platform_linux/stdio_link.hpp"
#include "platform_linux/thread_worker.hpp"
#include "security/device_credentials.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <vector>

namespace {

LOG_MODULE("native.main");

using common::Status;

constexpr uint32_t kRecordQuotaBytes = 4 * 1024 * 1024;
constexpr uint32_t kSlotBytes = 4 * 1024 * 1024;

int fail(const std::string& sentence) {
  std::fprintf(stderr, "vev-gateway: %s\n", sentence.c_str());
  return 1;
}

bool make_folder(const std::string& path) {
  return mkdir(path.c_str(), 0700) == 0 || errno == EEXIST;
}

/// Refuses what the settings table would refuse, so that a typing error does not start a gateway.
bool check_overrides(const native::Options& options, std::string& sentence) {
  class Sink final : public platform::KeyValueStore {
   public:
    common::Result<size_t> get(const char*, common::MutableByteSpan) override {
      return Status::kNotFound;
    }
    Status set(const char*, common::ByteSpan) override { return Status::kOk; }
    Status erase(const char*) override { return Status::kOk; }
    Status erase_all() override { return Status::kOk; }
  } sink;
  gateway::Settings settings(sink);
  for (const auto& [name, value] : options.settings) {
    common::FixedString<95> error;
    const Status status = settings.set(common::TextSpan(name.data(), name.size()),
                                       common::TextSpan(value.data(), value.size()), error);
    if (status != Status::kOk) {
      sentence = error.c_str();
      return false;
    }
  }
  return true;
}

/// Without --wifi one network is near that lets everybody in: enough to try setting up without a board.
void fill_air(platform::SimulatedWifi& wifi, const native::Options& options) {
  if (options.wifi.empty()) {
    platform::SimulatedWifi::Network network;
    network.ssid = common::FixedString<32>("simulated");
    network.takes_any_password = true;
    (void)wifi.add(network);
  }
  for (const auto& [ssid, password] : options.wifi) {
    platform::SimulatedWifi::Network network;
    network.ssid = common::FixedString<32>(ssid.c_str());
    network.password = common::FixedString<63>(password.c_str());
    (void)wifi.add(network);
  }
}

int run(const native::Options& options, char** argv) {
  using namespace platform_linux;  // NOLINT: every type below is this platform's
  std::string sentence;
  if (!check_overrides(options, sentence)) return fail(sentence);
  if (!make_folder(options.data_dir)) {
    return fail("the data folder " + options.data_dir + " cannot be made: " + std::strerror(errno));
  }
  const LinuxClock::UtcSource utc_source = LinuxClock::UtcSource::kOperatingSystem;
  LinuxClock clock(utc_source);
  LinuxWaiter waiter(clock);
  if (waiter.begin() != Status::kOk) return fail("the kernel gave no descriptors");
  LinuxEntropy entropy;
  PosixFileStore files(kRecordQuotaBytes);
  FileKeyValueStore stored_settings;
  FileKeyValueStore plain_ocpp;
  FileKeyValueStore registers;
  FileKeyValueStore crashes;
  if (stored_settings.open(options.data_dir + "/settings") != Status::kOk) {
    return fail(stored_settings.last_error());
  }
  if (plain_ocpp.open(options.data_dir + "/ocpp") != Status::kOk) {
    return fail(plain_ocpp.last_error());
  }
  FileKeyValueStore plain_keys;
  if (plain_keys.open(options.data_dir + "/keys") != Status::kOk) {
    return fail(plain_keys.last_error());
  }
  native::SealedStores sealed(stored_settings, plain_ocpp, plain_keys, entropy);
  sentence = sealed.use_key_of(options.device_key_file);
  if (!sentence.empty()) return fail(sentence);
  if (registers.open(options.data_dir + "/registers") != Status::kOk) {
    return fail(registers.last_error());
  }
  if (crashes.open(options.data_dir + "/crashes") != Status::kOk) {
    return fail(crashes.last_error());
  }
  PosixFileStore image_files;
  FileKeyValueStore boot_state;
  if (image_files.open(options.data_dir + "/firmware") != Status::kOk) {
    return fail(image_files.last_error());
  }
  if (boot_state.open(options.data_dir + "/boot") != Status::kOk) {
    return fail(boot_state.last_error());
  }
  native::SettingOverrides settings(sealed.settings, options.settings);
  LinuxDevice device({"", options.data_dir + "/running", argv});
  device.note_crashes();

  std::unique_ptr<StdioLink> stdio;
  std::unique_ptr<PtyLink> pty;
  platform::SerialLink* console = nullptr;
  if (options.console == "stdio") {
    stdio = std::make_unique<StdioLink>();
    waiter.add(*stdio);
    console = stdio.get();
  } else if (options.console != "none") {
    pty = std::make_unique<PtyLink>(clock);
    if (pty->open(options.console.substr(4)) != Status::kOk) return fail(pty->last_error());
    waiter.add(*pty);
    console = pty.get();
  }
  native::TeeLink console_copy(console);
  if (!options.log_file.empty() && !console_copy.open(options.log_file)) {
    return fail("the log file " + options.log_file + " cannot be written: " + std::strerror(errno));
  }
  gateway::ConsoleOutput output(console_copy);
  gateway::ConsoleLog log(output, clock);

  native::RecordsVolume records(files, options.data_dir + "/records");
  const platform::VolumeState files_state =
      gateway::start_volume(records, "the transaction records", log);
  // A folder that another process uses or that may not be written: for the person who started this one.
  if (files_state == platform::VolumeState::kFailed) {
    (void)output.flush();
    return fail(files.last_error());
  }
  native::ResetPlaces places(
      {&stored_settings, &plain_ocpp, &plain_keys, &registers, &crashes, &boot_state}, files);
  gateway::FactoryReset reset({places, files, crashes, boot_state, device, log});
  if (reset.finish() != Status::kOk) return fail("the factory reset cannot be finished");
  LwsWebSocketLink csms(log);
  waiter.add(csms);
  // There is no boot loader: what it would do happens here.
  auto firmware = std::make_unique<platform::SimulatedFirmware>(
      image_files, boot_state, log, build::kVersion, kSlotBytes, build::kSecurityVersion);
  if (firmware->begin() != Status::kOk) return fail("the state of the firmware cannot be read");
  CurlFileTransfer::Options transfer_options;
  transfer_options.temporary_folder = options.data_dir;
  CurlFileTransfer transfer(transfer_options);

  app::Platform platform{clock,     waiter,  entropy, device,       files,  settings, sealed.ocpp,
                         registers, crashes, csms,    console_copy, output, log};
  platform::SimulatedWifi wifi(clock);
  fill_air(wifi, options);
  platform.radio = &wifi;
  const std::string file_folder = options.data_dir + "/records";
  platform.file_folder = file_folder.c_str();
  platform.has_other_network = options.wifi.empty();
  platform.simulated_wifi = &wifi;
  platform_linux::ThreadWorker worker;
  security::DeviceCredentials credentials(files, sealed.keys, entropy, worker, log);
  if (credentials.begin() != Status::kOk) return fail("the certificates cannot be read");
  platform.credentials = &credentials;
  platform.reset = &reset;
  platform.transfer = &transfer;
  platform.firmware = firmware.get();
  std::vector<std::unique_ptr<PosixSerialLink>> serial_links;
  for (const auto& [number, path] : options.buses) {
    serial_links.push_back(std::make_unique<PosixSerialLink>(path, clock, log));
    waiter.add(*serial_links.back());
    platform.buses[number - 1] = serial_links.back().get();
  }
  std::vector<std::unique_ptr<PosixTcpLink>> sockets;
  for (platform::TcpLink*& socket : platform.sockets) {
    sockets.push_back(std::make_unique<PosixTcpLink>());
    waiter.add(*sockets.back());
    socket = sockets.back().get();
  }
  if (!options.reader_device.empty()) {
    serial_links.push_back(std::make_unique<PosixSerialLink>(options.reader_device, clock, log));
    waiter.add(*serial_links.back());
    platform.reader.serial = serial_links.back().get();
  }
  std::unique_ptr<platform::SimulatedBoard> board;
  if (!options.board_device.empty()) {
    serial_links.push_back(std::make_unique<PosixSerialLink>(options.board_device, clock, log));
    waiter.add(*serial_links.back());
    board = std::make_unique<platform::SimulatedBoard>(*serial_links.back(), clock);
    platform.board = {board.get(), board.get(), board.get(), board.get()};
  }
  PosixUdpLink udp;
  waiter.add(udp);
  platform.udp = &udp;

  PosixTcpListener listener;
  waiter.add(listener);
  platform.setup.listener = &listener;
  platform.setup.own_port = options.setup_page;

  auto app = std::make_unique<app::App>(platform);
  app->set_volumes(files_state, platform::VolumeState::kReady);
  app::App::Error error;
  const bool has_started = app->begin(error) == Status::kOk;
  // A supervisor would start a process that ends over and over; the console is what is left to help.
  if (!has_started && app->is_console_only()) LOG_ERROR(log, "not started: %s", error.c_str());
  if (!has_started && !app->is_console_only()) {
    (void)output.flush();
    std::string why = error.c_str();
    for (const auto& link : serial_links) {
      if (!link->last_error().empty()) why += "; " + link->last_error();
    }
    if (!options.stays) return fail(why);
    LOG_ERROR(log, "not started: %s", why.c_str());
  }
  while (!waiter.is_stop_requested()) app->step();
  app->shutdown();
  device.mark_clean_stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const native::ParseOutcome outcome =
      native::parse_options(std::vector<std::string>(argv + 1, argv + argc));
  if (outcome.should_exit) {
    std::fputs(outcome.message.c_str(), outcome.exit_code == 0 ? stdout : stderr);
    return outcome.exit_code;
  }
  return run(outcome.options, argv);
}

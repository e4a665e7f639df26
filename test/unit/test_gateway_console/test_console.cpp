#include "console_fixture.hpp"

#include <new>
#include <string>

using common::Instant;
using Request = gateway::Console::Request;

TEST_CASE("a reply carries the id of its command and is one line") {
  Fixture fixture;
  CHECK(fixture.say("#17 log") ==
        "{\"id\":17,\"ok\":true,\"level\":\"info\",\"dropped_lines\":0}\n");
  CHECK(fixture.say("log") == "{\"id\":0,\"ok\":true,\"level\":\"info\",\"dropped_lines\":0}\n");
  CHECK(fixture.say("").empty());
}

TEST_CASE("a mistake is answered with one sentence") {
  Fixture fixture;
  CHECK(fixture.say("#3 frobnicate now") ==
        "{\"id\":3,\"ok\":false,\"error\":\"unknown command: frobnicate; help lists all\"}\n");
  CHECK(has(fixture.say("#x status"), "an id is # and a number"));
  CHECK(has(fixture.say("#-1 status"), "an id is # and a number"));
  CHECK(has(fixture.say("#4 config"), "\"id\":4,\"ok\":false,\"error\":\"usage: config get"));
  CHECK(has(fixture.say("#5 meter 3"), "there are connectors 1 to 2"));
  CHECK(has(fixture.say("#6 " + std::string(2000, 'x')),
            "\"id\":6,\"ok\":false,\"error\":\"the line is too long\""));
}

TEST_CASE("a command that arrives in pieces or with a carriage return is understood") {
  Fixture fixture;
  fixture.terminal.input = "#9 lo";
  fixture.console.step(fixture.clock.now());
  CHECK(fixture.terminal.output.empty());
  CHECK(has(fixture.say("g\r"), "\"id\":9,\"ok\":true"));
}

TEST_CASE("commands sent all at once are all answered, however slowly the replies leave") {
  Fixture fixture;
  fixture.terminal.room = 0;
  std::string commands;
  for (int i = 1; i <= 100; ++i) commands += "#" + std::to_string(i) + " status\n";
  fixture.terminal.input = commands;
  for (int i = 0; i < 2000; ++i) {
    fixture.terminal.room = 100;
    fixture.console.step(fixture.clock.now());
  }
  for (int i = 1; i <= 100; ++i) {
    CAPTURE(i);
    CHECK(has(fixture.terminal.output, "{\"id\":" + std::to_string(i) + ",\"ok\":true"));
  }
  CHECK(fixture.output.dropped_lines() == 0);
}

TEST_CASE("configuration keys are listed, read and written with the engine's checks") {
  Fixture fixture;
  CHECK(has(fixture.say("config get"),
            "\"configuration\":{\"HeartbeatInterval\":\"300\",\"AuthorizationKey\":null}"));
  CHECK(has(fixture.say("config set heartbeatinterval 60"), "\"status\":\"Accepted\""));
  CHECK(has(fixture.say("config get HeartbeatInterval"), "\"value\":\"60\""));
  CHECK(has(fixture.say("config set HeartbeatInterval x"), "the value was refused: Rejected"));
  CHECK(has(fixture.say("config set Nothing 1"), "the value was refused: NotSupported"));
  CHECK(has(fixture.say("config get Nothing"), "no such configuration key: Nothing"));
}

TEST_CASE("settings are stored, and secrets never shown") {
  Fixture fixture;
  CHECK(has(fixture.say("setting set password s3cret"), "after a reboot"));
  const std::string list = fixture.say("setting list");
  CHECK(has(list, "\"password\":\"(set)\""));
  CHECK(has(list, "\"c2.profile\":\"\""));
  CHECK_FALSE(has(list, "c3.profile"));
  CHECK_FALSE(has(list, "s3cret"));
  CHECK_FALSE(has(fixture.say("setting get password"), "s3cret"));
  CHECK(has(fixture.say("setting set offline_s soon"), "must be a whole number"));
  CHECK(has(fixture.say("setting get nothing"), "no such setting: nothing"));
}

TEST_CASE("the log level is changed for this run") {
  Fixture fixture;
  CHECK(has(fixture.say("log level debug"), "\"level\":\"debug\""));
  CHECK(fixture.log.level() == common::LogLevel::kDebug);
  CHECK(has(fixture.say("log level loud"), "error, warn, info or debug"));
}

TEST_CASE(
    "restart and factory reset are asked of the application, the latter only when confirmed") {
  Fixture fixture;
  CHECK(has(fixture.say("factory-reset"), "say factory-reset CONFIRM"));
  CHECK(fixture.console.take_request() == Request::kNone);
  CHECK(has(fixture.say("factory-reset CONFIRM"), "\"ok\":true"));
  CHECK(fixture.files.exists("factory.rst"));
  CHECK(fixture.console.take_request() == Request::kFactoryReset);
  fixture.say("reboot");
  CHECK(fixture.console.take_request() == Request::kReboot);
  CHECK(fixture.console.take_request() == Request::kNone);
}

TEST_CASE("a factory reset loses no money unless somebody says so") {
  Fixture fixture;
  fixture.engine.transaction.has_transaction = true;
  CHECK(has(fixture.say("factory-reset CONFIRM"),
            "transactions running: 2, transaction messages that the CSMS does not have: 0; to lose "
            "them say factory-reset DISCARD"));
  fixture.engine.transaction.has_transaction = false;
  fixture.engine.pending_messages = 3;
  CHECK(has(fixture.say("factory-reset CONFIRM"), "that the CSMS does not have: 3"));
  CHECK_FALSE(fixture.files.exists("factory.rst"));
  CHECK(fixture.console.take_request() == Request::kNone);
  fixture.files.fail_next_append(common::Status::kNoSpace, 0);
  CHECK(has(fixture.say("factory-reset DISCARD"), "the flash takes no mark: nothing is erased"));
  CHECK(fixture.console.take_request() == Request::kNone);
  CHECK(has(fixture.say("factory-reset DISCARD"), "\"ok\":true"));
  CHECK(fixture.console.take_request() == Request::kFactoryReset);

  // A gateway that does not run cannot count.
  Fixture broken;
  broken.files.raw("transactions.log") = {1};
  broken.console.on_not_started(common::text("connector 1 has no charger"));
  CHECK(has(broken.say("factory-reset CONFIRM"), "the gateway does not run"));
  broken.files.raw("transactions.log").clear();
  CHECK(has(broken.say("factory-reset CONFIRM"), "\"ok\":true"));
}

TEST_CASE("open transactions are listed and can be stopped") {
  Fixture fixture;
  CHECK(has(fixture.say("tx"), "\"transactions\":[]"));
  CHECK(has(fixture.say("tx stop 1"), "no transaction is running"));
  fixture.engine.transaction.has_transaction = true;
  fixture.engine.transaction.local_transaction = 7;
  fixture.engine.transaction.id_tag = gateway::MaskedIdTag("04****11");
  CHECK(has(fixture.say("tx"),
            "\"connector\":1,\"transaction\":7,\"transaction_id\":null,\"tag\":\"04****11\""));
  CHECK(has(fixture.say("tx stop 1"), "\"ok\":true"));
}

TEST_CASE("status shows every connector") {
  Fixture fixture;
  charger::ChargerState state;
  state.plug = charger::Plug::kPlugged;
  state.health = charger::Health::kOk;
  fixture.policy.on_charger_state(2, state, fixture.clock.now());
  const std::string text = fixture.say("status");
  CHECK(has(text, "\"version\":\"1.2.3\",\"identity\":\"CP1\""));
  CHECK(has(text, "\"connector\":1"));
  CHECK(has(text, "\"connector\":2,\"status\":\"\",\"plug\":\"plugged\",\"health\":\"ok\""));
}

TEST_CASE("events say what changed, once") {
  Fixture fixture;
  fixture.console.on_ready();
  gateway::EngineEvent event;
  event.kind = gateway::EngineEvent::Kind::kTransactionStarted;
  event.connector_id = 1;
  event.local_transaction = 5;
  event.id_tag = gateway::MaskedIdTag("AB****CD");
  fixture.console.on_event(event);
  std::string text = fixture.say("");
  CHECK(has(
      text,
      "EVT {\"event\":\"ready\",\"version\":\"1.2.3\",\"identity\":\"CP1\",\"connectors\":2}\n"));
  CHECK(has(
      text,
      "EVT {\"event\":\"tx_started\",\"transaction\":5,\"connector\":1,\"tag\":\"AB****CD\"}\n"));

  charger::ChargerState state;
  state.limit_known = true;
  state.limit_ma = 10000;
  fixture.policy.on_charger_state(1, state, fixture.clock.now());
  text = fixture.say("");
  CHECK(has(text, "EVT {\"event\":\"charger\",\"connector\":1"));
  CHECK(has(text, "\"limit_ma\":10000"));
  CHECK(fixture.say("").empty());

  fixture.engine.pending_messages = 2;
  CHECK(fixture.say("").empty());
  fixture.engine.pending_messages = 0;
  CHECK(fixture.say("") == "EVT {\"event\":\"delivered\"}\n");
}

#ifdef GATEWAY_TEST_HOOKS
TEST_CASE("a vendor message is handed to the engine, and its answer told as an event") {
  Fixture fixture;
  CHECK(has(fixture.say("ocpp data-transfer com.example Greeting hello world"), "\"ok\":true"));
  CHECK(fixture.engine.data_transfer == "com.example/Greeting/hello world");
  CHECK(has(fixture.say("ocpp data-transfer com.example - x"), "\"ok\":true"));
  CHECK(fixture.engine.data_transfer == "com.example//x");
  CHECK(has(fixture.say("ocpp data-transfer"), "\"ok\":false"));
  CHECK(has(fixture.say("ocpp nonsense"), "\"ok\":false"));
  CHECK(has(fixture.say("ocpp data-transfer " + std::string(260, 'v')), "too long"));
  fixture.engine.data_transfer_status = common::Status::kInvalidState;
  CHECK(has(fixture.say("ocpp data-transfer v"), "the CSMS is not connected"));
  fixture.engine.data_transfer_status = common::Status::kAgain;
  CHECK(has(fixture.say("ocpp data-transfer v"), "not answered yet"));
  fixture.terminal.output.clear();
  gateway::EngineEvent event;
  event.kind = gateway::EngineEvent::Kind::kDataTransferAnswered;
  event.text = "Accepted";
  event.data = common::text("42");
  fixture.console.on_event(event);
  fixture.console.step(fixture.clock.now());
  CHECK(has(fixture.terminal.output,
            R"(EVT {"event":"data_transfer","status":"Accepted","data":"42"})"));
}

TEST_CASE("messages that the CSMS refused for good are listed and can be cleared") {
  Fixture fixture;
  CHECK(has(fixture.say("tx dead-letters"), "\"messages\":[]"));
  gateway::LostMessage message;
  message.action = "StopTransaction";
  message.reason = "CallError";
  message.local_transaction = 7;
  message.has_transaction_id = true;
  message.transaction_id = 1000;
  message.id_tag = gateway::MaskedIdTag("AB****90");
  message.has_meter = true;
  message.meter_wh = 12345;
  message.utc = common::UtcTime{1800000000000};
  fixture.engine.lost_messages.assign(30, message);
  const std::string reply = fixture.say("tx dead-letters");
  CHECK(has(reply, R"({"action":"StopTransaction","reason":"CallError","transaction":7,)"
                   R"("transaction_id":1000,"tag":"AB****90","meter_wh":12345,)"
                   R"("utc_ms":1800000000000})"));
  CHECK(has(reply, "\"ok\":true"));
  CHECK(has(fixture.say("tx dead-letters resend"), "\"ok\":true"));
  fixture.engine.resend_status = common::Status::kNotFound;
  CHECK(has(fixture.say("tx dead-letters resend"), "there are no dead letters"));
  fixture.engine.resend_status = common::Status::kAgain;
  CHECK(has(fixture.say("tx dead-letters resend"), "being sent already"));
  fixture.engine.resend_status = common::Status::kInvalidState;
  CHECK(has(fixture.say("tx dead-letters resend"), "not connected"));
  fixture.engine.clear_status = common::Status::kIo;
  CHECK(has(fixture.say("tx dead-letters clear"), "nothing is cleared"));
  fixture.engine.resend_status = fixture.engine.clear_status = common::Status::kUnsupported;
  CHECK(has(fixture.say("tx dead-letters resend"), "this engine keeps no dead letters"));
  CHECK(has(fixture.say("tx dead-letters clear"), "this engine keeps no dead letters"));
  fixture.engine.clear_status = common::Status::kOk;
  CHECK(has(fixture.say("tx dead-letters clear"), "\"ok\":true"));
  CHECK(fixture.engine.lost_messages.empty());
  CHECK(has(fixture.say("tx dead-letters nonsense"), "\"ok\":false"));
}

TEST_CASE("test builds present tags and cut the link") {
  Fixture fixture;
  CHECK(has(fixture.say("sim tag 04AABB 2"), "\"ok\":true"));
  CHECK(fixture.engine.tags == std::vector<std::string>{"2:04AABB"});
  CHECK(has(fixture.say("sim tag " + std::string(21, 'A')), "at most 20 characters"));
  fixture.say("sim link down");
  CHECK(fixture.console.take_request() == Request::kLinkDown);
  CHECK(has(fixture.say("sim plug"), "the charger simulator's"));
}
#endif

TEST_CASE("status tells why the gateway started, its mode and how its loop turns") {
  Fixture fixture;
  fixture.device.set_reset_cause(platform::ResetCause::kBrownOut);
  for (int i = 0; i < 3; ++i) {
    fixture.crashes.~CrashGuard();
    new (&fixture.crashes) gateway::CrashGuard(&fixture.crash_store, fixture.log);
    fixture.crashes.begin(platform::ResetCause::kBrownOut, fixture.clock.now());
  }
  fixture.loop.on_turn(1000);
  fixture.loop.on_wait(1003, 2000);
  fixture.loop.on_turn(2001);
  fixture.loop.on_wait(2003, 3000);
  const std::string text = fixture.say("status");
  CHECK(has(text, R"("reset_cause":"brown-out","mode":"safe","mode_ends_in_ms":1800000,)"
                  R"("recent_crashes":0,"crashes":3,)"));
  CHECK(has(text, R"("loop_us":{"turns":2,"period":{"min":1001,"max":1001,"p99":1001},)"
                  R"("busy":{"min":2,"max":3,"p99":3},"late":{"min":1,"max":1,"p99":1}})"));
  CHECK(has(fixture.say("safe-mode"), R"("ok":true,"mode":"safe")"));
  CHECK(has(fixture.say("safe-mode leave"), R"("ok":true,"mode":"normal")"));
  CHECK(has(fixture.say("safe-mode now"), "usage: safe-mode"));
  CHECK(fixture.crashes.mode() == gateway::CrashGuard::Mode::kNormal);
}

TEST_CASE("an image on trial is confirmed by command, with a sentence where there is none") {
  Fixture fixture;
  CHECK(has(fixture.say("firmware confirm"), "no image is on trial"));
  CHECK(has(fixture.say("firmware update http://h/f"), "has no place for firmware images"));
  fixture.engine.confirm_status = common::Status::kIo;
  CHECK(has(fixture.say("firmware confirm"), "could not be stored"));
  fixture.engine.confirm_status = common::Status::kOk;
  CHECK(fixture.say("#2 firmware confirm") == "{\"id\":2,\"ok\":true}\n");
}

TEST_CASE(
    "wifi networks are added and removed, with blanks in names and passwords, and hold at once") {
  Fixture fixture;
  CHECK(has(fixture.say("wifi add \"Our Net\" \"pass \"word\" \""), "\"networks\":1"));
  CHECK(fixture.settings.text("wifi_ssid") == gateway::SettingText("Our Net"));
  CHECK(fixture.settings.text("wifi_password") == gateway::SettingText("pass \"word\" "));
  CHECK(has(fixture.say("wifi Other pass word"), "\"networks\":2"));
  CHECK(fixture.settings.text("wifi2_password") == gateway::SettingText("pass word"));
  CHECK(has(fixture.say("wifi add Open"), "\"networks\":3"));
  const std::string list = fixture.say("wifi");
  CHECK(has(list, R"("wifi":{"state":"scanning","networks":[{"ssid":"Our Net","password_set":true,)"
                  R"("failure":"none"})"));
  CHECK(has(list, R"({"ssid":"Open","password_set":false,)"));
  CHECK_FALSE(has(list, "word\""));
  CHECK(has(fixture.say("status"), R"("wifi":{"state":"scanning")"));
  CHECK(has(fixture.say("wifi add depot short"), "a Wi-Fi password has 8 to 63 characters"));
  CHECK(has(fixture.say("wifi remove \"Our Net\""), "\"networks\":2"));
  CHECK(has(fixture.say("wifi remove \"Our Net\""), "no such network is stored"));
  CHECK(fixture.settings.text("wifi_ssid") == gateway::SettingText("Other"));
  CHECK(has(fixture.say("setting set wifi_password \" blanks \""), "\"changed\":true"));
  CHECK(fixture.settings.text("wifi_password") == gateway::SettingText(" blanks "));
}

TEST_CASE("the console tells the access point's password, and nothing else does") {
  Fixture fixture;
  const std::string told = fixture.say("wifi ap on");
  const std::string password = fixture.network.access_point_password().c_str();
  CHECK(has(told, R"("up":true,"ssid":"VEV-24AB","password":")" + password +
                      R"(","address":"192.168.4.1","clients":0})"));
  CHECK_FALSE(
      has(fixture.say("setting list") + fixture.say("status") + fixture.say("wifi"), password));
  CHECK(has(fixture.say("wifi ap off"), "\"up\":false"));
}

TEST_CASE("a search for networks is an event when it ends") {
  Fixture fixture;
  CHECK(has(fixture.say("sim wifi add \"Our Net\" \"password 1\" -61"), "\"ok\":true"));
  CHECK(has(fixture.say("sim wifi add"), "usage: sim"));
  CHECK(has(fixture.say("wifi scan"), "event wifi_scan"));
  CHECK_FALSE(has(fixture.say("log"), "EVT"));
  for (int i = 0; i < 2; ++i) {
    (void)fixture.network.step(fixture.clock.now());
    fixture.clock.advance(platform::SimulatedWifi::kScanMs);
  }
  CHECK(has(
      fixture.say("log"),
      R"(EVT {"event":"wifi_scan","networks":[{"ssid":"Our Net","rssi_dbm":-61,"password":true}]})"));
  CHECK_FALSE(has(fixture.say("log"), "EVT"));
}

TEST_CASE("what is known of the last crash is told until it is erased") {
  Fixture fixture;
  CHECK_FALSE(has(fixture.say("status"), "\"crash\""));
  CHECK(fixture.say("#1 crash") == "{\"id\":1,\"ok\":true}\n");
  CHECK(has(fixture.say("crash read 0"), "there is no core dump"));

  platform::CrashSummary crash;
  crash.task = common::FixedString<15>("loopTask");
  crash.cause = common::FixedString<47>("exception 28 at address 0x00000000");
  crash.image = common::FixedString<16>("0123456789abcdef");
  crash.pc = 0x400d1234;
  crash.depth = platform::CrashSummary::kMaxBacktrace;
  for (uint8_t i = 0; i < crash.depth; ++i) crash.backtrace[i] = 0x400d1234U + i;
  crash.is_corrupt = true;
  crash.dump_bytes = 300;
  fixture.device.set_crash(crash);
  const std::string status = fixture.say("status");
  CHECK(has(status, "\"crash\":{\"task\":\"loopTask\",\"cause\":\"exception 28 at"));
  CHECK(has(status, "\"is_this_image\":false"));
  CHECK(has(status, "\"backtrace\":\"Backtrace: 0x400d1234:0x00000000 0x400d1235:"));
  CHECK(has(status, "0x400d1243:0x00000000 |<-CORRUPTED\",\"dump_bytes\":300}"));
  CHECK(has(fixture.say("crash read 0"), "\"offset\":0,\"hex\":\"000102030405"));
  CHECK(has(fixture.say("crash read 256"), "\"hex\":\"000102"));
  CHECK(has(fixture.say("crash read 300"), "\"hex\":\"\""));
  CHECK(has(fixture.say("crash read -1"), "usage: crash"));
  fixture.device.set_closed(true);
  CHECK(has(fixture.say("crash read 0"), "this board is closed: the dump stays in it"));
  CHECK(has(fixture.say("crash"), "loopTask"));
  CHECK(has(fixture.say("crash erase"), "\"ok\":true"));
  CHECK_FALSE(has(fixture.say("status"), "\"crash\""));
}

TEST_CASE("a console without a password is open, and says so") {
  Fixture f;
  CHECK(f.say("password").find("\"password\":false") != std::string::npos);
  CHECK(f.say("status").find("\"locked\":false") != std::string::npos);
  CHECK(f.say("logout").find("no password is set") != std::string::npos);
}

TEST_CASE("a locked console answers help, status and login only, and tells no events") {
  Fixture f;
  REQUIRE(f.say_and_wait("#1 password set correct horse") ==
          "{\"id\":1,\"ok\":true,\"password\":true}\n");
  CHECK(f.say("setting get identity").find("\"ok\":true") != std::string::npos);  // still open
  REQUIRE(f.say("logout").find("\"locked\":true") != std::string::npos);

  for (const char* line :
       {"setting list", "config get", "reboot", "factory-reset CONFIRM", "tx", "password remove",
        "password set another one", "file end", "certificate list", "certificate request"}) {
    CAPTURE(line);
    CHECK(f.say(line).find("the console is locked") != std::string::npos);
  }
  CHECK(f.console.take_request() == Request::kNone);
  const std::string status = f.say("status");
  CHECK(status.find("\"locked\":true") != std::string::npos);
  CHECK(status.find("CP1") == std::string::npos);
  f.terminal.output.clear();
  f.console.on_ready();
  f.console.step(f.clock.now());
  CHECK(f.terminal.output.empty());

  CHECK(f.say_and_wait("#2 login wrong horse").find("that is not the password") !=
        std::string::npos);
  CHECK(f.say_and_wait("#3 login correct horse") == "{\"id\":3,\"ok\":true,\"locked\":false}\n");
  CHECK(f.say("setting list").find("\"ok\":true") != std::string::npos);
}

TEST_CASE("what comes behind a login waits for its outcome") {
  Fixture f;
  (void)f.say_and_wait("password set correct horse");
  (void)f.say("logout");
  f.terminal.output.clear();
  f.terminal.input = "#1 login correct horse\n#2 reboot\n";
  f.console.step(f.clock.now());
  CHECK(f.terminal.output.empty());
  CHECK(f.console.take_request() == Request::kNone);
  for (int i = 0; i < 200 && f.terminal.output.find("\"id\":2") == std::string::npos; ++i)
    f.console.step(f.clock.now());
  CHECK(f.terminal.output.find("{\"id\":1,\"ok\":true") == 0);
  CHECK(f.console.take_request() == Request::kReboot);
}

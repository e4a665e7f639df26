#include "platform/tls_memory.hpp"
#include "scripted_servers.hpp"

namespace {

/// Up to the login, in TLS after the greeting.
void script_ftps(World& world, std::deque<ScriptLink::Line> rest) {
  world.plain.script = {{"", "220 hi\r\n"}, {"AUTH TLS\r\n", "234 go on\r\n"}};
  world.tls.script = {{"USER cp\r\n", "331 and?\r\n"},
                      {"PASS p w\r\n", "230 in\r\n"},
                      {"PBSZ 0\r\n", "200 ok\r\n"},
                      {"PROT P\r\n", "200 ok\r\n"},
                      {"TYPE I\r\n", "200 ok\r\n"}};
  world.tls.script.insert(world.tls.script.end(), rest.begin(), rest.end());
}

constexpr const char* kFtps = "ftps://cp:p%20w@h/f";

}  // namespace

// Rules: R-8-2
TEST_CASE("a download by FTPS has both of its connections in TLS") {
  World world;
  script_ftps(world, {{"MDTM", "500 what?\r\n"},
                      {"SIZE f\r\n", "213 10\r\n"},
                      {"EPSV\r\n", "229 (|||6446|)\r\n"},
                      {"REST 4\r\n", "350 ok\r\n"},
                      {"RETR f\r\n", "150 here\r\n"},
                      {"", "226 that was it\r\n"}});
  world.secure_data.script = {{"", "456789", true}};
  world.plain.address = "192.0.2.7";
  CHECK(world.ftp(kFtps, false, 4) == "done");
  CHECK(world.file == "456789");
  CHECK(world.status.begins_at == 4);
  CHECK(world.plain.connections == std::vector<std::string>{"h:21"});
  CHECK(world.plain.sent == "AUTH TLS\r\n");
  CHECK(world.tls.connections == std::vector<std::string>{"TLS h"});
  // The same machine, where a name has several.
  CHECK(world.data.connections == std::vector<std::string>{"192.0.2.7:6446"});
  CHECK(world.data.sent.empty());
  CHECK(world.secure_data.connections == std::vector<std::string>{"TLS h"});
  // One of the two connections has the memory of its records at a time.
  CHECK(world.tls.rests == 1);
}

TEST_CASE("an upload by FTPS says where the file ends") {
  World world;
  script_ftps(
      world,
      {{"EPSV", "229 (|||1|)\r\n"}, {"STOR f\r\n", "150 go on\r\n"}, {"", "226 thanks\r\n"}});
  world.file = "abc";
  CHECK(world.ftp(kFtps, true) == "done");
  CHECK(world.secure_data.sent == "abc");
  CHECK(world.secure_data.ends == 2);
}

TEST_CASE("a server that takes no more of an upload is asked why") {
  for (const bool is_told : {true, false}) {
    World world;
    script_ftps(world, {{"EPSV", "229 (|||1|)\r\n"},
                        {"STOR f\r\n", "150 go on\r\n"},
                        {"", is_told ? "552 disk full\r\n" : "226 thanks\r\n"}});
    world.file = std::string(5000, 'x');
    world.secure_data.takes = 2000;
    CHECK(world.ftp(kFtps, true) == (is_told ? "the server answered 552" : "the connection broke"));
    CHECK((world.status.fault == TransferStatus::Fault::kRefused) == is_told);
  }
}

TEST_CASE("port 990 is TLS from the first byte") {
  World world;
  world.tls.script = {{"", "220 hi\r\n"}, {"USER anonymous\r\n", "530 no\r\n"}};
  CHECK(world.ftp("ftps://h:990/f") == "the server answered 530");
  CHECK(world.tls.connections == std::vector<std::string>{"h:990"});
  CHECK(world.plain.connections.empty());
}

TEST_CASE("a server without TLS hears no password, and gets no file in clear text") {
  World world;
  world.plain.script = {{"", "220 hi\r\n"}, {"AUTH TLS", "502 what?\r\n"}};
  CHECK(world.ftp(kFtps) == "the server offers no TLS: it answered 502");
  CHECK(world.plain.sent == "AUTH TLS\r\n");
  script_ftps(world, {});
  world.tls.script[3].answer = "536 no such level\r\n";
  world.file = "abc";
  CHECK(world.ftp(kFtps, true) == "the server takes no TLS for files: it answered 536");
  CHECK(world.data.connections.empty());
  CHECK(world.file == "abc");
}

TEST_CASE("what is said before TLS stands is not believed") {
  World world;
  world.plain.segment_bytes = 1000;
  world.plain.script = {{"", "220 hi\r\n"}, {"AUTH TLS", "234 go on\r\n230 you are in\r\n"}};
  CHECK(world.ftp(kFtps) == "the server spoke before TLS stood");
}

TEST_CASE("TLS that does not come about is told for both connections, in bounded time") {
  World world;
  script_ftps(world, {});
  world.tls.error = "the certificate of the server is not trusted (expired)";
  CHECK(world.ftp(kFtps) == world.tls.error);
  CHECK(world.tls.sent.empty());
  world.tls.error.clear();
  const std::deque<ScriptLink::Line> begin = {{"MDTM", "500 what?\r\n"},
                                              {"SIZE", "500 what?\r\n"},
                                              {"EPSV", "229 (|||1|)\r\n"},
                                              {"RETR", "150 here\r\n"}};
  script_ftps(world, begin);
  world.secure_data.error = "no TLS connection to the server: not enough memory";
  CHECK(world.ftp(kFtps) == world.secure_data.error);
  world.secure_data.error.clear();
  world.secure_data.is_slow = true;
  script_ftps(world, begin);
  Instant began = world.now;
  CHECK(world.ftp(kFtps) == "the server gives no connection for the file");
  CHECK(world.now - began < 32'000);
  world.tls.is_slow = true;
  script_ftps(world, {});
  began = world.now;
  CHECK(world.ftp(kFtps) == "the server cannot be reached");
  CHECK(world.now - began < 32'000);
  CHECK(world.file.empty());
}

TEST_CASE("where a file ends its length says, or TLS; no server makes it longer") {
  World world;
  const std::deque<ScriptLink::Line> unknown = {{"MDTM", "500 what?\r\n"},
                                                {"SIZE", "500 what?\r\n"},
                                                {"EPSV", "229 (|||1|)\r\n"},
                                                {"RETR", "150 here\r\n"},
                                                {"", "226 that was it\r\n"}};
  script_ftps(world, unknown);
  world.secure_data.script = {{"", "whole", true}};
  CHECK(world.ftp(kFtps) == "done");
  script_ftps(world, unknown);
  world.secure_data.script = {{"", "part", true}};
  world.secure_data.ends_well = false;
  CHECK(world.ftp(kFtps) == "the connection broke");
  world.file.clear();
  world.plain.script = ftp_script({{"MDTM", "500 what?\r\n"},
                                   {"SIZE ", "213 3\r\n"},
                                   {"EPSV", "229 (|||1|)\r\n"},
                                   {"RETR ", "150 here\r\n"}});
  world.data.script = {{"", "0123", true}};
  CHECK(world.ftp("ftp://cp:p%20w@h/f") == "the server sends more than the file has");
  CHECK(world.file.size() <= 3);
}

TEST_CASE("a server that stands still in any state of FTPS is left after half a minute") {
  const std::deque<ScriptLink::Line> all = {{"MDTM", "500 what?\r\n"},
                                            {"SIZE", "213 10\r\n"},
                                            {"EPSV", "229 (|||1|)\r\n"},
                                            {"RETR", "150 here\r\n"}};
  for (size_t said = 0; said <= 5 + all.size(); ++said) {
    World world;
    script_ftps(world, all);
    world.tls.script.resize(said);
    world.secure_data.script = {{"", "abc"}};
    const Instant began = world.now;
    CHECK(world.ftp(kFtps) == "the server was silent for too long");
    CHECK(world.now - began < 40'000);
  }
}

TEST_CASE("a reply without end is not read to its end") {
  World world;
  world.plain.segment_bytes = 1000;
  world.plain.script = {{"", "220-" + std::string(64 * 1024, 'x') + "\r\n220 hi\r\n"}};
  CHECK(world.ftp(kFtps) == "the server does not speak FTP");
  world.plain.script = {{"", "220-hi\r\n221 not yet\r\n 220 nor here\r\n220-\r\n220 now\r\n"},
                        {"AUTH TLS", "500 what?\r\n"}};
  CHECK(world.ftp(kFtps) == "the server offers no TLS: it answered 500");
}

TEST_CASE("a transfer that is given up closes its connections") {
  World world;
  script_ftps(world, {});
  platform::FtpTransfer client({world.plain, &world.tls, &world.data, &world.secure_data}, world,
                               world.memory, {});
  REQUIRE(client.begin({common::text(kFtps), false, 0}, world.now) == Status::kOk);
  for (int i = 0; i < 20; ++i) (void)client.step(world.now);
  client.give_up("the link needs the memory");
  CHECK(std::string(client.status().error.c_str()) == "the link needs the memory");
  CHECK(client.status().is_retry_useful);
  CHECK(world.tls.state() == platform::TcpLink::State::kClosed);
  client.give_up("again");
  CHECK(std::string(client.status().error.c_str()) == "the link needs the memory");
}

namespace {

platform::TlsMemory::Free heap;
platform::TlsMemory::Free measure() { return heap; }

}  // namespace

TEST_CASE("a file gets TLS where the link keeps enough, and gives way to the link") {
  constexpr size_t kKiB = 1024;
  platform::TlsMemory memory(&measure);
  heap = {100 * kKiB, 60 * kKiB};
  CHECK_FALSE(memory.admits_file());  // The link has no session yet: two are needed.
  CHECK(memory.begin_connecting());
  memory.end_connecting(true);
  heap = {70 * kKiB, 17 * kKiB};
  CHECK(memory.admits_file());
  heap = {70 * kKiB, 16 * kKiB};
  CHECK_FALSE(memory.admits_file());
  heap = {69 * kKiB, 60 * kKiB};
  CHECK_FALSE(memory.admits_file());
  // Nobody can give way: the link tries with what there is.
  heap = {30 * kKiB, 20 * kKiB};
  CHECK(memory.begin_connecting());
  CHECK_FALSE(memory.must_give_way(true));
  CHECK_FALSE(memory.begin_connecting());
  CHECK(memory.must_give_way(true));
  CHECK_FALSE(memory.must_give_way(false));
  heap = {200 * kKiB, 60 * kKiB};
  CHECK(memory.begin_connecting());
  CHECK_FALSE(memory.must_give_way(true));
  CHECK(platform::TlsMemory().admits_file());
}

#include "scripted_servers.hpp"

namespace {

constexpr const char* kEnd = "\r\n\r\n";

std::string reply(const std::string& status_and_headers, const std::string& body = "") {
  return "HTTP/1.1 " + status_and_headers + "\r\n\r\n" + body;
}

}  // namespace

// Rules: R-8-1 FP-25
TEST_CASE("a download goes on where it broke, of the same file only") {
  World world;
  world.plain.script = {
      {kEnd, reply("200 OK\r\nETag: \"v1\"\r\nContent-Length: 10", "0123"), true},
      {"Range: bytes=4-\r\nIf-Range: \"v1\"\r\n",
       reply("206 P\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 6", "456789"), true},
      {"If-Range: \"v1\"", reply("200 OK\r\nETag: \"v2\"\r\nContent-Length: 3", "abc"), true}};
  CHECK(world.download("http://cp:p%20w@h:81/f?x") == "the connection broke");
  CHECK(world.file == "0123");
  CHECK(world.was_sent("GET /f?x HTTP/1.1\r\nHost: h:81\r\n"));
  CHECK(world.was_sent("Authorization: Basic Y3A6cCB3\r\n"));
  CHECK(world.download("http://cp:p%20w@h:81/f?x", 4) == "done");
  CHECK(world.file == "0123456789");
  CHECK(world.status.begins_at == 4);
  CHECK(world.status.total_bytes == 10);
  CHECK(world.download("http://cp:p%20w@h:81/f?x", 4) == "done");
  CHECK(world.status.begins_at == 0);
}

TEST_CASE("another part, and none at all, make a download begin anew") {
  for (const char* first : {"206 P\r\nContent-Range: bytes 3-9/10\r\nContent-Length: 7",
                            "416 No\r\nContent-Range: bytes */3"}) {
    World world;
    world.plain.script = {
        {"Range: bytes=4-", reply(first, "3456789")},
        {kEnd, reply("200 OK\r\nTransfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n")}};
    CHECK(world.download("http://h/f", 4) == "done");
    CHECK(world.file == "abc");
    CHECK(world.status.begins_at == 0);
  }
  World whole;
  whole.plain.script = {{kEnd, reply("416 No\r\nContent-Range: bytes */4")}};
  CHECK(whole.download("http://h/f", 4) == "done");
  CHECK(whole.status.begins_at == 4);
}

TEST_CASE("redirects are followed five times, and never out of TLS") {
  World world;
  world.plain.script = {{kEnd, reply("302 F\r\nLocation: https://x/g")}};
  world.tls.script = {{"Host: x\r\n", reply("307 F\r\nLocation: /h")},
                      {"GET /h ", reply("200 OK\r\nContent-Length: 1", "x")}};
  CHECK(world.download("http://u:secret@h/f") == "done");
  CHECK(world.tls.sent.find("Authorization") == std::string::npos);
  world.tls.script = {{kEnd, reply("301 F\r\nLocation: http://x/g")}};
  CHECK(world.download("https://h/f") == "the server redirects to where it is not safe to go");
  for (int i = 0; i < 6; ++i) world.plain.script.push_back({kEnd, reply("302 F\r\nLocation: f")});
  CHECK(world.download("http://h/f") == "the server redirects too often");
  CHECK(world.plain.connections.size() == 1 + 6);
}

TEST_CASE("what goes wrong with a server is told") {
  using Fault = TransferStatus::Fault;
  World world;
  world.plain.script = {{kEnd, reply("401 No\r\nContent-Length: 9", "none of it")}};
  CHECK(world.download("http://h/f") == "the server answered 401");
  CHECK(world.status.fault == Fault::kDenied);
  world.plain.script = {{kEnd, reply("404 No")}};
  CHECK(world.download("http://h/f") == "the server answered 404");
  CHECK(world.status.fault == Fault::kRefused);
  world.plain.script = {{kEnd, "220 this is FTP\r\n"}};
  CHECK(world.download("http://h/f") == "the server does not speak HTTP as it must");
  world.plain.script = {{kEnd, reply("200 OK", "?"), true}};
  CHECK(world.download("http://h/f") == "the server does not tell the length of the file");
  world.plain.script = {
      {kEnd, reply("200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip", "ab")}};
  CHECK(world.download("http://h/f") == "the server packs the file, which was not asked for");
  CHECK(world.file.empty());
  CHECK(world.download("gopher://h/f") == "the URL is none of http, https, ftp, ftps");
  CHECK_FALSE(world.status.is_retry_useful);
  CHECK(world.download("ftp://h/f") == "this protocol is not offered");
  world.tls.error = "the certificate of the server is not trusted (expired)";
  CHECK(world.download("https://h/f") == world.tls.error);
  world.plain.error = "refused";
  CHECK(world.download("http://h/f") == "the server cannot be reached");
}

TEST_CASE("a transfer waits for a server for a bounded time, and for its own side longer") {
  World world;
  world.plain.is_slow = true;
  Instant began = world.now;
  CHECK(world.download("http://h/f") == "the server cannot be reached");
  CHECK(world.now - began <= 30'300);
  world.plain.is_slow = false;
  began = world.now;
  CHECK(world.download("http://h/f") == "the server was silent for too long");
  CHECK(world.now - began < 32'000);
  world.plain.script = {{kEnd, reply("200 OK\r\nContent-Length: 9", "abc")}};
  began = world.now;
  CHECK(world.download("http://h/f") == "the server was silent for too long");
  CHECK(world.file == "abc");
  world.plain.script = {{kEnd, reply("200 OK\r\nContent-Length: 9", "abcdefghi")}};
  world.is_full = true;
  began = world.now;
  CHECK(world.download("http://h/f") == "the transfer took too long");
  CHECK(world.now - began >= 3'600'000);
}

TEST_CASE("an upload is sent in chunks once the server has nothing against it") {
  World world;
  world.file = std::string(1500, 'x');
  world.plain.script = {{"Expect: 100-continue\r\n", reply("100 Continue")},
                        {"0\r\n\r\n", reply("201 Created")}};
  CHECK(world.upload("http://h/log") == "done");
  CHECK(world.was_sent("PUT /log HTTP/1.1\r\n"));
  CHECK(world.was_sent(("\r\n\r\n400\r\n" + std::string(1024, 'x') + "\r\n1dc\r\nxx").c_str()));
  // One that does not answer the question gets it after a second.
  world.file = "y";
  world.plain.script = {{"1\r\ny\r\n0\r\n\r\n", reply("204 Done")}};
  CHECK(world.upload("http://h/log") == "done");
}

TEST_CASE("an upload goes to another place, or as a POST, while nothing was sent of it") {
  World world;
  world.file = "abc";
  world.plain.script = {{"PUT /a ", reply("307 F\r\nLocation: /b")},
                        {"PUT /b ", reply("405 No")},
                        {"POST /b ", reply("417 Expect what?")},
                        {"3\r\nabc\r\n0\r\n\r\n", reply("200 OK")}};
  CHECK(world.upload("http://h/a") == "done");
  CHECK(world.memory.wants_post);
}

TEST_CASE("a server that wants a POST too late gets it in the next attempt") {
  World world;
  world.file = "abc";
  world.plain.script = {{kEnd, reply("100 Continue")}, {"0\r\n\r\n", reply("405 No")}};
  CHECK(world.upload("http://h/a") == "the server answered 405");
  CHECK(world.status.is_retry_useful);
  world.file = "abc";
  world.plain.script = {{"POST /a ", reply("100 Continue")}, {"0\r\n\r\n", reply("200 OK")}};
  CHECK(world.upload("http://h/a") == "done");
}

TEST_CASE("an upload waits for what is still to be written") {
  World world;
  world.is_finished = false;
  world.plain.script = {{kEnd, reply("100 Continue")}};
  CHECK(world.run<platform::HttpTransfer>("http://h/a", true, 0, 600'000) == "running");
}

// Rules: R-8-2
TEST_CASE("a download by FTP goes on in the middle") {
  World world;
  world.plain.script = ftp_script({{"MDTM", "500 what?\r\n"},
                                   {"SIZE d/a b\r\n", "213 10\r\n"},
                                   {"EPSV\r\n", "229 (|||6446|)\r\n"},
                                   {"REST 4\r\n", "350 ok\r\n"},
                                   {"RETR d/a b\r\n", "150 here\r\n226 that was it\r\n"}});
  world.data.script = {{"", "456789", true}};
  CHECK(world.ftp("ftp://cp:p%20w@h/d/a%20b", false, 4) == "done");
  CHECK(world.file == "456789");
  CHECK(world.status.begins_at == 4);
  CHECK(world.status.total_bytes == 10);
  CHECK(world.data.connections == std::vector<std::string>{"h:6446"});
}

TEST_CASE("an old FTP server, a cut one, and one that has all been read") {
  World world;
  world.plain.script = ftp_script({{"MDTM", "500 what?\r\n"},
                                   {"SIZE ", "500 what?\r\n"},
                                   {"EPSV", "500 what?\r\n"},
                                   {"PASV", "227 Entering (10,9,8,7,4,5)\r\n"},
                                   {"REST 4", "502 no\r\n"},
                                   {"RETR f\r\n", "125 here\r\n"},
                                   {"", "226 done\r\n"}});
  world.data.script = {{"", "whole", true}};
  CHECK(world.ftp("ftp://cp:p%20w@h/f", false, 4) == "done");
  CHECK(world.file == "whole");
  CHECK(world.status.begins_at == 0);
  CHECK(world.data.connections == std::vector<std::string>{"h:1029"});
  world.plain.script = ftp_script({{"MDTM", "500 what?\r\n"},
                                   {"SIZE ", "213 10\r\n"},
                                   {"EPSV", "229 (|||1|)\r\n"},
                                   {"RETR ", "150 here\r\n"}});
  world.data.script = {{"", "012", true}};
  CHECK(world.ftp("ftp://cp:p%20w@h/f") == "the connection broke");
  world.plain.script = ftp_script({{"MDTM", "500 what?\r\n"}, {"SIZE ", "213 10\r\n"}});
  CHECK(world.ftp("ftp://cp:p%20w@h/f", false, 10) == "done");
  CHECK(world.status.begins_at == 10);
}

TEST_CASE("an upload by FTP, and what an FTP server may refuse") {
  using Fault = TransferStatus::Fault;
  World world;
  world.file = "abc";
  world.plain.script = ftp_script(
      {{"EPSV", "229 (|||1|)\r\n"}, {"STOR log\r\n", "150 go on\r\n"}, {"", "226 thanks\r\n"}});
  CHECK(world.ftp("ftp://cp:p%20w@h/log", true) == "done");
  CHECK(world.data.sent == "abc");
  world.plain.script = {{"", "220 hi\r\n"}, {"USER anonymous\r\n", "530 no\r\n"}};
  CHECK(world.ftp("ftp://h/f") == "the server answered 530");
  CHECK(world.status.fault == Fault::kDenied);
  world.plain.script = ftp_script({{"MDTM", "500 what?\r\n"},
                                   {"SIZE ", "550 none\r\n"},
                                   {"EPSV", "229 (|||1|)\r\n"},
                                   {"RETR ", "550 none\r\n"}});
  CHECK(world.ftp("ftp://cp:p%20w@h/f") == "the server answered 550");
  CHECK(world.status.fault == Fault::kRefused);
  world.plain.script = {{"", "HTTP/1.1 400 Bad\r\n"}};
  CHECK(world.ftp("ftp://h/f") == "the server does not speak FTP");
  world.plain.script =
      ftp_script({{"MDTM", "500 what?\r\n"}, {"SIZE ", "213 1\r\n"}, {"EPSV", "229 (|||0|)\r\n"}});
  CHECK(world.ftp("ftp://cp:p%20w@h/f") == "the server gives no connection for the file");
  CHECK(world.ftp("ftp://h/%0d%0aDELE%20x") == "the server was silent for too long");
}

// Rules: R-8-2
TEST_CASE("a download by FTP goes on with the file of the same time only") {
  World world;
  const auto attempt = [&world](const char* time, const char* begins) {
    std::deque<ScriptLink::Line> rest = {{"MDTM f\r\n", std::string("213 ") + time + "\r\n"},
                                         {"SIZE f\r\n", "213 10\r\n"},
                                         {"EPSV", "229 (|||1|)\r\n"}};
    if (*begins != '\0') rest.push_back({begins, "350 ok\r\n"});
    rest.push_back({"RETR", "150 here\r\n"});
    world.plain.script = ftp_script(rest);
  };
  constexpr const char* kUrl = "ftp://cp:p%20w@h/f";
  attempt("20261123101112", "");
  world.data.script = {{"", "0123", true}};
  CHECK(world.ftp(kUrl) == "the connection broke");
  attempt("20261123101112", "REST 4\r\n");
  world.data.script = {{"", "45", true}};
  CHECK(world.ftp(kUrl, false, 4) == "the connection broke");
  CHECK(world.status.begins_at == 4);
  attempt("20261123101113", "");
  world.data.script = {{"", "abcdefghij", true}};
  world.plain.script.push_back({"", "226 done\r\n"});
  CHECK(world.ftp(kUrl, false, 6) == "done");
  CHECK(world.status.begins_at == 0);
}

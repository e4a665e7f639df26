#include "doctest_main/doctest_main.hpp"
#include "platform_linux/file_key_value_store.hpp"
#include "platform_linux/posix_file_store.hpp"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using common::ByteSpan;
using common::MutableByteSpan;
using common::Status;
using platform_linux::FileKeyValueStore;
using platform_linux::PosixFileStore;

namespace {

/// An empty folder, removed with what is in it.
struct TemporaryFolder {
  TemporaryFolder() {
    char name[] = "/tmp/vevgw-test-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TemporaryFolder() {
    if (std::system(("rm -rf " + path).c_str()) != 0) MESSAGE("left behind: " << path);
  }
  std::string path;
};

ByteSpan bytes(const std::string& value) {
  return common::as_bytes(common::TextSpan(value.data(), value.size()));
}

template <typename Read>
std::string collect(Read read) {
  uint8_t buffer[2048];
  const common::Result<size_t> size = read(MutableByteSpan(buffer, sizeof buffer));
  REQUIRE(size.status() == Status::kOk);
  return std::string(reinterpret_cast<const char*>(buffer), size.value());
}

std::string content(PosixFileStore& store, const char* name) {
  return collect([&](MutableByteSpan buffer) { return store.read(name, 0, buffer); });
}

std::string value(FileKeyValueStore& store, const char* key) {
  return collect([&](MutableByteSpan buffer) { return store.get(key, buffer); });
}

}  // namespace

TEST_CASE("appended bytes are read back, also by the next process") {
  const TemporaryFolder folder;
  {
    PosixFileStore store;
    REQUIRE(store.open(folder.path + "/new/records") == Status::kOk);
    CHECK(store.size("log.0").status() == Status::kNotFound);
    REQUIRE(store.append("log.0", bytes("abc")) == Status::kOk);
    REQUIRE(store.append("log.0", bytes("defg")) == Status::kOk);
  }
  PosixFileStore store;
  REQUIRE(store.open(folder.path + "/new/records") == Status::kOk);
  CHECK(store.size("log.0").value() == 7);
  CHECK(content(store, "log.0") == "abcdefg");
  uint8_t two[2];
  CHECK(store.read("log.0", 5, MutableByteSpan(two, 2)).value() == 2);
  CHECK(two[0] == 'f');
  CHECK(store.read("log.0", 6, MutableByteSpan(two, 2)).value() == 1);
  CHECK(store.read("log.0", 7, MutableByteSpan(two, 2)).value() == 0);
  CHECK(store.read("log.0", 4000000000U, MutableByteSpan(two, 2)).value() == 0);
}

TEST_CASE("rename replaces, remove is idempotent") {
  const TemporaryFolder folder;
  PosixFileStore store;
  REQUIRE(store.open(folder.path) == Status::kOk);
  REQUIRE(store.append("a", bytes("old")) == Status::kOk);
  REQUIRE(store.append("b", bytes("new")) == Status::kOk);
  CHECK(store.rename("b", "a") == Status::kOk);
  CHECK(content(store, "a") == "new");
  CHECK(store.rename("b", "a") == Status::kNotFound);
  CHECK(store.remove("a") == Status::kOk);
  CHECK(store.remove("a") == Status::kOk);
  uint8_t one[1];
  CHECK(store.read("a", 0, MutableByteSpan(one, 1)).status() == Status::kNotFound);
}

TEST_CASE("names that could leave the folder or exceed the limit are refused") {
  const TemporaryFolder folder;
  PosixFileStore store;
  REQUIRE(store.open(folder.path) == Status::kOk);
  for (const char* name :
       {"", ".", "..", "a/b", "../x", "UPPER", "sp ace", "12345678901234567890123456789012"}) {
    CHECK(store.append(name, bytes("x")) == Status::kInvalidArgument);
    CHECK(store.size(name).status() == Status::kInvalidArgument);
    CHECK(store.remove(name) == Status::kInvalidArgument);
    CHECK(store.rename(name, "ok") == Status::kInvalidArgument);
  }
  CHECK(store.append("1234567890123456789012345678901", bytes("x")) == Status::kOk);
}

TEST_CASE("a quota bounds all files together") {
  const TemporaryFolder folder;
  PosixFileStore store(100);
  REQUIRE(store.open(folder.path) == Status::kOk);
  CHECK(store.free_bytes() == 100);
  REQUIRE(store.append("a", bytes(std::string(60, 'x'))) == Status::kOk);
  CHECK(store.free_bytes() == 40);
  CHECK(store.append("b", bytes(std::string(41, 'x'))) == Status::kNoSpace);
  CHECK(store.size("b").status() == Status::kNotFound);
  CHECK(store.append("b", bytes(std::string(40, 'x'))) == Status::kOk);
  CHECK(store.free_bytes() == 0);
  CHECK(store.remove("a") == Status::kOk);
  CHECK(store.free_bytes() == 60);
}

TEST_CASE("a file-size limit of the system is kNoSpace and leaves a prefix") {
  const TemporaryFolder folder;
  PosixFileStore store;
  REQUIRE(store.open(folder.path) == Status::kOk);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  const rlimit tight{10, old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const Status status = store.append("a", bytes("0123456789abcdef"));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &old) == 0);
  CHECK(status == Status::kNoSpace);
  CHECK(content(store, "a") == "0123456789");
}

TEST_CASE("a folder belongs to one gateway at a time") {
  const TemporaryFolder folder;
  PosixFileStore first;
  REQUIRE(first.open(folder.path) == Status::kOk);
  PosixFileStore second;
  CHECK(second.open(folder.path) == Status::kInvalidState);
  CHECK(second.last_error() == "the folder " + folder.path + " is in use by another gateway");
  CHECK(second.append("a", bytes("x")) == Status::kInvalidState);
}

TEST_CASE("a folder that cannot be made is named") {
  PosixFileStore store;
  CHECK(store.open("/proc/nothing/here") == Status::kIo);
  CHECK(store.last_error() == "cannot create the folder /proc/nothing: No such file or directory");
  CHECK(store.open("") == Status::kInvalidArgument);
  CHECK(store.free_bytes() == 0);
}

TEST_CASE("values survive the process, with any bytes and any key of the alphabet") {
  const TemporaryFolder folder;
  const std::string binary("\x00\xFF\n", 3);
  {
    FileKeyValueStore store;
    REQUIRE(store.open(folder.path) == Status::kOk);
    for (const char* key : {"csms.url", ".", "..", "A_b-9.z", "123456789012345"}) {
      REQUIRE(store.set(key, bytes(binary + key)) == Status::kOk);
    }
    REQUIRE(store.set("empty", ByteSpan()) == Status::kOk);
  }
  FileKeyValueStore store;
  REQUIRE(store.open(folder.path) == Status::kOk);
  for (const char* key : {"csms.url", ".", "..", "A_b-9.z", "123456789012345"}) {
    CHECK(value(store, key) == binary + key);
  }
  CHECK(value(store, "empty").empty());
}

TEST_CASE("an equal value is not written again") {
  const TemporaryFolder folder;
  FileKeyValueStore store;
  REQUIRE(store.open(folder.path) == Status::kOk);
  REQUIRE(store.set("k", bytes("one")) == Status::kOk);
  REQUIRE(store.set("k", bytes("one")) == Status::kOk);
  CHECK(store.written().writes == 1);
  REQUIRE(store.set("k", bytes("two")) == Status::kOk);
  REQUIRE(store.set("k", ByteSpan()) == Status::kOk);
  REQUIRE(store.set("k", ByteSpan()) == Status::kOk);
  CHECK(store.written().writes == 3);
}

TEST_CASE("key-value limits") {
  const TemporaryFolder folder;
  FileKeyValueStore store;
  CHECK(store.set("k", bytes("x")) == Status::kInvalidState);
  REQUIRE(store.open(folder.path) == Status::kOk);
  uint8_t small[2];
  CHECK(store.get("k", MutableByteSpan(small, 2)).status() == Status::kNotFound);
  REQUIRE(store.set("k", bytes("xyz")) == Status::kOk);
  CHECK(store.get("k", MutableByteSpan(small, 2)).status() == Status::kNoSpace);
  CHECK(store.set("k", bytes(std::string(1024, 'v'))) == Status::kOk);
  CHECK(store.set("k", bytes(std::string(1025, 'v'))) == Status::kInvalidArgument);
  for (const char* key : {"", "1234567890123456", "a/b", "a b", "~new"}) {
    CHECK(store.set(key, bytes("x")) == Status::kInvalidArgument);
    CHECK(store.erase(key) == Status::kInvalidArgument);
  }
}

TEST_CASE("erase removes one key, erase_all every key and nothing else") {
  const TemporaryFolder folder;
  FileKeyValueStore store;
  REQUIRE(store.open(folder.path) == Status::kOk);
  for (const char* key : {"a", "b", "c"}) REQUIRE(store.set(key, bytes("x")) == Status::kOk);
  const int foreign = ::open((folder.path + "/README").c_str(), O_CREAT | O_WRONLY, 0600);
  ::close(foreign);
  uint8_t buffer[8];
  CHECK(store.erase("a") == Status::kOk);
  CHECK(store.erase("a") == Status::kOk);
  CHECK(store.get("a", MutableByteSpan(buffer, 8)).status() == Status::kNotFound);
  CHECK(value(store, "b") == "x");
  CHECK(store.erase_all() == Status::kOk);
  for (const char* key : {"b", "c"})
    CHECK(store.get(key, MutableByteSpan(buffer, 8)).status() == Status::kNotFound);
  CHECK(::access((folder.path + "/README").c_str(), F_OK) == 0);
}

TEST_CASE("what an interrupted set left behind is removed and the old value stands") {
  const TemporaryFolder folder;
  {
    FileKeyValueStore store;
    REQUIRE(store.open(folder.path) == Status::kOk);
    REQUIRE(store.set("k", bytes("old")) == Status::kOk);
  }
  const std::string left = folder.path + "/~new";
  const int fd = ::open(left.c_str(), O_CREAT | O_WRONLY, 0600);
  REQUIRE(::write(fd, "ne", 2) == 2);
  ::close(fd);
  FileKeyValueStore store;
  REQUIRE(store.open(folder.path) == Status::kOk);
  CHECK(value(store, "k") == "old");
  CHECK(::access(left.c_str(), F_OK) != 0);
}

#include "common/crc32.hpp"
#include "doctest_main/doctest_main.hpp"
#include "platform/slot_firmware.hpp"
#include "platform_sim/sim_entropy.hpp"
#include "platform_sim/sim_key_value_store.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

using common::ByteSpan;
using common::MutableByteSpan;
using common::Status;
using platform::ImageLabel;
using platform::SlotFirmware;
using platform_sim::SimPower;
using Boot = platform::Firmware::Boot;

namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint32_t kSector = 64;
constexpr uint32_t kSlotBytes = 24 * kSector;

/// Flash as it is: writes clear bits, and a cut leaves something in between.
class SimFlash final : public platform::FlashRegion {
 public:
  explicit SimFlash(SimPower& power) : power_(power) {}
  uint32_t size() const override { return static_cast<uint32_t>(bytes.size()); }
  uint32_t sector_bytes() const override { return kSector; }
  Status read(uint32_t offset, MutableByteSpan buffer) override {
    if (!power_.access()) return Status::kIo;
    std::memcpy(buffer.data(), bytes.data() + offset, buffer.size());
    return Status::kOk;
  }
  Status write(uint32_t offset, ByteSpan data) override {
    if (!power_.access()) return Status::kIo;
    if (offset % kUnitBytes != 0 || data.size() % kUnitBytes != 0) ++misuses;
    const SimPower::Grant grant = power_.request(data.size());
    const size_t touched = grant.bytes + (grant.is_performed && !grant.is_reported ? 1 : 0);
    for (size_t i = 0; i < data.size() && i < touched; ++i) {
      uint8_t& cell = bytes[offset + i];
      if (cell != 0xFF) ++misuses;
      // The byte at which the power goes has lost some of its bits.
      cell &= static_cast<uint8_t>(data[i] | (i < grant.bytes ? 0 : entropy_.below(256)));
    }
    if (bad >= offset && bad < offset + data.size() && bad_times-- > 0) bytes[bad] ^= 0x10;
    return grant.is_reported ? Status::kOk : Status::kIo;
  }
  Status erase(uint32_t offset) override {
    if (!power_.access()) return Status::kIo;
    if (offset % kSector != 0) ++misuses;
    ++erasures;
    const SimPower::Grant grant = power_.request(kSector);
    if (!grant.is_performed) return Status::kIo;
    for (size_t i = 0; i < kSector; ++i)
      bytes[offset + i] |= static_cast<uint8_t>(i < grant.bytes ? 0xFF : entropy_.below(256));
    return grant.is_reported ? Status::kOk : Status::kIo;
  }

  Bytes bytes = Bytes(kSlotBytes, 0xFF);
  uint32_t bad = UINT32_MAX;  ///< A cell that keeps the wrong bit, this often.
  int bad_times = 0;
  int misuses = 0;
  int erasures = 0;

 private:
  SimPower& power_;
  platform_sim::SimEntropy entropy_{7};
};

Bytes image(size_t size, uint8_t version, uint32_t security = 0) {
  Bytes bytes(size, 0);
  platform_sim::SimEntropy entropy(version);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(entropy.next_u64());
  const auto length = static_cast<uint32_t>(size);
  const ImageLabel label(security);
  bytes[0] = 0xE9;
  bytes[1] = version;
  std::memcpy(bytes.data() + 4, &length, sizeof length);
  std::memcpy(bytes.data() + ImageLabel::kOffset, &label, sizeof label);
  const uint32_t crc = common::crc32(ByteSpan(bytes.data(), size - 4));
  std::memcpy(bytes.data() + size - 4, &crc, sizeof crc);
  return bytes;
}

/// Length of the image in a place, 0 when there is none.
uint32_t length_of(const Bytes& place) {
  uint32_t length = 0;
  uint32_t crc = 0;
  std::memcpy(&length, place.data() + 4, sizeof length);
  if (place[0] != 0xE9 || length < 8 || length > place.size()) return 0;
  std::memcpy(&crc, place.data() + length - 4, sizeof crc);
  return common::crc32(ByteSpan(place.data(), length - 4)) == crc ? length : 0;
}

/// ESP-IDF's boot loader: of two entries the newer one runs, once, until it is kept. A cut while an entry is
/// written loses it.
class SimLoader final : public platform::BootSlots {
 public:
  enum class Entry : uint8_t { kNone, kNew, kTrial, kGivenUp, kKept };
  SimLoader(SimPower& power, SimFlash* places) : power_(power), places_(places) {}

  void start() {
    const uint8_t newest = newest_;
    if (entries[newest] == Entry::kTrial) {
      (void)put(newest, Entry::kGivenUp);
      running_ = static_cast<uint8_t>(1 - newest);
    } else if (entries[newest] == Entry::kNew && length_of(places_[newest].bytes) > 0) {
      (void)put(newest, Entry::kTrial);
      running_ = entries[newest] == Entry::kTrial ? newest : static_cast<uint8_t>(1 - newest);
    } else if (entries[newest] == Entry::kKept) {
      running_ = newest;
    } else {
      running_ = static_cast<uint8_t>(1 - newest);
    }
    if (length_of(places_[running_].bytes) == 0) FAIL("nothing that starts");
  }
  uint8_t running() const override { return running_; }
  uint8_t other() const override { return static_cast<uint8_t>(1 - running_); }
  bool is_on_trial() const override { return entries[running_] == Entry::kTrial; }
  bool is_given_up() const override { return entries[other()] == Entry::kGivenUp; }
  common::Result<uint32_t> check() override {
    if (!power_.access()) return Status::kIo;
    const uint32_t length = length_of(places_[other()].bytes);
    if (length == 0) return Status::kCorrupt;
    return length;
  }
  Status choose() override {
    if (!power_.access()) return Status::kIo;
    ++choices;
    const Status status = put(other(), Entry::kNew);
    if (entries[other()] == Entry::kNew) newest_ = other();
    return status;
  }
  Status keep() override { return put(running_, Entry::kKept); }

  Entry entries[2] = {Entry::kKept, Entry::kNone};
  int choices = 0;

 private:
  Status put(uint8_t place, Entry entry) {
    const SimPower::Grant grant = power_.request(32);
    if (grant.is_performed && grant.bytes > 0)
      entries[place] = grant.bytes == 32 ? entry : Entry::kNone;
    return grant.is_reported ? Status::kOk : Status::kIo;
  }
  SimPower& power_;
  SimFlash* places_;
  uint8_t newest_ = 0;
  uint8_t running_ = 0;
};

/// The board, and what an engine does with its firmware, which keeps notes of its own.
struct Board {
  explicit Board(uint32_t running_security = 0) : label(running_security) {
    places[0].bytes = running;
    places[0].bytes.resize(kSlotBytes, 0xFF);
    std::copy(before.begin(), before.end(), places[1].bytes.begin());
  }
  Board(const Board&) = delete;

  /// The power comes (back), the boot loader runs.
  SlotFirmware& start() {
    if (!power.is_on()) power.restore();
    loader.start();
    while (!power.is_on()) {
      power.restore();
      loader.start();
    }
    firmware.emplace(places[loader.other()], loader, settings,
                     loader.running() == 0 ? "old" : "new", label);
    begun = firmware->begin();
    return *firmware;
  }
  SlotFirmware& now() { return *firmware; }

  /// Writes image from `from` on in uneven pieces. @return Of the first that failed.
  Status send(const Bytes& bytes, size_t from = 0, size_t to = SIZE_MAX) {
    to = std::min(to, bytes.size());
    for (size_t piece = 90; from < to; from += piece, piece = piece * 7 % 150 + 1) {
      piece = std::min(piece, to - from);
      RETURN_IF_ERROR(
          now().write(static_cast<uint32_t>(from), ByteSpan(bytes.data() + from, piece)));
    }
    return Status::kOk;
  }
  Status receive(const Bytes& bytes) {
    RETURN_IF_ERROR(now().erase());
    return send(bytes, now().size());
  }
  /// What the note says is there, whoever asks.
  uint32_t noted() const {
    const auto note = settings.all().find("slot");
    uint32_t bytes = 0;
    if (note == settings.all().end()) return 0;
    const uint8_t state = note->second.at(1);
    if (state == 1 || state == 2) std::memcpy(&bytes, note->second.data() + 4, sizeof bytes);
    return bytes;
  }
  bool has(uint8_t place, const Bytes& bytes, size_t count = SIZE_MAX) const {
    count = std::min(count, bytes.size());
    return std::memcmp(places[place].bytes.data(), bytes.data(), count) == 0;
  }

  static const Bytes running;
  static const Bytes before;
  SimPower power;
  platform_sim::SimKeyValueStore settings{power};
  SimFlash places[2] = {SimFlash(power), SimFlash(power)};
  SimLoader loader{power, places};
  ImageLabel label;
  std::optional<SlotFirmware> firmware;
  Status begun = Status::kOk;
};
const Bytes Board::running = image(1500, 1);
const Bytes Board::before = image(1200, 8);

enum class End : uint8_t { kInstalled, kFailed, kStuck };

/// Updates the board as the engine does, through all cuts, until it is told how it ended.
/// @param is_good  The new image gets as far as confirming.
/// @param on_cut   Looks at what a cut has left.
template <typename OnCut>
End update(Board& board, const Bytes& bytes, bool is_good, OnCut on_cut) {
  enum { kAccept, kDownload, kInstall, kActivate, kConfirm } phase = kAccept;
  for (int starts = 0; starts < 12; ++starts) {
    SlotFirmware& firmware = board.start();
    if (board.begun == Status::kOk) {
      if (firmware.boot() == Boot::kTrial) {
        if (!is_good) continue;
        if (board.power.is_on()) phase = kConfirm;
        if (firmware.confirm() == Status::kOk) return End::kInstalled;
        on_cut();
        continue;
      }
      if (phase >= kActivate && firmware.boot() == Boot::kRolledBack) return End::kFailed;
      if (phase == kConfirm) return End::kInstalled;
      if (phase == kActivate) phase = kInstall;
      if (phase == kAccept && firmware.erase() == Status::kOk) phase = kDownload;
      for (int again = 0; again < 2 && (phase == kDownload || phase == kInstall); ++again) {
        if (phase == kDownload && board.send(bytes, firmware.size()) == Status::kOk)
          phase = kInstall;
        if (phase != kInstall) break;
        const Status verified = firmware.verify();
        if (verified == Status::kCorrupt || verified == Status::kUnsupported) return End::kFailed;
        if (verified == Status::kNotFound) phase = kDownload;
        if (verified != Status::kOk) continue;
        phase = kActivate;
        if (firmware.activate() == Status::kOk) break;
      }
    }
    on_cut();
  }
  return End::kStuck;
}

void nothing() {}

}  // namespace

// Rules: FP-21
TEST_CASE("a board that loses its power at any byte of an update ends with the exact image") {
  const Bytes fresh = image(1333, 2);
  uint64_t total = 0;
  {
    Board board;
    REQUIRE(update(board, fresh, true, nothing) == End::kInstalled);
    total = board.power.bytes_written();
    CHECK(board.loader.choices == 1);
    CHECK(board.places[1].misuses == 0);
  }
  int fell_back = 0;
  int wrong = 0;
  // Every byte once; some twice, the second cut while it recovers from the first.
  for (uint64_t cut = 0; cut < 2 * total; ++cut) {
    Board board;
    uint64_t second = 0;
    if (cut < total) {
      board.power.cut_after_bytes(cut);
    } else {
      if (cut % 8 != 0) continue;
      board.power.cut_after_bytes(cut - total);
      second = cut * 31 % 900;
    }
    const End end = update(board, fresh, true, [&] {
      if (!board.has(1, fresh, board.noted()) || !board.has(0, Board::running)) ++wrong;
      if (second == 0) return;
      board.power.restore();
      board.power.cut_after_bytes(board.power.bytes_written() + second);
      second = 0;
    });
    const bool is_new = board.loader.running() == 1 && board.has(1, fresh);
    const bool is_old = board.loader.running() == 0 && board.has(0, Board::running);
    if (end == End::kFailed && is_old && cut < total) ++fell_back;
    if (board.places[0].misuses + board.places[1].misuses > 0 || board.places[0].erasures > 0 ||
        !(end == End::kInstalled ? is_new : end == End::kFailed && is_old)) {
      ++wrong;
      CAPTURE(cut);
      CAPTURE(static_cast<int>(end));
      CHECK(wrong == 0);
    }
    if (wrong > 3) break;
  }
  CHECK(wrong == 0);
  // On trial any cut ends it: while that is noted (8 bytes), and until the boot loader has all of keep() (32).
  CHECK(fell_back == 8 + 32);
}

TEST_CASE(
    "an image that does not prove itself is gone after its trial, wherever the power was cut") {
  const Bytes fresh = image(1100, 2);
  uint64_t total = 0;
  {
    Board board;
    REQUIRE(update(board, fresh, false, nothing) == End::kFailed);
    total = board.power.bytes_written();
  }
  int wrong = 0;
  for (uint64_t cut = 0; cut < total && wrong == 0; cut += cut + 400 < total ? 7 : 1) {
    Board board;
    board.power.cut_after_bytes(cut);
    if (update(board, fresh, false, nothing) != End::kFailed || board.loader.running() != 0 ||
        !board.has(0, Board::running) || board.loader.choices > 2)
      ++wrong;
    // It stays news until the next order, whatever restarts.
    if (board.start().boot() != Boot::kRolledBack || board.now().size() != 0) ++wrong;
    if (board.now().erase() != Status::kOk || board.now().boot() != Boot::kNormal) ++wrong;
    if (board.start().boot() != Boot::kNormal) ++wrong;
    CAPTURE(cut);
    CHECK(wrong == 0);
  }
}

TEST_CASE("an update after one that was given up survives a cut at any byte") {
  const Bytes bad = image(700, 2);
  const Bytes fresh = image(720, 3);
  const auto given_up = [&](Board& board) {
    REQUIRE(update(board, bad, false, nothing) == End::kFailed);
    return board.power.bytes_written();
  };
  uint64_t total = 0;
  {
    Board board;
    const uint64_t before = given_up(board);
    REQUIRE(update(board, fresh, true, nothing) == End::kInstalled);
    total = board.power.bytes_written() - before;
  }
  int fell_back = 0;
  int wrong = 0;
  for (uint64_t cut = 0; cut < total; cut += cut + 200 < total ? 5 : 1) {
    Board board;
    board.power.cut_after_bytes(given_up(board) + cut);
    const End end = update(board, fresh, true, nothing);
    if (end == End::kFailed && board.loader.running() == 0 && board.has(0, Board::running)) {
      ++fell_back;
    } else if (end != End::kInstalled || board.loader.running() != 1 || !board.has(1, fresh)) {
      ++wrong;
    }
  }
  CHECK(wrong == 0);
  CHECK(fell_back == 32);  // until the boot loader has all of keep()
}

TEST_CASE("connections that break after a few bytes each still bring an image to its end") {
  Board board;
  const Bytes fresh = image(1500, 2);
  CHECK(board.start().erase() == Status::kOk);
  uint32_t at = 0;
  for (int connections = 0; at < fresh.size(); ++connections) {
    REQUIRE(connections < 200);
    CHECK(board.send(fresh, at, at + 21) == Status::kOk);
    // Nothing is lost while the power stays on, and less than a sector when it goes.
    const uint32_t before = std::min<uint32_t>(at + 21, static_cast<uint32_t>(fresh.size()));
    at = board.now().size();
    CHECK(at == before);
    CHECK(board.has(1, fresh, board.noted()));
    CHECK(board.noted() + kSector + platform::FlashRegion::kUnitBytes > at);
    if (connections % 9 == 8) {
      board.power.cut();
      at = board.start().size();
      CHECK(at == before - before % kSector - (before % kSector < before % 16 ? kSector : 0));
    }
  }
  CHECK(board.now().verify() == Status::kOk);
  CHECK(board.places[1].misuses == 0);
  // Nobody is asked again for what is known to be all of it.
  CHECK(board.start().verify() == Status::kOk);
  CHECK(board.now().size() == fresh.size());
}

TEST_CASE("a download in one piece takes one note for four sectors") {
  Board board;
  board.start();
  const Bytes fresh = image(kSlotBytes, 2);
  const uint64_t before = board.settings.writes();
  CHECK(board.receive(fresh) == Status::kOk);
  CHECK(board.settings.writes() - before == 1 + kSlotBytes / kSector / SlotFirmware::kNoteSectors);
  CHECK(board.places[1].erasures == kSlotBytes / kSector);
  CHECK(board.now().verify() == Status::kOk);
  // Versioned: state, slot, flags, bytes.
  CHECK(board.settings.all().at("slot") ==
        Bytes{1, 2, 1, 0, kSlotBytes & 0xFF, kSlotBytes >> 8, 0, 0});
  CHECK(board.now().activate() == Status::kOk);
  CHECK(board.start().boot() == Boot::kTrial);
}

TEST_CASE("an image that is too large, cut short, damaged or empty is never chosen") {
  Board board;
  board.start();
  CHECK(board.now().verify() == Status::kNotFound);
  CHECK(board.now().activate() == Status::kNotFound);

  const Bytes large(kSlotBytes + 1, 0xE9);
  CHECK(board.receive(large) == Status::kNoSpace);

  // The slot holds an image of earlier that is in order: one without a byte must not bring it back.
  Board other;
  other.start();
  CHECK(other.receive({}) == Status::kOk);
  CHECK(length_of(other.places[1].bytes) > 0);
  CHECK(other.now().activate() == Status::kCorrupt);
  CHECK(other.start().activate() == Status::kCorrupt);

  // Nor may the rest of the very same image complete one that was cut short.
  const Bytes fresh = image(1400, 2);
  CHECK(board.receive(fresh) == Status::kOk);
  CHECK(board.now().verify() == Status::kOk);
  CHECK(board.receive(Bytes(fresh.begin(), fresh.begin() + 10 * kSector)) == Status::kOk);
  CHECK(length_of(board.places[1].bytes) == fresh.size());
  CHECK(board.now().activate() == Status::kCorrupt);

  Bytes damaged = fresh;
  damaged[700] ^= 1;
  CHECK(board.receive(damaged) == Status::kOk);
  CHECK(board.now().activate() == Status::kCorrupt);

  // Where an interrupted one ends nobody knows.
  CHECK(board.receive(Bytes(fresh.begin(), fresh.begin() + 1390)) == Status::kOk);
  board.power.cut();
  CHECK(board.start().activate() == Status::kNotFound);
  CHECK(board.loader.choices == 0);
  CHECK(board.has(0, Board::running));
}

TEST_CASE("the security version counts once an image is confirmed, and no lower one is chosen") {
  Board board(3);
  board.start();
  CHECK(board.now().security_version() == 3);
  CHECK(board.receive(image(900, 2, 2)) == Status::kOk);
  CHECK(board.now().activate() == Status::kUnsupported);
  CHECK(board.now().outdated().value_or(99) == 2);
  CHECK(board.receive(image(900, 2, 3)) == Status::kOk);
  CHECK(board.now().outdated().status() == Status::kNotFound);
  CHECK(board.now().activate() == Status::kOk);

  board.label = ImageLabel(5);  // of what runs now
  CHECK(board.start().boot() == Boot::kTrial);
  CHECK(board.now().security_version() == 3);
  // The power goes after the boot loader was told, before it is noted.
  board.power.cut_at_operation(board.power.operations() + 1, false);
  CHECK(board.now().confirm() == Status::kIo);
  CHECK(board.start().security_version() == 5);
  CHECK(board.now().boot() == Boot::kNormal);
  board.label = ImageLabel(3);
  CHECK(board.start().security_version() == 5);
}

TEST_CASE("a sector that keeps wrong bits is written again, and never taken") {
  Board board;
  board.start();
  const Bytes fresh = image(1400, 2);
  for (uint32_t cell = 5 * kSector + 3; cell < 9 * kSector; cell += 16) {
    CAPTURE(cell);
    board.places[1].bad = cell;
    board.places[1].bad_times = 1;
    CHECK(board.receive(fresh) == Status::kIo);
    CHECK(board.now().verify() == Status::kNotFound);
    const uint32_t size = board.now().size();
    CHECK(size == cell - cell % kSector);
    CHECK(board.send(fresh, size) == Status::kOk);
    CHECK(board.now().verify() == Status::kOk);
    CHECK(board.has(1, fresh));
  }
  CHECK(board.places[1].misuses == 0);
  board.places[1].bad_times = 1000;
  CHECK(board.receive(fresh) == Status::kIo);
  for (int attempts = 0; attempts < 3; ++attempts)
    CHECK(board.send(fresh, board.now().size()) == Status::kIo);
  CHECK(board.now().activate() == Status::kNotFound);
  CHECK(board.start().size() <= 8 * kSector);

  // In the very last unit, which is written when the end is known.
  board.places[1].bad = 1399;
  board.places[1].bad_times = 1;
  CHECK(board.receive(fresh) == Status::kOk);
  CHECK(board.now().verify() == Status::kIo);
  CHECK(board.now().verify() == Status::kNotFound);
  CHECK(board.send(fresh, board.now().size()) == Status::kOk);
  CHECK(board.now().activate() == Status::kOk);
}

TEST_CASE("an access to flash or notes that fails costs bytes of the download, not the image") {
  const Bytes fresh = image(1000, 2);
  uint64_t begin = 0;
  uint64_t end = 0;
  {
    Board board;
    board.start();
    begin = board.power.accesses();
    REQUIRE(board.receive(fresh) == Status::kOk);
    REQUIRE(board.now().activate() == Status::kOk);
    end = board.power.accesses();
  }
  for (uint64_t access = begin; access < end; ++access) {
    Board board;
    board.start();
    board.power.fail_accesses(access, 1);
    Status status = board.receive(fresh);
    if (status == Status::kOk) status = board.now().activate();
    if (status != Status::kOk && board.has(1, fresh, 16) && board.now().size() > 0)
      status = board.send(fresh, board.now().size());
    else if (status != Status::kOk)
      status = board.receive(fresh);
    CAPTURE(access - begin);
    CHECK(status == Status::kOk);
    CHECK(board.now().activate() == Status::kOk);
    CHECK(board.start().boot() == Boot::kTrial);
    CHECK(board.has(1, fresh));
  }
  // Notes that cannot be read at the start: nothing is known, so nothing is written.
  Board board;
  board.power.fail_accesses(board.power.accesses(), 1);
  board.start();
  CHECK(board.begun == Status::kIo);
  CHECK(board.now().erase() == Status::kIo);
  CHECK(board.now().write(0, ByteSpan(fresh.data(), 16)) == Status::kIo);
  CHECK(board.now().activate() == Status::kIo);
  CHECK(board.now().size() == 0);
}

TEST_CASE(
    "what an image on trial would go back to is not touched, nor what the next restart runs") {
  Board board;
  const Bytes fresh = image(800, 2);
  board.start();
  CHECK(board.now().confirm() == Status::kInvalidState);
  CHECK(board.now().roll_back() == Status::kInvalidState);
  CHECK(board.receive(fresh) == Status::kOk);
  CHECK(board.now().activate() == Status::kOk);
  CHECK(board.now().erase() == Status::kInvalidState);
  CHECK(board.now().write(800, ByteSpan(fresh.data(), 16)) == Status::kInvalidState);

  CHECK(board.start().boot() == Boot::kTrial);
  CHECK(board.now().version().c_str() == std::string("new"));
  CHECK(board.receive(fresh) == Status::kInvalidState);
  CHECK(board.now().activate() == Status::kNotFound);
  CHECK(board.places[0].erasures == 0);
  CHECK(board.now().roll_back() == Status::kOk);
  CHECK(board.start().boot() == Boot::kRolledBack);
  CHECK(board.now().version().c_str() == std::string("old"));

  // It ends before it gets as far as begin().
  CHECK(board.receive(fresh) == Status::kOk);
  board.loader.entries[1] = SimLoader::Entry::kKept;  // nothing was given up there yet
  CHECK(board.now().activate() == Status::kOk);
  board.loader.start();
  CHECK(board.start().boot() == Boot::kRolledBack);

  // Chosen, but the boot loader could not be told at first.
  CHECK(board.receive(fresh) == Status::kOk);
  CHECK(board.now().verify() == Status::kOk);
  CHECK(board.start().verify() == Status::kOk);
  board.power.fail_accesses(board.power.accesses() + 1, 1);
  CHECK(board.now().activate() == Status::kIo);
  CHECK(board.now().verify() == Status::kOk);
  CHECK(board.now().activate() == Status::kOk);
  const Bytes note = board.settings.all().at("slot");
  CHECK(board.now().verify() == Status::kOk);
  CHECK(board.settings.all().at("slot") == note);
  CHECK(board.start().boot() == Boot::kTrial);
  CHECK(board.start().boot() == Boot::kRolledBack);

  // Chosen, but the boot loader cannot run it: one more attempt, then it is told.
  for (const Boot expected : {Boot::kNormal, Boot::kRolledBack}) {
    CHECK(board.receive(fresh) == Status::kOk);
    if (expected == Boot::kRolledBack) {
      CHECK(board.now().activate() == Status::kOk);
      board.places[1].bytes[300] ^= 1;
      CHECK(board.start().boot() == Boot::kNormal);
      board.places[1].bytes[300] ^= 1;
    }
    CHECK(board.now().activate() == Status::kOk);
    board.places[1].bytes[300] ^= 1;
    CHECK(board.start().boot() == expected);
  }
}

TEST_CASE("bytes behind what was taken as the end need their sector again") {
  Board board;
  const Bytes fresh = image(1000, 2);
  board.start();
  CHECK(board.now().erase() == Status::kOk);
  CHECK(board.send(fresh, 0, 333) == Status::kOk);
  uint8_t head[2];
  CHECK(board.now().read(0, MutableByteSpan(head)).value_or(0) == 2);
  CHECK(board.now().read(333, MutableByteSpan(head)).value_or(9) == 0);
  for (const bool is_restarted : {false, true}) {
    if (is_restarted) board.start();
    CHECK(board.now().size() == 333);
    CHECK(board.send(fresh, 333) == Status::kIo);
    CHECK(board.now().size() == 320);
    CHECK(board.now().write(333, ByteSpan(head)) == Status::kInvalidArgument);
    if (!is_restarted) {
      CHECK(board.send(fresh, 320, 333) == Status::kOk);
      CHECK(board.now().verify() == Status::kCorrupt);
    }
  }
  CHECK(board.send(fresh, 320) == Status::kOk);
  CHECK(board.now().verify() == Status::kOk);
  CHECK(board.now().write(1000, ByteSpan(head)) == Status::kIo);
  CHECK(board.now().activate() == Status::kNotFound);
  CHECK(board.send(fresh, board.now().size()) == Status::kOk);
  CHECK(board.now().activate() == Status::kOk);
  CHECK(board.has(1, fresh));
  CHECK(board.places[1].misuses == 0);
}

TEST_CASE("notes that cannot be are read as less") {
  Board board;
  const Bytes fresh = image(1000, 2);
  const Bytes notes[] = {{1, 1, 1, 0, 0xFF, 0xFF, 0xFF, 0xFF},
                         {1, 1, 1, 0, 0x90, 1, 0, 0},
                         {1, 9, 1, 0, 0x40, 0, 0, 0},
                         {2, 1, 1, 0, 0x40, 0, 0, 0},
                         {1, 1, 1, 0, 0x40, 0},
                         {1, 4, 0, 0, 0, 0, 0, 0},
                         {1, 3, 0, 0, 0x40, 0, 0, 0}};
  const uint32_t sizes[] = {kSlotBytes, 384, 0, 0, 0, 0, 0};
  for (size_t i = 0; i < 7; ++i) {
    CAPTURE(i);
    CHECK(board.settings.set("slot", ByteSpan(notes[i].data(), notes[i].size())) == Status::kOk);
    CHECK(board.start().boot() == Boot::kNormal);
    CHECK(board.now().verify() == Status::kNotFound);
    CHECK(board.now().size() == sizes[i]);
    CHECK(board.now().write(kSlotBytes, ByteSpan(fresh.data(), 1)) != Status::kOk);
  }
  CHECK(board.receive(fresh) == Status::kOk);
  CHECK(board.now().verify() == Status::kOk);
}

#include "ocpp/file_job.hpp"

#include "common/crc32.hpp"
#include "ocpp/engine.hpp"
#include "ocpp/image.hpp"

#include <cstddef>

LOG_MODULE("ocpp.files");

namespace ocpp {

using common::Instant;
using common::Status;

namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kImageBytes = 32;

using image::Kind;
constexpr image::Field kFields[] = {
    {Kind::k1, offsetof(FileJobRecord, phase_)},
    {Kind::k1, offsetof(FileJobRecord, happened_)},
    {Kind::k1, offsetof(FileJobRecord, told_)},
    {Kind::k4, offsetof(FileJobRecord, retries_left_)},
    {Kind::k4, offsetof(FileJobRecord, retry_interval_s_)},
    {Kind::kMoment, offsetof(FileJobRecord, from_)},
    {Kind::kMoment, offsetof(FileJobRecord, to_)},
    {Kind::k4, offsetof(FileJobRecord, url_crc_)},
};
constexpr image::Layout kLayout = image::layout<FileJobRecord>(kFields, kImageBytes - 1);

}  // namespace

void FileJob::load() {
  uint8_t image[64];  // room for fields of later versions
  const common::Result<size_t> size =
      engine_.ports.settings.get(key_, common::MutableByteSpan(image));
  is_unread_ = size.status() == Status::kIo;
  if (!size.ok() || image[0] != kVersion) return;
  (void)image::decode(kLayout, common::ByteSpan(image, size.value()).subspan(1),
                      static_cast<FileJobRecord*>(this));
}

Status FileJob::store() const {
  platform::KeyValueStore& settings = engine_.ports.settings;
  if (phase_ == 0 && happened_ == told_) {
    RETURN_IF_ERROR(settings.erase(key_));
    return settings.erase(url_key_);
  }
  uint8_t image[kImageBytes] = {kVersion};
  (void)image::encode(kLayout, static_cast<const FileJobRecord*>(this),
                      common::MutableByteSpan(image).subspan(1));
  return settings.set(key_, common::ByteSpan(image));
}

Status FileJob::accept(const FileOrder& order, uint8_t first_phase) {
  phase_ = happened_ = told_ = 0;
  ++generation_;
  RETURN_IF_ERROR(store());
  RETURN_IF_ERROR(engine_.ports.settings.set(url_key_, common::as_bytes(order.url)));
  is_unread_ = false;
  phase_ = first_phase;
  retries_left_ = order.retries;
  retry_interval_s_ = order.retry_interval_s;
  from_ = order.from;
  to_ = order.to;
  url_crc_ = common::crc32(common::as_bytes(order.url));
  retry_at_ = Instant{};
  const Status stored = store();
  if (stored != Status::kOk) phase_ = 0;
  return stored;
}

bool FileJob::is_same(const FileOrder& order) const {
  return phase_ != 0 && from_ == order.from &&
         url_crc_ == common::crc32(common::as_bytes(order.url));
}

common::Result<size_t> FileJob::read_url(common::Span<char> buffer) const {
  return engine_.ports.settings.get(
      url_key_, common::MutableByteSpan(reinterpret_cast<uint8_t*>(buffer.data()), buffer.size()));
}

void FileJob::enter(uint8_t phase) {
  phase_ = phase;
  if (const Status stored = store(); stored != Status::kOk)
    LOG_ERROR(engine_.ports.log, "%s: not stored (%s)", key_, to_string(stored));
}

void FileJob::enter(uint8_t phase, uint8_t step, EventType type, const char* status) {
  const auto happened = static_cast<uint8_t>(happened_ | 1U << step);
  const bool is_new = happened != happened_;
  happened_ = happened;
  enter(phase);
  if (!is_new) return;
  LOG_INFO(engine_.ports.log, "%s: %s", key_, status);
  Event event;
  event.type = type;
  event.key = status;
  engine_.events.push(event);
}

uint8_t FileJob::last_step() const {
  for (uint8_t step = 8; step-- > 0;) {
    if ((happened_ & 1U << step) != 0) return step;
  }
  return kNoStep;
}

bool FileJob::next_to_tell(uint8_t& step) const {
  const auto untold = static_cast<uint8_t>(happened_ & ~told_);
  if (untold == 0) return false;
  for (step = 0; (untold & 1U << step) == 0;) ++step;
  return true;
}

void FileJob::on_told(uint32_t told) {
  if (told >> 8U != generation_) return;
  told_ = static_cast<uint8_t>((told_ | 1U << ((told & 0xFFU) - 1U)) & happened_);
  enter(phase_);
  if (phase_ == 0 && told_ == happened_) happened_ = told_ = 0;
}

bool FileJob::may_retry(uint8_t waiting_phase) {
  if (retries_left_ <= 0) return false;
  --retries_left_;
  retry_at_ = engine_.now() + int64_t{retry_interval_s_} * 1000;
  enter(waiting_phase);
  return true;
}

bool FileJob::is_transfer_free() const {
  return !engine_.firmware.is_transferring() && !engine_.diagnostics.is_transferring() &&
         !engine_.is_transfer_lent;
}

}  // namespace ocpp

#include "bridge/profile_files.hpp"

#include <cstring>
#include <new>

namespace bridge {

using common::Status;

const char* ProfileFiles::file_name(const char* setting) {
  constexpr size_t kLength = sizeof(kPrefix) - 1;
  return std::strncmp(setting, kPrefix, kLength) == 0 ? setting + kLength : nullptr;
}

common::Result<const Profile*> ProfileFiles::load(platform::FileStore& files, const char* name,
                                                  const char*& why) {
  for (const Loaded& known : loaded_) {
    if (std::strcmp(known.name.c_str(), name) == 0) return known.profile;
  }
  why = "there is no such file";
  Loaded next;
  if (next.name.assign(common::text(name)) != Status::kOk || next.name.empty())
    return Status::kNotFound;
  if (loaded_.full()) {
    why = "there are too many";
    return Status::kNoSpace;
  }
  size_t taken = 0;
  const common::Result<Profile*> placed = place(files, name, taken, why);
  if (!placed.ok()) return placed.status();
  next.profile = placed.value();
  RETURN_IF_ERROR(loaded_.push_back(next));
  used_ = (used_ + sizeof(Profile) + taken + 7) / 8 * 8;
  return static_cast<const Profile*>(next.profile);
}

common::Result<Profile*> ProfileFiles::place(platform::FileStore& files, const char* name,
                                             size_t& taken, const char*& why) {
  why = "there is no such file";
  const common::Result<uint32_t> size = files.size(name);
  if (!size.ok()) return size.status();
  // The image lies at the end of the arena only until its tables are made.
  const size_t free = sizeof(arena_) - used_;
  why = "it is too large";
  if (size.value() > kMaxImageBytes || size.value() + sizeof(Profile) > free)
    return Status::kNoSpace;
  const size_t image_at = sizeof(arena_) - size.value();
  const common::MutableByteSpan image(arena_ + image_at, size.value());
  why = "it cannot be read";
  const common::Result<size_t> got = files.read(name, 0, image);
  if (!got.ok()) return got.status();
  if (got.value() != image.size()) return Status::kIo;

  Profile* profile = new (arena_ + used_) Profile();
  const size_t tables_at = used_ + sizeof(Profile);
  const common::MutableByteSpan tables(arena_ + tables_at, image_at - tables_at);
  const Status status =
      load_profile(common::ByteSpan(image.data(), image.size()), tables, *profile, why, &taken);
  if (status != Status::kOk) return status;
  return profile;
}

Status ProfileFiles::check(platform::FileStore& files, const char* name, const char*& why) {
  size_t taken = 0;
  const common::Result<Profile*> placed = place(files, name, taken, why);
  // Alone, after the next start, there is more room.
  const bool is_full = !placed.ok() && placed.status() == Status::kNoSpace && used_ != 0;
  return placed.ok() || is_full ? Status::kOk : placed.status();
}

}  // namespace bridge

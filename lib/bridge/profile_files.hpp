#pragma once

#include "bridge/profile_image.hpp"
#include "common/fixed_string.hpp"
#include "common/fixed_vector.hpp"
#include "common/limits.hpp"
#include "platform/file_store.hpp"

namespace bridge {

/// Profiles that are loaded from files at start-up. They stay until the end.
///
/// @par Memory  No heap; limits::kProfileArenaBytes.
class ProfileFiles {
 public:
  /// What a setting begins with when it names a file.
  static constexpr char kPrefix[] = "file:";
  /// @return The name behind kPrefix; nullptr when the text does not begin with it.
  static const char* file_name(const char* setting);

  /// Loads a file once; a second call gives the same profile.
  /// @param why  One sentence when it fails. Static.
  /// @return kNotFound, kCorrupt, kNoSpace, kIo.
  common::Result<const Profile*> load(platform::FileStore& files, const char* name,
                                      const char*& why);
  /// Whether a file is a profile, as far as there is room beside those that are loaded; keeps nothing of it.
  /// @param why  As for load(). @return kOk, kNotFound, kCorrupt, kIo.
  common::Status check(platform::FileStore& files, const char* name, const char*& why);

 private:
  struct Loaded {
    common::FixedString<platform::FileStore::kMaxNameBytes> name;
    Profile* profile = nullptr;
  };

  /// Makes a profile behind those that are loaded. @param taken  Bytes of its tables.
  common::Result<Profile*> place(platform::FileStore& files, const char* name, size_t& taken,
                                 const char*& why);

  common::FixedVector<Loaded, limits::kMaxConnectors> loaded_;
  size_t used_ = 0;
  alignas(8) uint8_t arena_[limits::kProfileArenaBytes] = {};
};

}  // namespace bridge

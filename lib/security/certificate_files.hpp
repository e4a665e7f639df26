#pragma once

#include "common/fixed_vector.hpp"
#include "common/limits.hpp"
#include "common/span.hpp"
#include "common/status.hpp"
#include "common/time.hpp"
#include "platform/file_store.hpp"
#include "security/buffer.hpp"

namespace security {

/// How certificates lie on flash. One index says what there is; each item is a file of its own that is written before
/// the index names it, and removed after the index has forgotten it. So one rename() is what changes the store:
///
///     certs.idx, certs.bak  the index, twice: the copy serves when the first one is damaged
///     cert00 .. cert12      items; those that the index does not name are leftovers
///
/// Index: version u8, entries u8, bytes per entry u8, 0, next id u32, entries, CRC-32; integers little-endian.
/// Fields may be appended to an entry: a reader skips what it does not know.
/// @par Context  Reading: any thread, also while the loop changes the store; whoever finds an item damaged reads the
///               index again.

enum class ItemKind : uint8_t {
  kCentralSystemRoot = 1,  ///< Content: hashes (see kHashesBytes), DER.
  kManufacturerRoot = 2,   ///< As above.
  kClient = 3,             ///< Content: its path without the root, as u16 length and DER each.
  kRequest = 4,            ///< Content: see DeviceCredentials.
  kSigner = 5,             ///< As kClient.
};

enum ItemFlag : uint8_t {
  kOnTrial =
      1,  ///< A root that takes the place of the fallbacks once a connection has been made with it.
  kFallback = 2,  ///< A root that goes then.
  kLocal = 4,     ///< A request that is not for the CSMS.
};

struct StoredItem {
  uint32_t id = 0;  ///< Never used twice.
  ItemKind kind = ItemKind::kCentralSystemRoot;
  uint8_t flags = 0;
  uint8_t file = 0;   ///< Number in its file's name.
  uint8_t key = 0;    ///< Slot of its private key, from 1 on; 0 = none.
  uint16_t size = 0;  ///< Of the content, bytes.
  uint32_t crc = 0;   ///< Of the content.
  common::UtcTime from;
  common::UtcTime until;  ///< Of the first certificate.
};

/// Items in all: roots, the client chain in use and the next one, a request, a signing certificate.
constexpr size_t kMaxItems = limits::kMaxCertificates + 4;
/// One more file than items: the next one is written while all are named.
constexpr uint8_t kItemFiles = kMaxItems + 1;
constexpr uint8_t kKeySlots = 4;

struct CertificateIndex {
  common::FixedVector<StoredItem, kMaxItems> items;
  uint32_t next_id = 1;

  const StoredItem* find(uint32_t id) const;
  size_t count(ItemKind kind) const;
  /// The index-th of a kind, the oldest first.
  const StoredItem* at(ItemKind kind, size_t index) const;
  /// The newest of a kind.
  const StoredItem* newest(ItemKind kind) const;
  void erase(uint32_t id);
  uint8_t free_file() const;
  uint8_t free_key() const;
};

constexpr const char* kIndexFile = "certs.idx";

struct ItemFileName {
  explicit ItemFileName(uint8_t file);
  char text[8];
};

/// @retval kNotFound  There is no index: nothing has been stored yet.  @retval kCorrupt  Both copies are damaged.
common::Status read_index(platform::FileStore& files, CertificateIndex& out);
/// The copies of the index, in the order in which a change replaces them: with the first the change is made.
enum class IndexCopy : uint8_t { kFirst, kSecond };
/// Writes an index beside the copies. @return Not kOk: nothing has changed.
common::Status write_index_draft(platform::FileStore& files, const CertificateIndex& index);
/// Replaces a copy by the draft. @return Not kOk: the copy is as before, or as it should be; read_index() tells.
common::Status rename_index_draft(platform::FileStore& files, IndexCopy copy);

/// Replaces both copies. @return As rename_index_draft(IndexCopy::kFirst): the second one serves when it is older, too.
common::Status write_index(platform::FileStore& files, const CertificateIndex& index);

/// Reads an item and checks it. @retval kCorrupt, kNotFound, kIo  @retval kNoSpace  No memory.
common::Status read_item(platform::FileStore& files, const StoredItem& item, Buffer& out);
/// Checks an item and reads its first bytes, without heap. @retval kCorrupt, kNotFound, kIo
common::Status read_item_head(platform::FileStore& files, const StoredItem& item,
                              common::MutableByteSpan head);
/// Writes a content to the file of an item, and its size and CRC to the item.
common::Status write_item(platform::FileStore& files, StoredItem& item, common::ByteSpan content);

}  // namespace security

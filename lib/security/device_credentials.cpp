#include "security/device_credentials.hpp"

#include "security/stored_roots.hpp"

#include <cstring>

namespace security {

using common::Result;
using common::Status;

namespace {

constexpr size_t kMaxSignatureBytes = 600;  ///< 800 characters of base64 (SignedUpdateFirmware).

ItemKind kind_of(RootUse use) {
  return use == RootUse::kCentralSystem ? ItemKind::kCentralSystemRoot
                                        : ItemKind::kManufacturerRoot;
}

bool is_root(const StoredItem& item) {
  return item.kind == ItemKind::kCentralSystemRoot || item.kind == ItemKind::kManufacturerRoot;
}

bool is_same(const CertificateHash& a, const CertificateHash& b) {
  const size_t size = hash_bytes(a.algorithm);
  return a.algorithm == b.algorithm && a.serial_size == b.serial_size &&
         std::memcmp(a.serial, b.serial, a.serial_size) == 0 &&
         std::memcmp(a.issuer_name, b.issuer_name, size) == 0 &&
         std::memcmp(a.issuer_key, b.issuer_key, size) == 0;
}

}  // namespace

DeviceCredentials::DeviceCredentials(platform::FileStore& files, platform::KeyValueStore& keys,
                                     platform::Entropy& entropy, platform::Worker& worker,
                                     common::LogSink& log)
    : files_(files),
      worker_(worker),
      authority_(files, keys),
      store_(files, keys, authority_, log),
      job_(files, entropy) {
  mbedtls_sha256_init(&digest_);
}

DeviceCredentials::~DeviceCredentials() { mbedtls_sha256_free(&digest_); }

Status DeviceCredentials::begin() { return store_.begin(); }

Status DeviceCredentials::begin_with(Operation operation, PemText& pem, size_t most_bytes) {
  if (is_busy()) return Status::kAgain;
  job_.operation = operation;
  job_.is_known = false;
  job_.fault = job_.certificates.read(pem, most_bytes);
  if (job_.fault == CertificateFault::kNoMemory) return Status::kNoSpace;
  return Status::kOk;
}

void DeviceCredentials::start() {
  state_ = job_.fault == CertificateFault::kNone ? State::kWaiting : State::kFinished;
  if (state_ == State::kWaiting && worker_.start(job_) == Status::kOk) state_ = State::kRunning;
}

Status DeviceCredentials::begin_install_root(RootUse use, PemText& pem, bool must_replace,
                                             common::UtcTime at) {
  RETURN_IF_ERROR(begin_with(Operation::kInstallRoot, pem, CertificateList::kMaxCertificateBytes));
  job_.use = use;
  job_.must_replace = must_replace && use == RootUse::kCentralSystem;
  job_.at = at;
  start();
  return Status::kOk;
}

Status DeviceCredentials::begin_request(const ClientSubject& subject, KeyType type, bool is_local) {
  if (is_busy()) return Status::kAgain;
  if (subject.common_name.empty()) return Status::kInvalidArgument;
  job_.operation = Operation::kMakeRequest;
  job_.fault = CertificateFault::kNone;
  job_.subject = subject;
  job_.key_type = type;
  job_.is_local = is_local;
  start();
  return Status::kOk;
}

Status DeviceCredentials::begin_accept_client(PemText& chain, common::UtcTime at) {
  RETURN_IF_ERROR(begin_with(Operation::kAcceptClient, chain, CertificateList::kMaxChainBytes));
  job_.at = at;
  const StoredItem* const request = stored().newest(ItemKind::kRequest);
  if (job_.fault == CertificateFault::kNone &&
      (request == nullptr || read_item(files_, *request, job_.request) != Status::kOk)) {
    job_.fault = CertificateFault::kKeyMismatch;
  }
  start();
  return Status::kOk;
}

Status DeviceCredentials::begin_check_signer(PemText& chain, common::UtcTime at) {
  RETURN_IF_ERROR(begin_with(Operation::kCheckSigner, chain, CertificateList::kMaxChainBytes));
  job_.at = at;
  start();
  return Status::kOk;
}

Status DeviceCredentials::begin_verify_firmware(common::ByteSpan digest, PemText& signature) {
  if (is_busy()) return Status::kAgain;
  const StoredItem* const item = signer();
  if (item == nullptr) return Status::kNotFound;
  if (digest.size() != sizeof job_.digest) return Status::kInvalidArgument;
  RETURN_IF_ERROR(read_item(files_, *item, job_.signer));
  job_.operation = Operation::kVerifyFirmware;
  std::memcpy(job_.digest, digest.data(), sizeof job_.digest);
  job_.fault = decode_base64(signature, kMaxSignatureBytes, job_.signature);
  if (job_.fault == CertificateFault::kNoMemory) {
    job_.release();
    return Status::kNoSpace;
  }
  start();
  return Status::kOk;
}

bool DeviceCredentials::has_work() const {
  return is_busy() || !store_.is_idle() || (proved_root_ | proved_client_ | forgotten_signer_) != 0;
}

bool DeviceCredentials::poll(Outcome& outcome) {
  if (state_ == State::kWaiting) start();
  if (state_ == State::kRunning && worker_.is_idle()) state_ = State::kFinished;
  if (state_ != State::kStoring && store_.is_idle()) begin_pending();
  if (state_ == State::kFinished && store_.is_idle()) {
    result_ = judge();
    if (store_.is_idle()) return end(outcome);
    state_ = State::kStoring;
  }
  store_.step();
  if (state_ != State::kStoring || !store_.is_idle()) return false;
  if (store_.status() != Status::kOk) result_ = InstallResult::kFailed;
  return end(outcome);
}

bool DeviceCredentials::end(Outcome& outcome) {
  outcome.operation = job_.operation;
  outcome.result = result_;
  outcome.fault = job_.fault;
  job_.release();
  state_ = State::kIdle;
  return true;
}

InstallResult DeviceCredentials::judge() {
  if (job_.fault != CertificateFault::kNone) {
    const bool is_judged = job_.fault != CertificateFault::kNoMemory;
    return is_judged ? InstallResult::kRejected : InstallResult::kFailed;
  }
  switch (job_.operation) {
    case Operation::kInstallRoot:
      return install_root();
    case Operation::kMakeRequest:
      return keep_request();
    case Operation::kAcceptClient:
      return keep_client();
    case Operation::kCheckSigner:
      return keep_signer();
    case Operation::kVerifyFirmware:
      break;
  }
  return InstallResult::kAccepted;
}

InstallResult DeviceCredentials::store_new(StoredItem item) {
  item.from = job_.from;
  item.until = job_.until;
  store_.add(item, job_.content.bytes(), job_.key.bytes());
  return store_.status() == Status::kOk ? InstallResult::kAccepted : InstallResult::kFailed;
}

InstallResult DeviceCredentials::install_root() {
  if (job_.is_known) return InstallResult::kAccepted;
  StoredItem item;
  item.kind = kind_of(job_.use);
  CertificateIndex& next = store_.begin_change();
  if (job_.must_replace && next.newest(item.kind) != nullptr) {
    item.flags = kOnTrial;
    // One that was on trial itself has not proved itself: the new one takes its place.
    for (size_t i = next.items.size(); i-- > 0;) {
      if (next.items[i].kind != item.kind) continue;
      if ((next.items[i].flags & kOnTrial) != 0) {
        next.items.erase(i);
      } else {
        next.items[i].flags |= kFallback;
      }
    }
  }
  size_t roots = 0;
  for (const StoredItem& other : next.items) roots += is_root(other) ? 1U : 0U;
  if (roots >= capacity()) return InstallResult::kRejected;
  return store_new(item);
}

InstallResult DeviceCredentials::keep_request() {
  CertificateIndex& next = store_.begin_change();
  const StoredItem* const before = next.newest(ItemKind::kRequest);
  if (before != nullptr) next.erase(before->id);
  StoredItem item;
  item.kind = ItemKind::kRequest;
  if (job_.is_local) item.flags = kLocal;
  return store_new(item);
}

InstallResult DeviceCredentials::keep_client() {
  CertificateIndex& next = store_.begin_change();
  const StoredItem* const request = next.newest(ItemKind::kRequest);
  if (request == nullptr) return InstallResult::kFailed;
  StoredItem item;
  item.kind = ItemKind::kClient;
  item.flags = kOnTrial;
  item.key = request->key;
  next.erase(request->id);
  // One remains beside the new one: the newest that a connection was made with, else the newest.
  const StoredItem* kept = next.newest(ItemKind::kClient);
  for (const StoredItem& other : next.items) {
    if (other.kind == ItemKind::kClient && (other.flags & kOnTrial) == 0) kept = &other;
  }
  const uint32_t kept_id = kept == nullptr ? 0 : kept->id;
  for (size_t i = next.items.size(); i-- > 0;) {
    const StoredItem& other = next.items[i];
    if (other.kind == ItemKind::kClient && other.id != kept_id) next.items.erase(i);
  }
  authority_.avoid_client(0);
  return store_new(item);
}

InstallResult DeviceCredentials::keep_signer() {
  CertificateIndex& next = store_.begin_change();
  const StoredItem* const before = next.newest(ItemKind::kSigner);
  if (before != nullptr) next.erase(before->id);
  StoredItem item;
  item.kind = ItemKind::kSigner;
  return store_new(item);
}

size_t DeviceCredentials::root_count(RootUse use) const { return stored().count(kind_of(use)); }

Status DeviceCredentials::root_hash(RootUse use, size_t index, HashAlgorithm algorithm,
                                    CertificateHash& out) {
  const StoredItem* const item = stored().at(kind_of(use), index);
  if (item == nullptr) return Status::kNotFound;
  uint8_t hashes[kHashesBytes];
  RETURN_IF_ERROR(read_item_head(files_, *item, hashes));
  read_hash(hashes, algorithm, out);
  return Status::kOk;
}

const StoredItem* DeviceCredentials::find_root(const CertificateHash& hash) {
  for (const StoredItem& item : stored().items) {
    uint8_t hashes[kHashesBytes];
    if (!is_root(item) || read_item_head(files_, item, hashes) != Status::kOk) continue;
    CertificateHash own;
    read_hash(hashes, hash.algorithm, own);
    if (is_same(own, hash)) return &item;
  }
  return nullptr;
}

DeleteResult DeviceCredentials::remove_root(const CertificateHash& hash) {
  const StoredItem* const item = find_root(hash);
  return item == nullptr ? DeleteResult::kNotFound : remove_root(item->id);
}

DeleteResult DeviceCredentials::remove_root(uint32_t id) {
  const StoredItem* const item = stored().find(id);
  if (item == nullptr || !is_root(*item)) return DeleteResult::kNotFound;
  if (id == root_in_use_ || !store_.can_change()) return DeleteResult::kFailed;
  CertificateIndex& next = store_.begin_change();
  if ((item->flags & kOnTrial) != 0) {
    for (StoredItem& other : next.items) other.flags &= static_cast<uint8_t>(~kFallback);
  }
  next.erase(id);
  return store_.commit_now() == Status::kOk ? DeleteResult::kAccepted : DeleteResult::kFailed;
}

Status DeviceCredentials::describe(size_t index, CertificateInfo& out) {
  for (const StoredItem& item : stored().items) {
    if (item.kind == ItemKind::kRequest || index-- > 0) continue;
    return security::describe(files_, item, out);
  }
  return Status::kNotFound;
}

bool DeviceCredentials::has_local_request() const {
  const StoredItem* const item = stored().newest(ItemKind::kRequest);
  return item != nullptr && (item->flags & kLocal) != 0;
}

bool DeviceCredentials::has_client(common::UtcTime at) const {
  const StoredItem* const item = choose_client(stored(), at, 0);
  return item != nullptr && item->from <= at && at < item->until + 1000;
}

common::UtcTime DeviceCredentials::client_expires_at() const {
  const StoredItem* const item = stored().newest(ItemKind::kClient);
  return item == nullptr ? common::UtcTime() : item->until;
}

Result<size_t> DeviceCredentials::request_pem(common::Span<char> out) {
  const StoredItem* const item = stored().newest(ItemKind::kRequest);
  if (item == nullptr) return Status::kNotFound;
  Buffer content;
  RETURN_IF_ERROR(read_item(files_, *item, content));
  StoredRequest request;
  if (!read_request(content.bytes(), request)) return Status::kCorrupt;
  if (request.pem.size() > out.size()) return Status::kNoSpace;
  std::memcpy(out.data(), request.pem.data(), request.pem.size());
  return request.pem.size();
}

const StoredItem* DeviceCredentials::signer() const {
  const StoredItem* const item = stored().newest(ItemKind::kSigner);
  return item == nullptr || item->id == forgotten_signer_ ? nullptr : item;
}

void DeviceCredentials::forget_signer() {
  // One that is being stored takes the place of the one that is meant.
  if (state_ == State::kStoring && job_.operation == Operation::kCheckSigner) return;
  const StoredItem* const item = signer();
  if (item != nullptr) forgotten_signer_ = item->id;
}

void DeviceCredentials::begin_digest() {
  mbedtls_sha256_free(&digest_);
  mbedtls_sha256_init(&digest_);
  (void)mbedtls_sha256_starts_ret(&digest_, 0);
}

void DeviceCredentials::update_digest(common::ByteSpan data) {
  (void)mbedtls_sha256_update_ret(&digest_, data.data(), data.size());
}

void DeviceCredentials::finish_digest(common::MutableByteSpan out) {
  uint8_t digest[32] = {};
  (void)mbedtls_sha256_finish_ret(&digest_, digest);
  std::memcpy(out.data(), digest, out.size() < sizeof digest ? out.size() : sizeof digest);
}

void DeviceCredentials::on_connected(uint32_t root, uint32_t client) {
  root_in_use_ = root;
  authority_.avoid_client(0);
  proved_root_ = root;
  proved_client_ = client;
}

void DeviceCredentials::begin_pending() {
  if ((proved_root_ | proved_client_ | forgotten_signer_) == 0) return;
  CertificateIndex& next = store_.begin_change();
  bool has_changed = prove(next, proved_root_, proved_client_);
  if (next.find(forgotten_signer_) != nullptr) {
    next.erase(forgotten_signer_);
    has_changed = true;
  }
  proved_root_ = proved_client_ = forgotten_signer_ = 0;
  if (has_changed) store_.commit();
}

/// What a connection was made with has proved itself, and takes the place of others.
bool DeviceCredentials::prove(CertificateIndex& next, uint32_t root, uint32_t client) {
  bool has_changed = false;
  const StoredItem* const proved_root = next.find(root);
  const bool replaces = proved_root != nullptr && (proved_root->flags & kOnTrial) != 0;
  const StoredItem* const proved_client = next.find(client);
  const bool is_proved = proved_client != nullptr && proved_client->kind == ItemKind::kClient;
  for (size_t i = next.items.size(); i-- > 0;) {
    StoredItem& item = next.items[i];
    const bool goes = (replaces && (item.flags & kFallback) != 0) ||
                      (is_proved && item.kind == ItemKind::kClient && item.id < client);
    if (goes) {
      next.items.erase(i);
      has_changed = true;
    } else if ((item.id == root || (is_proved && item.id == client)) &&
               (item.flags & kOnTrial) != 0) {
      item.flags &= static_cast<uint8_t>(~kOnTrial);
      has_changed = true;
    }
  }
  return has_changed;
}

void DeviceCredentials::on_connection_failed(uint32_t client) {
  const bool is_newest_avoided = authority_.avoided_client() != 0;
  authority_.avoid_client(is_newest_avoided ? 0 : client);
}

}  // namespace security

#include "security/path_validator.hpp"

#include <cstring>
#include <mbedtls/platform.h>
#include <new>

namespace security {

using common::ByteSpan;

namespace {

constexpr size_t kMaxChain = platform::TlsAuthority::kMaxChain;

class Search {
 public:
  Search(RootSource& roots, const PathDemand& demand) : roots_(roots), demand_(demand) {}
  ~Search() {
    for (size_t i = 0; i < count_; ++i) {
      chain_[i]->~Certificate();
      mbedtls_free(chain_[i]);
    }
  }
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  Path run(common::Span<const ByteSpan> chain) {
    path_.fault = chain.empty() ? CertificateFault::kMalformed : parse(chain);
    if (path_.fault == CertificateFault::kNone) path_.fault = check_first(*chain_[0]);
    if (path_.fault == CertificateFault::kNone && roots_.count() == 0) {
      path_.fault = CertificateFault::kNoRoot;
    }
    if (path_.fault != CertificateFault::kNone) return path_;
    path_.order[0] = 0;
    path_.size = 1;
    if (!extend()) {
      path_.fault = best_;
      path_.size = 0;
    }
    return path_;
  }

 private:
  CertificateFault parse(common::Span<const ByteSpan> chain) {
    if (chain.size() > kMaxChain) return CertificateFault::kTooLarge;
    for (const ByteSpan der : chain) {
      void* const room = mbedtls_calloc(1, sizeof(Certificate));
      if (room == nullptr) return CertificateFault::kNoMemory;
      chain_[count_] = new (room) Certificate;
      const CertificateFault fault = chain_[count_++]->parse(der);
      if (fault != CertificateFault::kNone) return fault;
    }
    return CertificateFault::kNone;
  }

  CertificateFault check_first(const Certificate& first) const {
    CertificateFault fault = check_any(first);
    if (fault == CertificateFault::kNotYetValid && demand_.allow_future) {
      fault = CertificateFault::kNone;
    }
    if (fault == CertificateFault::kNone) fault = first.check_purpose(demand_.purpose);
    if (fault == CertificateFault::kNone && demand_.purpose == Purpose::kServer &&
        !first.is_for_host(demand_.host, demand_.allow_wildcard)) {
      fault = CertificateFault::kWrongHost;
    }
    return fault;
  }

  /// What holds for every certificate of a path.
  CertificateFault check_any(const Certificate& certificate) const {
    CertificateFault fault = certificate.check_key();
    if (fault == CertificateFault::kNone) fault = certificate.check_signature_kind();
    if (fault == CertificateFault::kNone) fault = certificate.check_time(demand_.at);
    return fault;
  }

  /// What holds for who stands above the path as it is now, roots included.
  CertificateFault check_issuer(const Certificate& issuer) const {
    if (!issuer.is_ca()) return CertificateFault::kWrongUsage;
    int others = 0;
    for (size_t i = 1; i < path_.size; ++i) {
      others += chain_[path_.order[i]]->is_self_issued() ? 0 : 1;
    }
    const int limit = issuer.path_limit();
    return limit >= 0 && others > limit ? CertificateFault::kPathTooLong : CertificateFault::kNone;
  }

  const Certificate& top() const { return *chain_[path_.order[path_.size - 1]]; }

  /// Remembers why a way was given up: of the one that led farthest, what is most telling.
  void give_up(CertificateFault fault, int weight) {
    const int rank = path_.size * 4 + weight;
    if (rank > best_rank_) {
      best_rank_ = rank;
      best_ = fault;
    }
  }

  bool is_on_path(size_t index) const {
    for (size_t i = 0; i < path_.size; ++i) {
      if (path_.order[i] == index) return true;
    }
    return false;
  }

  /// Checks one signature; false too when there were too many.
  bool verify(const Certificate& issuer) {
    if (signatures_ == kMaxSignatures) return false;
    ++signatures_;
    const CertificateFault fault = top().check_signature(issuer);
    if (fault == CertificateFault::kNone) return true;
    give_up(fault, fault == CertificateFault::kNoMemory ? 3 : 1);
    return false;
  }

  /// Ends the path at a root. @return Whether one fits.
  // Not part of extend(): its certificate would lie on the stack once per level.
  [[gnu::noinline]] bool reach_root() {
    Buffer der;
    for (size_t i = 0; i < roots_.count(); ++i) {
      uint32_t id = 0;
      Certificate root;
      const common::Status status = roots_.load(i, der, id);
      has_missed_ = has_missed_ || status == common::Status::kNoSpace;
      if (status != common::Status::kOk) continue;
      const CertificateFault unreadable = root.parse(der.bytes());
      if (unreadable != CertificateFault::kNone) {
        if (unreadable == CertificateFault::kNoMemory) give_up(unreadable, 3);
        continue;
      }
      const bool is_itself = is_same(root.der(), top().der());
      if (!is_itself) {
        if (!top().is_issued_by_name_of(root)) continue;
        CertificateFault fault = root.check_key();
        if (fault == CertificateFault::kNone) fault = root.check_time(demand_.at);
        if (fault == CertificateFault::kNone) fault = check_issuer(root);
        if (!verify(root)) continue;
        if (fault != CertificateFault::kNone) {
          give_up(fault, 3);
          continue;
        }
      } else if (path_.size > 1) {
        // Sent along: it is the root, and no part of the path.
        --path_.size;
      }
      path_.root = id;
      return true;
    }
    return false;
  }

  // Recursion ends: each level has put one more of kMaxChain certificates on the path.
  bool extend() {
    if (reach_root()) return true;
    const Certificate& child = top();
    bool has_issuer = false;
    for (size_t i = 0; i < count_; ++i) {
      if (is_on_path(i) || !child.is_issued_by_name_of(*chain_[i])) continue;
      has_issuer = true;
      const CertificateFault fault = check_next(*chain_[i]);
      if (!verify(*chain_[i])) continue;
      if (fault != CertificateFault::kNone) {
        give_up(fault, 3);
        continue;
      }
      path_.order[path_.size++] = static_cast<uint8_t>(i);
      if (extend()) return true;
      --path_.size;
    }
    // A root that there was no memory for may be the one.
    if (!has_issuer) give_up(has_missed_ ? CertificateFault::kNoMemory : why_alone(child), 0);
    return false;
  }

  CertificateFault check_next(const Certificate& issuer) const {
    const CertificateFault fault = check_any(issuer);
    return fault != CertificateFault::kNone ? fault : check_issuer(issuer);
  }

  CertificateFault why_alone(const Certificate& child) const {
    if (!child.is_self_issued()) return CertificateFault::kMissingIssuer;
    return path_.size == 1 ? CertificateFault::kSelfSigned : CertificateFault::kUntrusted;
  }

  static bool is_same(ByteSpan a, ByteSpan b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
  }

  RootSource& roots_;
  const PathDemand& demand_;
  Certificate* chain_[kMaxChain] = {};
  size_t count_ = 0;
  size_t signatures_ = 0;
  bool has_missed_ = false;  ///< There was no memory for a root.
  Path path_;
  int best_rank_ = -1;
  CertificateFault best_ = CertificateFault::kMissingIssuer;
};

}  // namespace

Path find_path(common::Span<const ByteSpan> chain, RootSource& roots, const PathDemand& demand) {
  return Search(roots, demand).run(chain);
}

}  // namespace security

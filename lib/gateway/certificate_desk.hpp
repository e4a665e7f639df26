#pragma once

#include "common/fixed_string.hpp"
#include "common/time.hpp"
#include "json/writer.hpp"

namespace gateway {

/// Certificates as somebody at the console handles them. Keys are made inside and never leave. One piece of work at a
/// time, and never beside one of the CSMS:
///
///     request()                       -> step() ... kDone, kFailed
///     open(), put() ..., submit()     -> step() ... kDone, kFailed
///
/// @par Context  Loop thread; no call blocks: checking and making keys is done beside the loop.
class CertificateDesk {
 public:
  using Error = common::FixedString<159>;
  enum class Step : uint8_t { kNone, kDone, kFailed };
  /// What text is to be.
  enum class Text : uint8_t {
    kClientChain,       ///< Answers the open request; in any order, the root may be left out.
    kCsmsRoot,          ///< One certificate.
    kManufacturerRoot,  ///< One certificate.
  };
  /// Characters of one text, line ends included.
  static constexpr size_t kMaxTextBytes = 10000;

  /// Adds members to the open object: every certificate, and whose request is open. Reads the flash.
  virtual bool list(json::Writer& out, Error& error) = 0;
  /// Makes a new pair of keys and a request to sign it, in the place of an open one. @return false: see error.
  virtual bool request(common::Instant now, Error& error) = 0;
  /// Makes room for text; what came before is dropped. @return false: see error.
  virtual bool open(Text what, Error& error) = 0;
  /// @return false: it is longer than kMaxTextBytes; nothing is added.
  virtual bool put(common::TextSpan text) = 0;
  /// Begins to check what came. @return false: see error.
  virtual bool submit(common::Instant now, Error& error) = 0;
  /// Forgets the text.
  virtual void drop() = 0;
  /// @param id  As of list(). @return false: see error.
  virtual bool remove(uint32_t id, common::Instant now, Error& error) = 0;
  /// How what was begun ended, once. @param out  kDone: members of the answer. @param error  kFailed: why.
  virtual Step step(json::Writer& out, Error& error) = 0;

 protected:
  ~CertificateDesk() = default;
};

}  // namespace gateway

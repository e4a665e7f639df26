#pragma once

#include "security/credentials.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ocpp_world {

/// Certificates that are words: what becomes of one is what it says. "good: NAME" is accepted, "full", "broken store" and
/// "expired" are what they say, "bad: FAULT" has that fault; anything else is malformed. Survives restarts of the gateway, as flash does.
class FakeCredentials final : public security::Credentials {
 public:
  int polls = 2;  ///< How often an operation is asked for before it has ended.
  common::UtcTime expires_at;
  common::UtcTime judged_at;        ///< The time that the last root was judged by.
  bool is_request_damaged = false;  ///< Until there is a new one.
  std::vector<std::string> roots[2];
  std::string client;
  std::string request;
  bool is_request_local = false;
  std::string signer;
  std::string signature;  ///< That was checked last.
  std::string digest_of;  ///< Content that was digested last.
  int requests = 0;
  std::string subject;  ///< Of the last request: "CN/O".
  std::string in_use;   ///< Root that cannot be deleted.
  std::vector<std::string> calls;
  size_t room = 4;

  /// Power was lost: nothing runs.
  void restart() { is_busy_ = false; }

  common::Status begin_install_root(security::RootUse use, security::PemText& pem,
                                    bool must_replace, common::UtcTime at) override {
    judged_at = at;
    return begin(Operation::kInstallRoot, text(pem), [=](const std::string& name) {
      std::vector<std::string>& list = roots[static_cast<size_t>(use)];
      if (must_replace) calls.push_back("replace");
      if (list.size() >= room) return false;
      list.push_back(name);
      return true;
    });
  }
  common::Status begin_request(const ClientSubject& wanted, security::KeyType,
                               bool is_local) override {
    if (wanted.common_name.empty()) return common::Status::kInvalidArgument;
    subject = std::string(wanted.common_name.c_str()) + "/" + wanted.organization.c_str();
    return begin(Operation::kMakeRequest, "good: ", [=](const std::string&) {
      request = "CSR " + std::to_string(++requests) + "\n" + subject;
      is_request_damaged = false;
      is_request_local = is_local;
      return true;
    });
  }
  common::Status begin_accept_client(security::PemText& chain, common::UtcTime) override {
    return begin(Operation::kAcceptClient, text(chain), [=](const std::string& name) {
      client = name;
      request.clear();
      return true;
    });
  }
  common::Status begin_check_signer(security::PemText& chain, common::UtcTime) override {
    return begin(Operation::kCheckSigner, text(chain), [=](const std::string& name) {
      signer = name;
      return true;
    });
  }
  common::Status begin_verify_firmware(common::ByteSpan, security::PemText& pem) override {
    signature = text(pem);
    return begin(Operation::kVerifyFirmware, signature, [](const std::string&) { return true; });
  }

  bool is_busy() const override { return is_busy_; }
  bool has_work() const override { return is_busy_; }
  bool poll(Outcome& outcome) override {
    if (--left_ > 0) return false;
    is_busy_ = false;
    if (finish_) finish_(outcome_);
    outcome = outcome_;
    return true;
  }

  size_t root_count(security::RootUse use) const override {
    return roots[static_cast<size_t>(use)].size();
  }
  size_t capacity() const override { return room; }
  common::Status root_hash(security::RootUse use, size_t index, security::HashAlgorithm algorithm,
                           security::CertificateHash& out) override {
    const std::string& name = roots[static_cast<size_t>(use)].at(index);
    out = security::CertificateHash();
    out.algorithm = algorithm;
    out.issuer_name[0] = static_cast<uint8_t>(name[0]);
    out.issuer_key[0] = static_cast<uint8_t>(name[1]);
    out.serial_size = 1;
    out.serial[0] = static_cast<uint8_t>(name.size());
    return common::Status::kOk;
  }
  security::DeleteResult remove_root(const security::CertificateHash& hash) override {
    for (std::vector<std::string>& list : roots) {
      for (size_t i = 0; i < list.size(); ++i) {
        if (static_cast<uint8_t>(list[i][0]) != hash.issuer_name[0] ||
            static_cast<uint8_t>(list[i][1]) != hash.issuer_key[0] ||
            list[i].size() != hash.serial[0]) {
          continue;
        }
        if (list[i] == in_use) return security::DeleteResult::kFailed;
        list.erase(list.begin() + static_cast<long>(i));
        return security::DeleteResult::kAccepted;
      }
    }
    return security::DeleteResult::kNotFound;
  }

  /// The id of a root is its length.
  security::DeleteResult remove_root(uint32_t id) override {
    for (std::vector<std::string>& list : roots) {
      for (size_t i = 0; i < list.size(); ++i) {
        if (list[i].size() != id) continue;
        if (list[i] == in_use) return security::DeleteResult::kFailed;
        list.erase(list.begin() + static_cast<long>(i));
        return security::DeleteResult::kAccepted;
      }
    }
    return security::DeleteResult::kNotFound;
  }
  common::Status describe(size_t, security::CertificateInfo&) override {
    return common::Status::kNotFound;
  }

  bool has_client(common::UtcTime) const override { return !client.empty(); }
  common::UtcTime client_expires_at() const override { return expires_at; }
  common::Result<size_t> request_pem(common::Span<char> out) override {
    if (request.empty()) return common::Status::kNotFound;
    if (is_request_damaged) return common::Status::kCorrupt;
    if (request.size() > out.size()) return common::Status::kNoSpace;
    request.copy(out.data(), request.size());
    return request.size();
  }
  bool has_request() const override { return !request.empty(); }
  bool has_local_request() const override { return has_request() && is_request_local; }

  bool has_signer() const override { return !signer.empty(); }
  void forget_signer() override { signer.clear(); }
  void begin_digest() override { digest_of.clear(); }
  void update_digest(common::ByteSpan data) override {
    digest_of.append(reinterpret_cast<const char*>(data.data()), data.size());
  }
  void finish_digest(common::MutableByteSpan out) override {
    for (uint8_t& byte : out) byte = 0;
  }

  void on_connected(uint32_t root, uint32_t shown) override {
    calls.push_back("connected " + std::to_string(root) + " " + std::to_string(shown));
  }
  void on_connection_failed(uint32_t shown) override {
    calls.push_back("failed " + std::to_string(shown));
  }
  void on_disconnected() override { calls.push_back("disconnected"); }

 private:
  static std::string text(security::PemText& pem) {
    std::string all;
    for (common::TextSpan piece = pem.next(); !piece.empty(); piece = pem.next())
      all.append(piece.data(), piece.size());
    return all;
  }

  /// "bad: NAME", NAME as to_string() writes faults.
  static security::CertificateFault fault_of(const std::string& word) {
    for (int i = 1; i <= static_cast<int>(security::CertificateFault::kNoMemory); ++i) {
      const auto fault = static_cast<security::CertificateFault>(i);
      if (word == std::string("bad: ") + to_string(fault)) return fault;
    }
    return security::CertificateFault::kMalformed;
  }

  template <typename Carry>
  common::Status begin(Operation operation, const std::string& word, Carry carry) {
    if (is_busy_) return common::Status::kAgain;
    is_busy_ = true;
    left_ = polls;
    outcome_ = Outcome();
    outcome_.operation = operation;
    outcome_.result = security::InstallResult::kRejected;
    finish_ = nullptr;
    if (word.compare(0, 6, "good: ") == 0) {
      finish_ = [carry, word](Outcome& outcome) {
        outcome.result = carry(word.substr(6)) ? security::InstallResult::kAccepted
                                               : security::InstallResult::kRejected;
      };
    } else if (word == "broken store") {
      outcome_.result = security::InstallResult::kFailed;
    } else {
      outcome_.fault = word == "expired"     ? security::CertificateFault::kExpired
                       : word == "wrong"     ? security::CertificateFault::kBadSignature
                       : word == "no memory" ? security::CertificateFault::kNoMemory
                                             : fault_of(word);
    }
    return common::Status::kOk;
  }

  bool is_busy_ = false;
  int left_ = 0;
  Outcome outcome_;
  std::function<void(Outcome&)> finish_;
};

}  // namespace ocpp_world

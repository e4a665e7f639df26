#pragma once

#include "gateway/certificate_desk.hpp"
#include "gateway/json_members.hpp"

#include <string>

/// Certificates that are what the test says.
class FakeDesk final : public gateway::CertificateDesk {
 public:
  std::string refusal;  ///< Of the next command; empty = it is begun.
  Step outcome = Step::kNone;
  std::string text;
  Text what = Text::kClientChain;
  bool is_open = false;
  uint32_t removed = 0;
  int checks = 0;

  bool list(json::Writer& out, Error&) override {
    gateway::member(out, "request", "none");
    return true;
  }
  bool request(common::Instant, Error& error) override { return begin(error); }
  bool open(Text wanted, Error& error) override {
    what = wanted;
    text.clear();
    is_open = begin(error);
    return is_open;
  }
  bool put(common::TextSpan line) override {
    if (text.size() + line.size() > kMaxTextBytes) return false;
    text.append(line.data(), line.size());
    return true;
  }
  bool submit(common::Instant, Error& error) override {
    ++checks;
    return begin(error);
  }
  void drop() override { is_open = false; }
  bool remove(uint32_t id, common::Instant, Error& error) override {
    removed = id;
    return begin(error);
  }
  Step step(json::Writer& out, Error& error) override {
    if (outcome == Step::kDone) gateway::member(out, "csr", "a request");
    if (outcome == Step::kFailed) error = Error("it has expired");
    return outcome;
  }

 private:
  bool begin(Error& error) const {
    error = Error(refusal.c_str());
    return refusal.empty();
  }
};

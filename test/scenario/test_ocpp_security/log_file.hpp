#pragma once

#include "ocpp_world/fake_digest.hpp"

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

/// An uploaded security log, as somebody reads it who knows docs/security-log.md and nothing of the code.
struct LogFile {
  struct Line {
    std::string text;
    /// Number, text or word of a member; empty when there is none.
    std::string operator[](const std::string& name) const {
      const size_t at = text.find("\"" + name + "\":");
      if (at == std::string::npos) return "";
      size_t from = at + name.size() + 3;
      const bool is_text = text[from] == '"';
      if (is_text) ++from;
      return text.substr(from, text.find_first_of(is_text ? "\"" : ",}", from) - from);
    }
  };

  explicit LogFile(const std::string& file) {
    for (size_t at = 0; at < file.size();) {
      const size_t end = file.find('\n', at);
      if (end == std::string::npos) break;
      lines.push_back({file.substr(at, end - at)});
      at = end + 1;
    }
  }

  /// Entries, by what stands in their info, each followed by a blank.
  std::string entries() const {
    std::string all;
    for (const Line& line : lines) {
      if (!line["code"].empty()) all += line["info"] + " ";
    }
    return all;
  }
  size_t count(const std::string& member) const {
    size_t found = 0;
    for (const Line& line : lines) found += line[member].empty() ? 0 : 1;
    return found;
  }

  /// The first thing that does not fit; empty when all does.
  std::string problem() const {
    if (lines.size() < 2 || lines.front()["version"] != "2") return "no head";
    if (lines.back()["end"] != "true") return "no end";
    std::string hash = lines.front()["anchor"];
    std::string number = "0";
    size_t entries = 0;
    for (size_t i = 1; i + 1 < lines.size(); ++i) {
      const Line& line = lines[i];
      if (line["left_out"].empty()) {
        ++entries;
        if (line["after"] != number || line["hash"] != expected(line, hash)) return line.text;
      }
      number = line["n"];
      hash = line["hash"];
    }
    const Line& end = lines.back();
    const bool fits =
        end["hash"] == hash && end["n"] == number && end["entries"] == std::to_string(entries);
    return fits ? "" : end.text;
  }

  std::vector<Line> lines;

 private:
  static void put(std::vector<uint8_t>& out, long long value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i)
      out.push_back(static_cast<uint8_t>(static_cast<unsigned long long>(value) >> 8 * i));
  }
  static std::string expected(const Line& line, const std::string& before) {
    std::vector<uint8_t> image;
    put(image, std::atoll(line["code"].c_str()), 1);
    put(image, line["told"] == "true" ? 1 : 0, 1);
    put(image, std::atoll(line["uptime_ms"].c_str()), 8);
    put(image, std::atoll(line["utc_ms"].c_str()), 8);
    for (size_t i = 0; i < before.size(); i += 2)
      image.push_back(static_cast<uint8_t>(std::strtoul(before.substr(i, 2).c_str(), nullptr, 16)));
    const std::string info = line["info"];
    put(image, static_cast<long long>(info.size()), 1);
    image.insert(image.end(), info.begin(), info.end());
    put(image, std::atoll(line["n"].c_str()), 4);
    uint8_t hash[32];
    ocpp_world::FakeDigest digest;
    digest.sha256(common::ByteSpan(image.data(), image.size()), hash);
    std::string text;
    for (const uint8_t byte : hash) {
      constexpr char kDigits[] = "0123456789abcdef";
      text += {kDigits[byte >> 4U], kDigits[byte & 15U]};
    }
    return text;
  }
};

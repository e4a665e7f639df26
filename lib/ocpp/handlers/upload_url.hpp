#pragma once

#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// Where a file of ours is to be stored.
struct UploadUrl {
  char text[limits::kMaxLocationBytes];
  size_t size = 0;
  bool is_cut = false;
  common::TextSpan name;  ///< Of the file, inside text.

  common::TextSpan span() const { return common::TextSpan(text, size); }
  void add(char c) {
    is_cut = is_cut || size == sizeof text;
    if (!is_cut) text[size++] = c;
  }
  void add(common::TextSpan more) {
    for (const char c : more) add(c);
  }
};

/// location is a folder, to which "<prefix><serial number>-<date and time>.jsonl" is added; a URL with a query (a signed
/// one) or with a name that has a dot is taken as it is.
/// @return false when it is empty or too long.
bool make_upload_url(const Engine& engine, const messages::Text& location, const char* prefix,
                     UploadUrl& out);

}  // namespace ocpp

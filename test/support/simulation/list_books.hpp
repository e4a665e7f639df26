#pragma once

#include "platform_sim/sim_file_store.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace simulation {

/// One SendLocalList as the CSMS sent it.
struct BookedListUpdate {
  struct Entry {
    std::string id_tag;
    std::string status;  ///< Empty: the tag is to go.
    std::string parent;  ///< Empty: none.
  };
  bool is_full = false;
  int version = 0;
  std::vector<Entry> entries;

  /// Payload of SendLocalList.req.
  std::string request() const;
};

/// What the local authorization list may be: the last update that was accepted, and beside it what came of updates
/// without an answer (OCPP 1.6 ed. 2, 5.15).
class ListBooks {
 public:
  struct Content {
    int version = 0;
    std::map<std::string, std::string> tags;  ///< Id tag -> status, a blank, parent.

    bool operator==(const Content& other) const {
      return version == other.version && tags == other.tags;
    }
  };

  /// @return A sentence when the answer cannot be true.
  std::string on_answer(const BookedListUpdate& update, const std::string& status);
  /// It may have been carried out, or not.
  void on_lost(const BookedListUpdate& update);
  bool may_have_version(int64_t version) const;
  /// Compares with what is on flash, which is the only possibility from now on.
  /// @return A sentence when it cannot be that.
  std::string check(const Content& found);

 private:
  static bool is_applicable(const Content& content, const BookedListUpdate& update);
  static Content applied(const Content& content, const BookedListUpdate& update);
  void add(std::vector<Content>& to, const Content& content) const;

  std::vector<Content> possible_{Content()};
};

/// The list on flash. @return Version 0 when there is none, -1 when it cannot be read.
ListBooks::Content read_list(platform_sim::SimFileStore& flash);

}  // namespace simulation

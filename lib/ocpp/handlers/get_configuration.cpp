#include "ocpp/handlers/handlers.hpp"

namespace ocpp {
namespace {

using Keys = messages::ArrayView<messages::Text>;

/// Goes through the requested names, or through the whole table when none is given.
struct Listing {
  Listing(Configuration& the_configuration, const Keys& the_keys, bool is_everything)
      : configuration(the_configuration),
        keys(the_keys),
        all(is_everything),
        at(the_keys.begin()) {}

  Configuration& configuration;
  const Keys& keys;
  bool all;
  Keys::Iterator at;
  size_t next_key = 0;

  bool take(Key& out, bool want_known, messages::Text& name) {
    for (; !at.done(); ++at) {
      name = *at;
      common::FixedString<50> text;
      const bool is_known =
          name.copy_to(text) == common::Status::kOk && Configuration::find(text.span(), out);
      if (is_known != want_known) continue;
      ++at;
      return true;
    }
    return false;
  }

  static bool next_known(void* self, size_t index, messages::KeyValue& item) {
    auto& listing = *static_cast<Listing*>(self);
    if (index == 0) listing.rewind();
    Key key{};
    messages::Text name;
    if (listing.all) {
      if (index >= kKeyCount) return false;
      key = static_cast<Key>(index);
    } else if (!listing.take(key, true, name)) {
      return false;
    }
    const Configuration& configuration = listing.configuration;
    item.key = messages::Text::plain_ascii(Configuration::name_text(key));
    item.readonly = configuration.is_readonly(key);
    const common::TextSpan value = configuration.value(key, listing.configuration.scratch());
    item.value =
        key == Key::FreeVendIdTag ? messages::Text(value) : messages::Text::plain_ascii(value);
    return true;
  }

  static bool next_unknown(void* self, size_t index, messages::Text& item) {
    auto& listing = *static_cast<Listing*>(self);
    if (index == 0) listing.rewind();
    Key key{};
    return listing.take(key, false, item);
  }

  void rewind() { at = keys.begin(); }
};

}  // namespace

/// OCPP 1.6 ed. 2, 5.8.
void handle_get_configuration(const InboundCall& call) {
  messages::GetConfigurationReq request;
  if (const messages::DecodeError error = decode(call.payload(), request); !error.ok()) {
    call.refuse(error);
    return;
  }
  const Keys keys = request.key.value_or(Keys());
  const size_t count = keys.size();
  if (count > limits::kMaxRequestedKeys) {
    call.refuse(messages::RpcErrorCode::OccurenceConstraintViolation,
                common::text("more keys than GetConfigurationMaxKeys"));
    return;
  }
  Listing listing(call.engine().configuration, keys, count == 0);
  messages::GetConfigurationConf conf;
  size_t known = count == 0 ? kKeyCount : 0;
  for (const messages::Text& name : keys) {
    common::FixedString<50> text;
    Key key{};
    known +=
        name.copy_to(text) == common::Status::kOk && Configuration::find(text.span(), key) ? 1 : 0;
  }
  if (known > 0) {
    conf.configuration_key =
        messages::ArrayView<messages::KeyValue>::from_source(&Listing::next_known, &listing);
  }
  if (known < count) {
    conf.unknown_key = Keys::from_source(&Listing::next_unknown, &listing);
  }
  call.answer(conf);
}

}  // namespace ocpp

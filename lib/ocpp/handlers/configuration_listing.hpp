#pragma once

#include "ocpp/handlers/handlers.hpp"

namespace ocpp {

/// GetConfiguration (OCPP 1.6 ed. 2, 5.8) over a table of keys:
///
///     size_t count() const;
///     bool find(common::TextSpan name, size_t& index) const;
///     void describe(size_t index, messages::KeyValue& item);  ///< Texts are valid until the next call.
///
/// Goes through the requested names, or through the whole table when none is given.
template <typename Table>
class ConfigurationListing {
 public:
  using Keys = messages::ArrayView<messages::Text>;

  static void answer(const InboundCall& call, Table& table) {
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
    ConfigurationListing listing(table, keys, count == 0);
    messages::GetConfigurationConf conf;
    size_t known = count == 0 ? table.count() : 0;
    for (const messages::Text& name : keys) {
      common::FixedString<50> text;
      size_t index = 0;
      known += name.copy_to(text) == common::Status::kOk && table.find(text.span(), index) ? 1 : 0;
    }
    if (known > 0) {
      conf.configuration_key =
          messages::ArrayView<messages::KeyValue>::from_source(&next_known, &listing);
    }
    if (known < count) conf.unknown_key = Keys::from_source(&next_unknown, &listing);
    call.answer(conf);
  }

 private:
  ConfigurationListing(Table& table, const Keys& keys, bool is_everything)
      : table_(table), keys_(keys), all_(is_everything), at_(keys.begin()) {}

  bool take(size_t& out, bool want_known, messages::Text& name) {
    for (; !at_.done(); ++at_) {
      name = *at_;
      common::FixedString<50> text;
      const bool is_known =
          name.copy_to(text) == common::Status::kOk && table_.find(text.span(), out);
      if (is_known != want_known) continue;
      ++at_;
      return true;
    }
    return false;
  }

  static bool next_known(void* self, size_t index, messages::KeyValue& item) {
    auto& listing = *static_cast<ConfigurationListing*>(self);
    if (index == 0) listing.rewind();
    messages::Text name;
    if (listing.all_) {
      if (index >= listing.table_.count()) return false;
    } else if (!listing.take(index, true, name)) {
      return false;
    }
    listing.table_.describe(index, item);
    return true;
  }

  static bool next_unknown(void* self, size_t index, messages::Text& item) {
    auto& listing = *static_cast<ConfigurationListing*>(self);
    if (index == 0) listing.rewind();
    return listing.take(index, false, item);
  }

  void rewind() { at_ = keys_.begin(); }

  Table& table_;
  const Keys& keys_;
  bool all_;
  Keys::Iterator at_;
};

/// The keys of the engine.
struct EngineKeys {
  Configuration& configuration;

  static constexpr size_t count() { return kKeyCount; }
  static bool find(common::TextSpan name, size_t& index) {
    Key key{};
    if (!Configuration::find(name, key)) return false;
    index = static_cast<size_t>(key);
    return true;
  }
  void describe(size_t index, messages::KeyValue& item) const {
    const auto key = static_cast<Key>(index);
    item.key = messages::Text::plain_ascii(Configuration::name_text(key));
    item.readonly = configuration.is_readonly(key);
    const common::TextSpan value = configuration.value(key, configuration.scratch());
    item.value =
        key == Key::FreeVendIdTag ? messages::Text(value) : messages::Text::plain_ascii(value);
  }
};

}  // namespace ocpp

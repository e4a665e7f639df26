#pragma once

#include "common/span.hpp"
#include "json/reader.hpp"
#include "ocpp_messages/runtime/descriptor.hpp"

namespace ocpp_messages {

namespace runtime {

/// The part of ArrayView that does not depend on the element.
class ArrayBase {
 public:
  enum class Origin : uint8_t { kSpan, kSource, kJson };

  ArrayBase() = default;

 protected:
  friend class Decoder;
  using AnyFunction = void (*)();

  /// Decodes the next element of a kJson array. @return false at the end.
  bool next_from_json(json::Reader& reader, void* item) const;

  const void* data_ = nullptr;  // first element, context of the source, or JSON text
  union {
    AnyFunction next_ = nullptr;  // kSource
    const ArrayType* type_;       // kJson
  };
  uint32_t count_ = 0;      // kSpan, kJson
  uint32_t json_size_ = 0;  // kJson, bytes
  Origin origin_ = Origin::kSpan;
};

}  // namespace runtime

/// The elements of an array, wherever they come from: objects of the caller, a function that makes
/// one at a time, or a JSON array that was decoded (checked as a whole then; each step of an
/// iteration decodes one element).
///
///     for (const ChargingSchedulePeriod& period : schedule.charging_schedule_period) ...
///
/// @par Ownership  Borrows the elements, the context or the JSON text, which must outlive it.
template <typename T>
class ArrayView : public runtime::ArrayBase {
 public:
  /// Fills item (a fresh T) with the element at index.
  /// @return false if there is none. Called with 0, 1, 2, ...; the whole sequence may be asked for
  ///         more than once.
  using Next = bool (*)(void* context, size_t index, T& item);

  ArrayView() = default;
  ArrayView(common::Span<const T> items) {  // NOLINT: implicit by design
    data_ = items.data();
    count_ = static_cast<uint32_t>(items.size());
  }
  ArrayView(common::Span<T> items)
      : ArrayView(common::Span<const T>(items)) {}  // NOLINT: implicit by design

  static ArrayView from_source(Next next, void* context) {
    ArrayView view;
    view.origin_ = Origin::kSource;
    view.data_ = context;
    view.next_ = reinterpret_cast<AnyFunction>(next);
    return view;
  }

  class Iterator {
   public:
    explicit Iterator(const ArrayView& array)
        : array_(&array),
          reader_(common::TextSpan(static_cast<const char*>(array.data_),
                                   array.origin_ == Origin::kJson ? array.json_size_ : 0)) {
      if (array.origin_ == Origin::kJson) reader_.next();
      advance();
    }
    const T& operator*() const { return item_; }
    const T* operator->() const { return &item_; }
    Iterator& operator++() {
      advance();
      return *this;
    }
    bool done() const { return done_; }

   private:
    void advance() {
      item_ = T{};
      done_ = !array_->next(reader_, index_, item_);
      ++index_;
    }

    const ArrayView* array_;
    json::Reader reader_;
    size_t index_ = 0;
    T item_{};
    bool done_ = false;
  };
  struct End {};

  Iterator begin() const { return Iterator(*this); }
  End end() const { return End{}; }
  friend bool operator!=(const Iterator& iterator, End) { return !iterator.done(); }

  /// Number of elements; a source is asked for all of them to know.
  size_t size() const {
    if (origin_ != Origin::kSource) return count_;
    size_t count = 0;
    for (T item{}; source()(context(), count, item); item = T{}) ++count;
    return count;
  }
  bool empty() const { return size() == 0; }

 private:
  Next source() const { return reinterpret_cast<Next>(next_); }
  void* context() const { return const_cast<void*>(data_); }
  bool next(json::Reader& reader, size_t index, T& item) const {
    switch (origin_) {
      case Origin::kSpan:
        if (index >= count_) return false;
        item = static_cast<const T*>(data_)[index];
        return true;
      case Origin::kSource:
        return source()(context(), index, item);
      case Origin::kJson:
        return next_from_json(reader, &item);
    }
    return false;
  }
};

namespace runtime {

/// Encodes one value by its table row.
common::Status encode_value(const Field& field, const void* value, json::Writer& writer);

template <typename T>
common::Status encode_items(const ArrayBase& array, const Field& item_field, json::Writer& writer,
                            size_t& count) {
  for (const T& item : static_cast<const ArrayView<T>&>(array)) {
    RETURN_IF_ERROR(encode_value(item_field, &item, writer));
    ++count;
  }
  return common::Status::kOk;
}

}  // namespace runtime

}  // namespace ocpp_messages

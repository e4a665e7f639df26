#pragma once

#include "common/span.hpp"
#include "json/reader.hpp"
#include "ocpp_messages/runtime/descriptor.hpp"

#include <type_traits>

namespace ocpp_messages {

namespace runtime {

/// The part of ArrayView that does not depend on the element.
class ArrayBase {
 public:
  enum class Origin : uint8_t { kSpan, kSource, kJson };

  ArrayBase() = default;

  /// Where an iteration is.
  class Position {
   public:
    explicit Position(const ArrayBase& array);

   private:
    friend class ArrayBase;
    json::Reader reader_;  // kJson
    size_t index_ = 0;     // else
  };
  /// Fills item, an object of item_size bytes, with the next element. @return false at the end.
  bool next(Position& position, void* item, size_t item_size) const;
  /// The elements as they lie in memory, nullptr unless kSpan.
  const char* memory() const {
    return origin_ == Origin::kSpan ? static_cast<const char*>(data_) : nullptr;
  }
  Origin origin() const { return origin_; }
  uint32_t count() const { return count_; }

 protected:
  friend class Decoder;
  using AnyFunction = void (*)();
  using CallSource = bool (*)(AnyFunction next, void* context, size_t index, void* item);

  const void* data_ = nullptr;  // first element, context of the source, or JSON text
  union {
    AnyFunction next_ = nullptr;  // kSource
    const ArrayType* type_;       // kJson
  };
  union {
    CallSource call_ = nullptr;  // kSource
    size_t json_size_;           // kJson, bytes
  };
  uint32_t count_ = 0;  // kSpan, kJson
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
    view.call_ = [](AnyFunction any, void* the_context, size_t index, void* item) {
      return reinterpret_cast<Next>(any)(the_context, index, *static_cast<T*>(item));
    };
    return view;
  }

  class Iterator {
   public:
    explicit Iterator(const ArrayView& array) : array_(&array), position_(array) { ++*this; }
    const T& operator*() const { return item_; }
    const T* operator->() const { return &item_; }
    Iterator& operator++() {
      done_ = !array_->next(position_, &item_, sizeof item_);
      return *this;
    }
    bool done() const { return done_; }

   private:
    // A fresh T is made by filling it with zeros.
    static_assert(std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T>);

    const ArrayView* array_;
    Position position_;
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
    for (Iterator at(*this); !at.done(); ++at) ++count;
    return count;
  }
  bool empty() const { return size() == 0; }
};

}  // namespace ocpp_messages

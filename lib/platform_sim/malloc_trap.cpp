#include "platform_sim/malloc_trap.hpp"

#include <cstdio>
#include <cstdlib>
#include <mutex>

#if defined(__SANITIZE_ADDRESS__)
#define MALLOC_TRAP_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MALLOC_TRAP_SANITIZER 1
#endif
#endif

namespace {

// Constant-initialised and trivially destructible: safe to touch from the first malloc of the process on.
thread_local uint32_t armed_depth = 0;
thread_local uint32_t exempt_depth = 0;
thread_local size_t allocation_count = 0;
thread_local platform_sim::MallocTrap::OnAllocation mode =
    platform_sim::MallocTrap::OnAllocation::kCount;

void on_allocation(size_t size) {
  if (armed_depth == 0 || exempt_depth > 0) return;
  ++allocation_count;
  if (mode == platform_sim::MallocTrap::OnAllocation::kAbort) {
    armed_depth = 0;
    std::fprintf(stderr, "malloc trap: allocation of %zu bytes\n", size);
    std::abort();
  }
}

}  // namespace

#ifdef MALLOC_TRAP_SANITIZER

extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*,
                                                                             size_t),
                                                         void (*free_hook)(const volatile void*));

namespace {
void sanitizer_malloc_hook(const volatile void*, size_t size) { on_allocation(size); }
void sanitizer_free_hook(const volatile void*) {}
void install_hooks() {
  static std::once_flag once;
  std::call_once(once, [] {
    __sanitizer_install_malloc_and_free_hooks(sanitizer_malloc_hook, sanitizer_free_hook);
  });
}
}  // namespace

#else

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* block);

void* malloc(size_t size) {
  on_allocation(size);
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  on_allocation(count * size);
  return __libc_calloc(count, size);
}
void* realloc(void* block, size_t size) {
  on_allocation(size);
  return __libc_realloc(block, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  on_allocation(size);
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  on_allocation(size);
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? 12 /* ENOMEM */ : 0;
}
void free(void* block) { __libc_free(block); }
}

namespace {
void install_hooks() {}
}  // namespace

#endif

namespace platform_sim {

MallocTrap::MallocTrap(OnAllocation on_allocation_mode)
    : count_before_(allocation_count), mode_before_(mode) {
  install_hooks();
  count_before_ = allocation_count;
  mode = on_allocation_mode;
  ++armed_depth;
}

MallocTrap::~MallocTrap() {
  --armed_depth;
  mode = mode_before_;
}

size_t MallocTrap::count() const { return allocation_count - count_before_; }

MallocTrap::Exempt::Exempt() { ++exempt_depth; }
MallocTrap::Exempt::~Exempt() { --exempt_depth; }

}  // namespace platform_sim

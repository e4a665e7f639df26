#include "platform_linux/linux_entropy.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <sys/random.h>

namespace platform_linux {

void LinuxEntropy::fill(common::MutableByteSpan out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = getrandom(out.data() + done, out.size() - done, 0);
    if (count < 0) {
      if (errno == EINTR) continue;
      // Predictable ids and keys would be worse than stopping.
      std::perror("getrandom");
      std::abort();
    }
    done += static_cast<size_t>(count);
  }
}

}  // namespace platform_linux

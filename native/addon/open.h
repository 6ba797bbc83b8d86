#pragma once

#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace inboard {

/** openat2(2), tried again while a rename or mount elsewhere makes the kernel's walk inconclusive. */
inline long openat2Patiently(int directory, const char* path, open_how& how) {
  constexpr int attempts = 256;
  for (int attempt = 1;; attempt++) {
    const long descriptor = syscall(SYS_openat2, directory, path, &how, sizeof how);
    const bool inconclusive = descriptor < 0 && (errno == EAGAIN || errno == EINTR);
    if (!inconclusive || attempt == attempts) return descriptor;
  }
}

}  // namespace inboard

#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

#include "failure.h"

namespace inboard {

/** Owns a file descriptor until it is released. */
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }

  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

/** Opens without following a symlink in the last component, for use as an anchor only (O_PATH). */
inline Descriptor openAnchor(int directory, const std::string& name, const char* syscall) {
  return Descriptor(check(openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC), syscall, name));
}

/** The path by which system calls without an *at form reach exactly what the descriptor is open on, even a symlink. */
inline std::string procPath(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

/**
 * What a name is, or with an empty one the descriptor itself, following no symlink. Not by fstat(3): a symbol of glibc
 * since 2.33 only, it would keep a prebuilt addon from older hosts.
 */
inline int statusOf(int directory, const char* name, struct statx& status) {
  return statx(directory, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, STATX_BASIC_STATS, &status);
}

inline void writeAll(int descriptor, const uint8_t* data, size_t size) {
  for (size_t written = 0; written < size;) {
    const ssize_t count = write(descriptor, data + written, size - written);
    if (count < 0 && errno == EINTR) continue;
    written += check(count, "write");
  }
}

}  // namespace inboard

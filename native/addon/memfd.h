#pragma once

#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "descriptor.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace inboard {

/** memfd_create(2); MFD_EXEC and MFD_NOEXEC_SEAL are unknown before Linux 6.3, where memfds are executable anyway. */
inline Descriptor createMemfd(const char* name, unsigned executability) {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int memfd = memfd_create(name, flags | executability);
  if (memfd < 0 && errno == EINVAL) memfd = memfd_create(name, flags);
  return Descriptor(check(memfd, "memfd_create", name));
}

/** A memfd that holds the data and can never change again. */
inline Descriptor sealedMemfd(const char* name, unsigned executability, const uint8_t* data, size_t size) {
  Descriptor memfd = createMemfd(name, executability);
  writeAll(memfd.get(), data, size);
  if (executability == MFD_EXEC) check(fchmod(memfd.get(), 0500), "fchmod", name);
  check(fcntl(memfd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), "fcntl", name);
  return memfd;
}

}  // namespace inboard

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "arguments.h"
#include "descriptor.h"
#include "modules.h"

namespace inboard {
namespace {

void raiseLoopback() {
  const Descriptor any(check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", sizeof "lo");
  request.ifr_flags = IFF_UP;
  check(ioctl(any.get(), SIOCSIFFLAGS, &request), "ioctl");
}

Napi::Value enterNetwork(const Napi::CallbackInfo& info) {
  if (!info[0].IsUndefined()) {
    check(setns(toInt(info[0]), CLONE_NEWNET), "setns");
    return info.Env().Undefined();
  }
  check(unshare(CLONE_NEWNET), "unshare");
  raiseLoopback();
  return info.Env().Undefined();
}

}  // namespace

void defineNetwork(Napi::Object exports) { define<enterNetwork>(exports, "enterNetwork"); }

}  // namespace inboard

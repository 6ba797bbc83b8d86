#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arguments.h"
#include "modules.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

namespace inboard {
namespace {

constexpr unsigned invalid = ~0U;

/** Each call has arguments that the kernel refuses before it does anything: ENOSYS and a filter's EPERM show all the same. */
int errnoOf(long result) { return result < 0 ? errno : 0; }

Napi::Value probeSyscalls(const Napi::CallbackInfo& info) {
  auto errors = Napi::Object::New(info.Env());
  const auto add = [&](const char* name, long result) {
    errors.Set(name, Napi::Number::New(info.Env(), errnoOf(result)));
  };
  const uint32_t action = SECCOMP_RET_ERRNO;
  add("openat2", syscall(SYS_openat2, -1, "", nullptr, 0));
  add("clone3", syscall(SYS_clone3, nullptr, 0));
  add("mount_setattr", syscall(SYS_mount_setattr, -1, "", 0, nullptr, 0));
  add("open_tree", syscall(SYS_open_tree, -1, "", invalid));
  add("move_mount", syscall(SYS_move_mount, -1, "", -1, "", invalid));
  add("close_range", syscall(SYS_close_range, invalid, invalid, CLOSE_RANGE_CLOEXEC));
  add("pidfd_open", syscall(SYS_pidfd_open, -1, 0));
  add("pidfd_send_signal", syscall(SYS_pidfd_send_signal, -1, 0, nullptr, 0));
  add("seccomp", syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action));
  return errors;
}

}  // namespace

void defineKernel(Napi::Object exports) { define<probeSyscalls>(exports, "probeSyscalls"); }

}  // namespace inboard

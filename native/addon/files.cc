#include <sys/stat.h>

#include "arguments.h"
#include "descriptor.h"
#include "modules.h"
#include "open.h"

namespace inboard {
namespace {

Descriptor createFile(int directory, const std::string& name) {
  open_how how{};
  how.flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  how.mode = 0600;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  return Descriptor(static_cast<int>(check(openat2Patiently(directory, name.c_str(), how), "openat2", name)));
}

Napi::Value makeFile(const Napi::CallbackInfo& info) {
  const std::string name = toBytes(info[1]);
  const timespec times[2] = {toTimespec(info[6]), toTimespec(info[7])};
  const Bytes content = toView(info[2]);
  Descriptor file = createFile(toInt(info[0]), name);
  writeAll(file.get(), content.data, content.size);
  // In this order: writing and chown clear setuid and setgid.
  check(fchown(file.get(), toUint(info[4]), toUint(info[5])), "fchown", name);
  check(fchmod(file.get(), toUint(info[3])), "fchmod", name);
  check(futimens(file.get(), times), "futimens", name);
  check(close(file.release()), "close", name);
  return info.Env().Undefined();
}

}  // namespace

void defineFiles(Napi::Object exports) { define<makeFile>(exports, "makeFile"); }

}  // namespace inboard

#include <dirent.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstring>
#include <utility>

#include "arguments.h"
#include "descriptor.h"
#include "modules.h"
#include "task.h"

namespace inboard {
namespace {

/** mount(2) and umount2(2) ask servers and devices, which may take their time. */
class MountTask : public Task {
 public:
  MountTask(std::string source, std::string target, std::string type, unsigned long flags, std::string data)
      : source_(std::move(source)),
        target_(std::move(target)),
        type_(std::move(type)),
        flags_(flags),
        data_(std::move(data)) {}

 private:
  bool run() override {
    check(mount(source_.c_str(), target_.c_str(), type_.c_str(), flags_, data_.empty() ? nullptr : data_.c_str()),
          "mount", target_);
    return true;
  }

  Napi::Value value(Napi::Env env) override { return env.Undefined(); }

  const std::string source_, target_, type_;
  const unsigned long flags_;
  const std::string data_;
};

class UnmountTask : public Task {
 public:
  UnmountTask(std::string target, int flags) : target_(std::move(target)), flags_(flags) {}

 private:
  bool run() override {
    check(umount2(target_.c_str(), flags_), "umount2", target_);
    return true;
  }

  Napi::Value value(Napi::Env env) override { return env.Undefined(); }

  const std::string target_;
  const int flags_;
};

Napi::Value mountAt(const Napi::CallbackInfo& info) {
  return Task::start(info.Env(),
                     new MountTask(toBytes(info[0]), toBytes(info[1]), toBytes(info[2]), toUint(info[3]),
                                   toBytes(info[4])),
                     "mount");
}

Napi::Value unmount(const Napi::CallbackInfo& info) {
  return Task::start(info.Env(), new UnmountTask(toBytes(info[0]), toInt(info[1])), "unmount");
}

Napi::Value mountedAt(const Napi::CallbackInfo& info) {
  const std::string path = toBytes(info[0]);
  struct statx status;
  // Asks for nothing that a filesystem would have to answer: its server may be gone.
  constexpr int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
  if (statx(AT_FDCWD, path.c_str(), flags, 0, &status) < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return info.Env().Undefined();
    throw Failure{errno, "statx", path};
  }
  if ((status.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return info.Env().Undefined();
  auto found = Napi::Object::New(info.Env());
  found.Set("major", status.stx_dev_major);
  found.Set("minor", status.stx_dev_minor);
  return found;
}

/** Whether the record is about something in the directory. */
bool isEntry(const char* name) { return std::strcmp(name, ".") != 0 && std::strcmp(name, "..") != 0; }

Napi::Value isEmptyDirectory(const Napi::CallbackInfo& info) {
  const std::string path = toBytes(info[0]);
  const Descriptor directory(check(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open", path));
  // The first entry is all that is asked for; a name may take 255 bytes.
  alignas(dirent64) char records[1024];
  while (true) {
    const long length = check(syscall(SYS_getdents64, directory.get(), records, sizeof records), "getdents64", path);
    if (length == 0) return Napi::Boolean::New(info.Env(), true);
    for (long at = 0; at < length;) {
      const auto* entry = reinterpret_cast<const dirent64*>(records + at);
      if (isEntry(entry->d_name)) return Napi::Boolean::New(info.Env(), false);
      at += entry->d_reclen;
    }
  }
}

}  // namespace

void defineMounts(Napi::Object exports) {
  define<mountAt>(exports, "mount");
  define<unmount>(exports, "unmount");
  define<mountedAt>(exports, "mountedAt");
  define<isEmptyDirectory>(exports, "isEmptyDirectory");
}

}  // namespace inboard

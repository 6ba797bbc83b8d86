#include <dirent.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <vector>

#include "arguments.h"
#include "descriptor.h"
#include "modules.h"
#include "open.h"

namespace inboard {
namespace {

Napi::Value openat2(const Napi::CallbackInfo& info) {
  const std::string path = toBytes(info[1]);
  open_how how{};
  how.flags = static_cast<uint64_t>(toInt64(info[2])) | O_CLOEXEC;
  how.mode = toUint(info[3]);
  how.resolve = toUint(info[4]);
  const long descriptor = check(openat2Patiently(toInt(info[0]), path.c_str(), how), "openat2", path);
  return Napi::Number::New(info.Env(), static_cast<double>(descriptor));
}

Napi::Value mkdirat(const Napi::CallbackInfo& info) {
  const std::string name = toBytes(info[1]);
  check(::mkdirat(toInt(info[0]), name.c_str(), toUint(info[2])), "mkdirat", name);
  return info.Env().Undefined();
}

Napi::Value mknodat(const Napi::CallbackInfo& info) {
  const std::string name = toBytes(info[1]);
  const dev_t device = makedev(toUint(info[3]), toUint(info[4]));
  check(syscall(SYS_mknodat, toInt(info[0]), name.c_str(), toUint(info[2]), device), "mknodat", name);
  return info.Env().Undefined();
}

Napi::Value symlinkat(const Napi::CallbackInfo& info) {
  const std::string target = toBytes(info[0]);
  const std::string name = toBytes(info[2]);
  check(::symlinkat(target.c_str(), toInt(info[1]), name.c_str()), "symlinkat", name);
  return info.Env().Undefined();
}

Napi::Value linkat(const Napi::CallbackInfo& info) {
  const std::string oldName = toBytes(info[1]);
  const std::string newName = toBytes(info[3]);
  check(::linkat(toInt(info[0]), oldName.c_str(), toInt(info[2]), newName.c_str(), 0), "linkat", oldName);
  return info.Env().Undefined();
}

Napi::Value unlinkat(const Napi::CallbackInfo& info) {
  const std::string name = toBytes(info[1]);
  check(::unlinkat(toInt(info[0]), name.c_str(), info[2].ToBoolean() ? AT_REMOVEDIR : 0), "unlinkat", name);
  return info.Env().Undefined();
}

Napi::Value renameat2(const Napi::CallbackInfo& info) {
  const std::string oldName = toBytes(info[1]);
  const std::string newName = toBytes(info[3]);
  check(syscall(SYS_renameat2, toInt(info[0]), oldName.c_str(), toInt(info[2]), newName.c_str(), toUint(info[4])),
        "renameat2", oldName);
  return info.Env().Undefined();
}

Napi::Value readlinkAt(const Napi::CallbackInfo& info) {
  const std::string name = toBytes(info[1]);
  std::vector<char> target(256);
  for (;;) {
    const ssize_t length =
        check(readlinkat(toInt(info[0]), name.c_str(), target.data(), target.size()), "readlinkat", name);
    if (static_cast<size_t>(length) < target.size()) return toJs(info.Env(), target.data(), length);
    target.resize(target.size() * 2);
  }
}

struct Entry {
  uint64_t inode;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

/** Some filesystems leave the type out of their directory entries. */
unsigned char entryType(int directory, const Entry& entry) {
  struct statx status;
  if (entry.type != DT_UNKNOWN) return entry.type;
  if (statusOf(directory, entry.name, status) < 0) return DT_UNKNOWN;
  return IFTODT(status.stx_mode);
}

Napi::Value readDirectory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int directory = toInt(info[0]);
  check(lseek(directory, 0, SEEK_SET), "lseek");
  const auto entries = Napi::Array::New(env);
  const auto nameKey = Napi::String::New(env, "name");
  const auto typeKey = Napi::String::New(env, "type");
  alignas(Entry) char buffer[32768];
  uint32_t count = 0;
  for (;;) {
    const long length = check(syscall(SYS_getdents64, directory, buffer, sizeof buffer), "getdents64");
    if (length == 0) return entries;
    for (long at = 0; at < length;) {
      const Entry& entry = *reinterpret_cast<const Entry*>(buffer + at);
      at += entry.length;
      const std::string_view name = entry.name;
      if (name == "." || name == "..") continue;
      // A directory may hold millions of names: without a scope of its own each would keep its handles until the end.
      const Napi::HandleScope scope(env);
      auto object = Napi::Object::New(env);
      object.Set(nameKey, toJs(env, name.data(), name.size()));
      object.Set(typeKey, Napi::Number::New(env, entryType(directory, entry)));
      entries.Set(count++, object);
    }
  }
}

}  // namespace

void defineAt(Napi::Object exports) {
  define<openat2>(exports, "openat2");
  define<mkdirat>(exports, "mkdirat");
  define<mknodat>(exports, "mknodat");
  define<symlinkat>(exports, "symlinkat");
  define<linkat>(exports, "linkat");
  define<unlinkat>(exports, "unlinkat");
  define<renameat2>(exports, "renameat2");
  define<readlinkAt>(exports, "readlinkAt");
  define<readDirectory>(exports, "readDirectory");
}

}  // namespace inboard

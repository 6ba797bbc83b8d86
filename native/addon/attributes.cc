#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include <cstring>
#include <vector>

#include "arguments.h"
#include "descriptor.h"
#include "modules.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

namespace inboard {
namespace {

/** Reaches a name of a directory, or with an empty name the descriptor itself, by a path that follows no symlink. */
class Handle {
 public:
  Handle(int directory, const std::string& name, const char* syscall)
      : anchor_(name.empty() ? Descriptor() : openAnchor(directory, name, syscall)),
        path_(procPath(name.empty() ? directory : anchor_.get())) {}

  const char* path() const { return path_.c_str(); }
  bool isSymlink() const {
    struct statx status;
    return anchor_.get() >= 0 && statusOf(anchor_.get(), "", status) == 0 && S_ISLNK(status.stx_mode);
  }

 private:
  Descriptor anchor_;
  std::string path_;
};

Napi::Value chownAt(const Napi::CallbackInfo& info) {
  const std::string name = toBytes(info[1]);
  check(fchownat(toInt(info[0]), name.c_str(), toUint(info[2]), toUint(info[3]), AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH),
        "fchownat", name);
  return info.Env().Undefined();
}

/** Before Linux 6.6, which has fchmodat2(2). */
void chmodByHandle(int directory, const std::string& name, uint32_t mode) {
  const Handle handle(directory, name, "fchmodat");
  if (handle.isSymlink()) throw Failure{ELOOP, "fchmodat", name};
  check(chmod(handle.path(), mode), "fchmodat", name);
}

Napi::Value chmodAt(const Napi::CallbackInfo& info) {
  const std::string name = toBytes(info[1]);
  const int flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  const long result = syscall(SYS_fchmodat2, toInt(info[0]), name.c_str(), toUint(info[2]), flags);
  if (result < 0 && errno == ENOSYS) {
    chmodByHandle(toInt(info[0]), name, toUint(info[2]));
  } else if (result < 0) {
    throw Failure{errno == EOPNOTSUPP ? ELOOP : errno, "fchmodat2", name};
  }
  return info.Env().Undefined();
}

Napi::Value utimesAt(const Napi::CallbackInfo& info) {
  const std::string name = toBytes(info[1]);
  const timespec times[2] = {toTimespec(info[2]), toTimespec(info[3])};
  const int flags = AT_SYMLINK_NOFOLLOW | (name.empty() ? AT_EMPTY_PATH : 0);
  check(utimensat(toInt(info[0]), name.c_str(), times, flags), "utimensat", name);
  return info.Env().Undefined();
}

Napi::Value setxattrAt(const Napi::CallbackInfo& info) {
  const std::string name = toBytes(info[1]);
  const std::string attribute = toBytes(info[2]);
  const Bytes value = toView(info[3]);
  const Handle handle(toInt(info[0]), name, "setxattr");
  check(setxattr(handle.path(), attribute.c_str(), value.data, value.size, 0), "setxattr", name);
  return info.Env().Undefined();
}

/** Calls `read(buffer, size)` with buffers that grow until the value, which may grow meanwhile, fits. */
template <class Read>
std::vector<char> readGrowing(Read read, const std::string& name, const char* syscall) {
  std::vector<char> buffer(512);
  for (;;) {
    const ssize_t length = read(buffer.data(), buffer.size());
    if (length >= 0) {
      buffer.resize(length);
      return buffer;
    }
    if (errno != ERANGE) throw Failure{errno, syscall, name};
    const ssize_t wanted = check(read(nullptr, 0), syscall, name);
    buffer.resize(wanted + 256);
  }
}

bool hasNoAttribute(const Failure& failure) { return failure.number == ENODATA || failure.number == ENOTSUP; }

Napi::Value getxattrAt(const Napi::CallbackInfo& info) {
  const std::string name = toBytes(info[1]);
  const std::string attribute = toBytes(info[2]);
  const Handle handle(toInt(info[0]), name, "getxattr");
  const auto read = [&](char* to, size_t size) { return getxattr(handle.path(), attribute.c_str(), to, size); };
  try {
    const std::vector<char> value = readGrowing(read, name, "getxattr");
    auto bytes = Napi::Uint8Array::New(info.Env(), value.size());
    std::copy(value.begin(), value.end(), bytes.Data());
    return bytes;
  } catch (const Failure& failure) {
    if (hasNoAttribute(failure)) return info.Env().Undefined();
    throw;
  }
}

Napi::Value listxattrAt(const Napi::CallbackInfo& info) {
  const std::string name = toBytes(info[1]);
  const Handle handle(toInt(info[0]), name, "listxattr");
  const auto read = [&](char* to, size_t size) { return listxattr(handle.path(), to, size); };
  auto attributes = Napi::Array::New(info.Env());
  try {
    const std::vector<char> names = readGrowing(read, name, "listxattr");
    uint32_t count = 0;
    for (size_t at = 0; at < names.size(); at += std::strlen(&names[at]) + 1) {
      attributes.Set(count++, toJs(info.Env(), &names[at]));
    }
  } catch (const Failure& failure) {
    if (!hasNoAttribute(failure)) throw;
  }
  return attributes;
}

Napi::Value removexattrAt(const Napi::CallbackInfo& info) {
  const std::string name = toBytes(info[1]);
  const std::string attribute = toBytes(info[2]);
  const Handle handle(toInt(info[0]), name, "removexattr");
  check(removexattr(handle.path(), attribute.c_str()), "removexattr", name);
  return info.Env().Undefined();
}

Napi::Value toTime(Napi::Env env, const statx_timestamp& time) {
  auto pair = Napi::Array::New(env, 2);
  pair.Set(0U, Napi::Number::New(env, static_cast<double>(time.tv_sec)));
  pair.Set(1U, Napi::Number::New(env, time.tv_nsec));
  return pair;
}

Napi::Value statAt(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string name = toBytes(info[1]);
  struct statx status;
  if (statusOf(toInt(info[0]), name.c_str(), status) < 0) {
    if (errno == ENOENT) return env.Undefined();
    throw Failure{errno, "statx", name};
  }
  const auto number = [&](uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); };
  auto result = Napi::Object::New(env);
  result.Set("mode", number(status.stx_mode));
  result.Set("uid", number(status.stx_uid));
  result.Set("gid", number(status.stx_gid));
  result.Set("size", number(status.stx_size));
  result.Set("blocks", number(status.stx_blocks));
  result.Set("nlink", number(status.stx_nlink));
  result.Set("dev", number(makedev(status.stx_dev_major, status.stx_dev_minor)));
  result.Set("ino", number(status.stx_ino));
  result.Set("major", number(status.stx_rdev_major));
  result.Set("minor", number(status.stx_rdev_minor));
  result.Set("mtime", toTime(env, status.stx_mtime));
  result.Set("atime", toTime(env, status.stx_atime));
  return result;
}

Napi::Value statfs(const Napi::CallbackInfo& info) {
  const std::string path = toBytes(info[0]);
  struct statfs status;
  check(::statfs(path.c_str(), &status), "statfs", path);
  const auto number = [&](auto value) { return Napi::Number::New(info.Env(), static_cast<double>(value)); };
  auto result = Napi::Object::New(info.Env());
  result.Set("type", number(static_cast<uint32_t>(status.f_type)));
  result.Set("blockSize", number(status.f_bsize));
  result.Set("blocks", number(status.f_blocks));
  result.Set("free", number(status.f_bfree));
  result.Set("available", number(status.f_bavail));
  return result;
}

}  // namespace

void defineAttributes(Napi::Object exports) {
  define<chownAt>(exports, "chownAt");
  define<chmodAt>(exports, "chmodAt");
  define<utimesAt>(exports, "utimesAt");
  define<setxattrAt>(exports, "setxattrAt");
  define<getxattrAt>(exports, "getxattrAt");
  define<listxattrAt>(exports, "listxattrAt");
  define<removexattrAt>(exports, "removexattrAt");
  define<statAt>(exports, "statAt");
  define<statfs>(exports, "statfs");
}

}  // namespace inboard

#include <sys/file.h>
#include <sys/stat.h>

#include "arguments.h"
#include "descriptor.h"
#include "modules.h"

namespace inboard {
namespace {

int flockPatiently(int descriptor, int operation) {
  int result;
  do result = ::flock(descriptor, operation);
  while (result < 0 && errno == EINTR);
  return result;
}

/** Whether the lock was taken; false when another open description holds it. */
bool tryFlock(int descriptor, int operation) {
  if (flockPatiently(descriptor, operation) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  throw Failure{errno, "flock", ""};
}

/**
 * Whether somebody holds it. Closing the file would not be enough: a child that another thread is just making has it, too, until it
 * executes its program.
 */
bool isHeld(int descriptor) {
  if (!tryFlock(descriptor, LOCK_SH | LOCK_NB)) return true;
  flockPatiently(descriptor, LOCK_UN);
  return false;
}

/** Where a directory is made before it gets its name: beside it. */
std::string asideOf(const std::string& path) {
  const size_t slash = path.rfind('/') + 1;
  return path.substr(0, slash) + ".new-" + path.substr(slash) + "-" + std::to_string(getpid());
}

/** The directory has its name only once its lock is held, so nobody ever sees it free. */
Napi::Value makeLockedDirectory(const Napi::CallbackInfo& info) {
  const std::string path = toBytes(info[0]);
  const std::string aside = asideOf(path);
  const std::string file = aside + "/lock";
  check(mkdir(aside.c_str(), 0700), "mkdir", path);
  try {
    Descriptor lock(check(open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), "open", path));
    check(flockPatiently(lock.get(), LOCK_EX | LOCK_NB), "flock", path);
    check(renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE), "renameat2", path);
    return Napi::Number::New(info.Env(), lock.release());
  } catch (const Failure&) {
    unlink(file.c_str());
    rmdir(aside.c_str());
    throw;
  }
}

void writeWhole(int file, const std::string& text, const std::string& path) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t count = write(file, text.data() + at, text.size() - at);
    if (count < 0 && errno == EINTR) continue;
    at += static_cast<size_t>(check(count, "write", path));
  }
}

/** As makeLockedDirectory, of a file. What is written through its lock is appended. */
Napi::Value makeLockedFile(const Napi::CallbackInfo& info) {
  const std::string path = toBytes(info[0]);
  const std::string aside = asideOf(path);
  const int flags = O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC;
  Descriptor lock(static_cast<int>(check(open(aside.c_str(), flags, 0600), "open", path)));
  try {
    check(flockPatiently(lock.get(), LOCK_EX | LOCK_NB), "flock", path);
    writeWhole(lock.get(), toBytes(info[1]), path);
    check(renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE), "renameat2", path);
    return Napi::Number::New(info.Env(), lock.release());
  } catch (const Failure&) {
    unlink(aside.c_str());
    throw;
  }
}

Napi::Value flock(const Napi::CallbackInfo& info) {
  const std::string kind = toBytes(info[1]);
  const int operation = kind == "shared" ? LOCK_SH : kind == "exclusive" ? LOCK_EX : kind == "unlock" ? LOCK_UN : 0;
  if (operation == 0) throw Failure{EINVAL, "flock", ""};
  return Napi::Boolean::New(info.Env(), tryFlock(toInt(info[0]), operation | (info[2].ToBoolean() ? 0 : LOCK_NB)));
}

Napi::Value isLocked(const Napi::CallbackInfo& info) {
  const std::string path = toBytes(info[0]);
  const Descriptor file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return info.Env().Undefined();
    throw Failure{errno, "open", path};
  }
  return Napi::Boolean::New(info.Env(), isHeld(file.get()));
}

constexpr size_t longestText = 64 * 1024;

/** A file's text; undefined when there is none. */
Napi::Value readText(Napi::Env env, const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT) return env.Undefined();
    throw Failure{errno, "open", path};
  }
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t count = read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    text.append(buffer, check(count, "read", path));
    // What these directories have is renamed into place, and never grows.
    if (static_cast<size_t>(count) < sizeof buffer) return toJs(env, text);
    if (text.size() > longestText) throw Failure{EFBIG, "read", path};
  }
}

/** One crossing from JavaScript for all of it. */
Napi::Value readLockedDirectory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string directory = toBytes(info[0]) + "/";
  const auto names = info[1].As<Napi::Array>();
  const std::string path = directory + "lock";
  const Descriptor lock(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (lock.get() < 0 && errno != ENOENT) throw Failure{errno, "open", path};
  const uint32_t count = names.Length();
  const auto found = Napi::Array::New(env, count + 1);
  found.Set(0U, Napi::Boolean::New(env, lock.get() >= 0 && isHeld(lock.get())));
  for (uint32_t at = 0; at < count; at++) {
    found.Set(at + 1, readText(env, directory + toBytes(names.Get(at))));
  }
  return found;
}

}  // namespace

void defineLock(Napi::Object exports) {
  define<makeLockedDirectory>(exports, "makeLockedDirectory");
  define<makeLockedFile>(exports, "makeLockedFile");
  define<flock>(exports, "flock");
  define<isLocked>(exports, "isLocked");
  define<readLockedDirectory>(exports, "readLockedDirectory");
}

}  // namespace inboard

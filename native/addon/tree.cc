#include <dirent.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <chrono>
#include <memory>
#include <vector>

#include "arguments.h"
#include "descriptor.h"
#include "modules.h"
#include "task.h"

namespace inboard {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

/** A directory on the way down: its identity, and the subdirectories that are still to be removed. */
struct Level {
  std::string name;
  dev_t device;
  uint64_t inode;
  std::vector<std::string> pending;
};

/**
 * Removes a tree with one open descriptor at a time, however deep it is. Goes on after a failure, so that as much as
 * possible is removed, and reports the first.
 */
class Removal {
 public:
  explicit Removal(const std::string& path) : path_(path) {}

  void run() {
    const size_t slash = path_.find_last_of('/');
    const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path_.substr(0, slash);
    const std::string name = slash == std::string::npos ? path_ : path_.substr(slash + 1);

    const Descriptor top(open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (top.get() < 0) {
      if (errno == ENOENT || errno == ENOTDIR) return;
      throw Failure{errno, "open", parent};
    }
    if (!begin(top.get(), name)) return finish();
    while (next(top.get())) continue;
    finish();
  }

  /** Whether there is more to be done after what is at the top. */
  bool begin(int top, const std::string& name) {
    if (name.empty() || name == "." || name == "..") throw Failure{EINVAL, "unlinkat", path_};
    return !unlinked(top, name) && descend(top, name);
  }

  /** Does one step of it. */
  bool next(int top) {
    step(top);
    return !levels_.empty();
  }

  /** Throws what failed first. */
  void finish() const {
    if (first_.number != 0) throw first_;
  }

 private:
  /** One directory further down, or back up. */
  void step(int top) {
    Level& level = levels_.back();
    if (!level.pending.empty()) {
      const std::string name = std::move(level.pending.back());
      level.pending.pop_back();
      descend(current_.get(), name);
      return;
    }
    ascend(top);
  }

  /** Whether the name is gone without having been a directory to enter. */
  bool unlinked(int directory, const std::string& name) {
    if (unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT) return true;
    if (errno == EISDIR) return false;
    // Linux says EISDIR, but a filesystem in user space may say EPERM as POSIX has it.
    struct statx status;
    const int error = errno;
    if (statusOf(directory, name.c_str(), status) == 0 && S_ISDIR(status.stx_mode)) return false;
    note(error, "unlinkat", name);
    return true;
  }

  /** Enters a subdirectory, removes what is not a directory in it, and remembers what is. */
  bool descend(int directory, const std::string& name) {
    Descriptor entered(openBelow(directory, name));
    if (entered.get() < 0) {
      if (errno != ENOENT) note(errno, "openat2", name);
      return false;
    }
    struct statx status;
    check(statusOf(entered.get(), "", status), "statx", path_);
    if ((status.stx_mode & S_IRWXU) != S_IRWXU) fchmod(entered.get(), S_IRWXU);
    levels_.push_back({name, makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino, {}});
    current_ = std::move(entered);
    empty();
    return true;
  }

  /** RESOLVE_NO_XDEV refuses bind mounts too, which a comparison of device numbers would miss. */
  static int openBelow(int directory, const std::string& name) {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS;
    const auto attempt = [&] { return static_cast<int>(syscall(SYS_openat2, directory, name.c_str(), &how, sizeof how)); };
    const int descriptor = attempt();
    if (descriptor >= 0 || errno != EACCES) return descriptor;
    const Descriptor anchor(openat(directory, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (anchor.get() < 0 || chmod(procPath(anchor.get()).c_str(), S_IRWXU) < 0) {
      errno = EACCES;
      return -1;
    }
    return attempt();
  }

  void empty() {
    Descriptor duplicate(fcntl(current_.get(), F_DUPFD_CLOEXEC, 0));
    if (duplicate.get() < 0) return note(errno, "fcntl", "");
    const std::unique_ptr<DIR, CloseDirectory> stream(fdopendir(duplicate.get()));
    if (!stream) return note(errno, "fdopendir", "");
    duplicate.release();
    while (const dirent* entry = readdir(stream.get())) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (entry->d_type == DT_DIR || !unlinked(current_.get(), name)) levels_.back().pending.push_back(name);
    }
  }

  /** Leaves an emptied directory and removes it. */
  void ascend(int top) {
    const std::string name = std::move(levels_.back().name);
    levels_.pop_back();
    if (levels_.empty()) {
      current_ = Descriptor();
      return removeDirectory(top, name);
    }
    Descriptor above(check(openat(current_.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "openat", path_));
    struct statx status;
    check(statusOf(above.get(), "", status), "statx", path_);
    // Somebody has moved the directory while we were in it: what is above it now is not ours to remove.
    const dev_t device = makedev(status.stx_dev_major, status.stx_dev_minor);
    if (device != levels_.back().device || status.stx_ino != levels_.back().inode) {
      throw Failure{ESTALE, "openat", path_};
    }
    current_ = std::move(above);
    removeDirectory(current_.get(), name);
  }

  void removeDirectory(int directory, const std::string& name) {
    if (unlinkat(directory, name.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT) note(errno, "unlinkat", name);
  }

  void note(int error, const char* syscall, const std::string& name) {
    if (first_.number != 0) return;
    std::string path = path_;
    for (size_t i = 1; i < levels_.size(); i++) path += "/" + levels_[i].name;
    if (!levels_.empty() && !name.empty()) path += "/" + name;
    first_ = {error, syscall, path};
  }

  const std::string path_;
  std::vector<Level> levels_;
  Descriptor current_;
  Failure first_{0, "", ""};
};

std::string withoutTrailingSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

class RemoveTree : public Task {
 public:
  explicit RemoveTree(const std::string& path) : removal_(withoutTrailingSlashes(path)) {}

 private:
  bool run() override {
    removal_.run();
    return true;
  }
  Napi::Value value(Napi::Env env) override { return env.Undefined(); }

  Removal removal_;
};

Napi::Value removeTree(const Napi::CallbackInfo& info) {
  try {
    return Task::start(info.Env(), new RemoveTree(toBytes(info[0])), "removeTree");
  } catch (const Failure& failure) {
    return Task::rejected(info.Env(), failure);
  }
}

/** How long others that want a pool thread wait at most, but for one directory. */
constexpr std::chrono::milliseconds turn(20);

class RemoveTreeAt : public Task {
 public:
  RemoveTreeAt(int directory, const std::string& name, Napi::Uint8Array stop)
      : directory_(directory), name_(name), removal_(name), stop_(stop.Data()), kept_(Napi::Persistent(stop)) {}

 private:
  bool run() override {
    const auto end = std::chrono::steady_clock::now() + turn;
    if (!hasBegun_ && !removal_.begin(directory_, name_)) return finished();
    hasBegun_ = true;
    do {
      if (__atomic_load_n(stop_, __ATOMIC_RELAXED) != 0) throw Failure{EINTR, "unlinkat", name_};
      if (!removal_.next(directory_)) return finished();
    } while (std::chrono::steady_clock::now() < end);
    return false;
  }

  bool finished() const {
    removal_.finish();
    return true;
  }

  Napi::Value value(Napi::Env env) override { return env.Undefined(); }

  const int directory_;
  const std::string name_;
  Removal removal_;
  bool hasBegun_ = false;
  const uint8_t* const stop_;
  const Napi::Reference<Napi::Uint8Array> kept_;
};

Napi::Value removeTreeAt(const Napi::CallbackInfo& info) {
  try {
    if (toView(info[2]).size == 0) throw Napi::TypeError::New(info.Env(), "A byte was expected");
    auto* task = new RemoveTreeAt(toInt(info[0]), toBytes(info[1]), info[2].As<Napi::Uint8Array>());
    return Task::start(info.Env(), task, "removeTreeAt");
  } catch (const Failure& failure) {
    return Task::rejected(info.Env(), failure);
  }
}

}  // namespace

void defineTree(Napi::Object exports) {
  define<removeTree>(exports, "removeTree");
  define<removeTreeAt>(exports, "removeTreeAt");
}

}  // namespace inboard

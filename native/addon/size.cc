#include <dirent.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <memory>
#include <set>
#include <utility>
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

using Identity = std::pair<dev_t, uint64_t>;

Identity identityOf(const struct statx& status) {
  return {makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino};
}

/** A directory on the way down, and the subdirectories that are still to be looked into. */
struct Level {
  Identity identity;
  std::vector<std::string> pending;
};

/**
 * The bytes of a tree's files, with one open descriptor at a time, however deep it is. What comes and goes meanwhile is
 * counted or not; a directory that is moved elsewhere while it is walked through ends the walk.
 */
class TreeSize : public Task {
 public:
  explicit TreeSize(std::string path) : path_(std::move(path)) {}

 private:
  bool run() override {
    const int top = open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top < 0 && errno == ENOENT) return true;
    enter(Descriptor(check(top, "open", path_)));
    while (!levels_.empty()) step();
    return true;
  }

  Napi::Value value(Napi::Env env) override { return Napi::Number::New(env, static_cast<double>(bytes_)); }

  void step() {
    std::vector<std::string>& pending = levels_.back().pending;
    if (pending.empty()) return ascend();
    const std::string name = std::move(pending.back());
    pending.pop_back();
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS;
    Descriptor below(static_cast<int>(syscall(SYS_openat2, current_.get(), name.c_str(), &how, sizeof how)));
    if (below.get() >= 0) enter(std::move(below));
  }

  void enter(Descriptor directory) {
    struct statx status;
    check(statusOf(directory.get(), "", status), "statx", path_);
    levels_.push_back({identityOf(status), {}});
    current_ = std::move(directory);
    Descriptor duplicate(check(fcntl(current_.get(), F_DUPFD_CLOEXEC, 0), "fcntl", path_));
    const std::unique_ptr<DIR, CloseDirectory> stream(fdopendir(duplicate.get()));
    if (!stream) throw Failure{errno, "fdopendir", path_};
    duplicate.release();
    while (const dirent* entry = readdir(stream.get())) look(entry->d_name);
  }

  void look(const std::string& name) {
    struct statx status;
    if (name == "." || name == ".." || statusOf(current_.get(), name.c_str(), status) < 0) return;
    if (S_ISDIR(status.stx_mode)) return levels_.back().pending.push_back(name);
    // A file with several names is one file.
    if (status.stx_nlink > 1 && !seen_.insert(identityOf(status)).second) return;
    bytes_ += static_cast<int64_t>(status.stx_size);
  }

  void ascend() {
    levels_.pop_back();
    if (levels_.empty()) return;
    current_ = Descriptor(check(openat(current_.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "openat", path_));
    struct statx status;
    check(statusOf(current_.get(), "", status), "statx", path_);
    // What is above it now is not ours to look into.
    if (levels_.back().identity != identityOf(status)) levels_.clear();
  }

  const std::string path_;
  std::vector<Level> levels_;
  Descriptor current_;
  std::set<Identity> seen_;
  int64_t bytes_ = 0;
};

Napi::Value treeSize(const Napi::CallbackInfo& info) {
  return Task::start(info.Env(), new TreeSize(toBytes(info[0])), "treeSize");
}

}  // namespace

void defineSize(Napi::Object exports) { define<treeSize>(exports, "treeSize"); }

}  // namespace inboard

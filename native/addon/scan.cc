#include <dirent.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstring>
#include <memory>
#include <vector>

#include "arguments.h"
#include "descriptor.h"
#include "modules.h"
#include "open.h"
#include "task.h"

namespace inboard {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

/** A symlink's target has at most PATH_MAX - 1 bytes. */
constexpr size_t maxTarget = 4096;

/**
 * What JavaScript reads, in this machine's order of bytes (src/host/scan.ts). The name and the target follow it, then zeros up
 * to the next multiple of its alignment.
 */
struct Record {
  uint64_t inode;
  uint64_t size;
  int64_t mtimeSeconds;
  int64_t ctimeSeconds;
  uint32_t mtimeNanoseconds;
  uint32_t ctimeNanoseconds;
  uint32_t deviceMajor;
  uint32_t deviceMinor;
  uint32_t mode;
  uint32_t uid;
  uint32_t gid;
  uint32_t rdevMajor;
  uint32_t rdevMinor;
  uint32_t links;
  uint32_t nameLength;
  uint32_t targetLength;
};
static_assert(sizeof(Record) == 80, "no padding: it would be whatever the stack held");

Record recordOf(const struct statx& status, size_t nameLength, size_t targetLength) {
  return {status.stx_ino,
          status.stx_size,
          status.stx_mtime.tv_sec,
          status.stx_ctime.tv_sec,
          status.stx_mtime.tv_nsec,
          status.stx_ctime.tv_nsec,
          status.stx_dev_major,
          status.stx_dev_minor,
          status.stx_mode,
          status.stx_uid,
          status.stx_gid,
          status.stx_rdev_major,
          status.stx_rdev_minor,
          status.stx_nlink,
          static_cast<uint32_t>(nameLength),
          static_cast<uint32_t>(targetLength)};
}

/** The names of one directory with what statx(2) says of them: some hundred files for one crossing from JavaScript. */
class Scan : public Task {
 public:
  Scan(int root, std::string path, uint64_t resolve, size_t maxEntries)
      : root_(root), path_(std::move(path)), resolve_(resolve), maxEntries_(maxEntries) {}

 private:
  bool run() override {
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = resolve_;
    Descriptor directory(static_cast<int>(check(openat2Patiently(root_, path_.c_str(), how), "openat2", path_)));
    const std::unique_ptr<DIR, CloseDirectory> stream(fdopendir(directory.get()));
    if (!stream) throw Failure{errno, "fdopendir", path_};
    const int fd = directory.release();
    size_t count = 0;
    for (errno = 0; const dirent* entry = readdir(stream.get()); errno = 0) {
      const char* name = entry->d_name;
      if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) continue;
      if (++count > maxEntries_) throw Failure{E2BIG, "getdents64", path_};
      look(fd, name);
    }
    if (errno != 0) throw Failure{errno, "getdents64", path_};
    return true;
  }

  Napi::Value value(Napi::Env env) override {
    auto bytes = Napi::Uint8Array::New(env, bytes_.size());
    std::copy(bytes_.begin(), bytes_.end(), bytes.Data());
    return bytes;
  }

  /** What is gone by now is left out. */
  void look(int directory, const char* name) {
    struct statx status;
    if (statusOf(directory, name, status) < 0) {
      if (errno == ENOENT) return;
      throw Failure{errno, "statx", path_ + "/" + name};
    }
    char target[maxTarget];
    ssize_t targetLength = 0;
    if (S_ISLNK(status.stx_mode)) targetLength = readlinkat(directory, name, target, sizeof target);
    // EINVAL: it is no symlink any more.
    if (targetLength < 0 && (errno == ENOENT || errno == EINVAL)) return;
    check(targetLength, "readlinkat", path_ + "/" + name);
    const size_t nameLength = std::strlen(name);
    const Record record = recordOf(status, nameLength, static_cast<size_t>(targetLength));
    append(&record, sizeof record);
    append(name, nameLength);
    append(target, static_cast<size_t>(targetLength));
    bytes_.resize((bytes_.size() + alignof(Record) - 1) / alignof(Record) * alignof(Record));
  }

  void append(const void* data, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    bytes_.insert(bytes_.end(), bytes, bytes + size);
  }

  const int root_;
  const std::string path_;
  const uint64_t resolve_;
  const size_t maxEntries_;
  std::vector<uint8_t> bytes_;
};

Napi::Value scanDirectory(const Napi::CallbackInfo& info) {
  auto* scan = new Scan(toInt(info[0]), toBytes(info[1]), toUint(info[2]), toUint(info[3]));
  return Task::start(info.Env(), scan, "scanDirectory");
}

}  // namespace

void defineScan(Napi::Object exports) { define<scanDirectory>(exports, "scanDirectory"); }

}  // namespace inboard

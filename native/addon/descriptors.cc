#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "arguments.h"
#include "memfd.h"
#include "modules.h"
#include "task.h"

namespace inboard {
namespace {

Napi::Value memfdSealed(const Napi::CallbackInfo& info) {
  const std::string name = toBytes(info[0]);
  const Bytes data = toView(info[1]);
  return Napi::Number::New(info.Env(), sealedMemfd(name.c_str(), MFD_EXEC, data.data, data.size).release());
}

Napi::Value pidfdOpen(const Napi::CallbackInfo& info) {
  const long descriptor = check(syscall(SYS_pidfd_open, toInt(info[0]), 0), "pidfd_open");
  return Napi::Number::New(info.Env(), static_cast<double>(descriptor));
}

Napi::Value pidfdSignal(const Napi::CallbackInfo& info) {
  check(syscall(SYS_pidfd_send_signal, toInt(info[0]), toInt(info[1]), nullptr, 0), "pidfd_send_signal");
  return info.Env().Undefined();
}

Napi::Value pipe(const Napi::CallbackInfo& info) {
  int ends[2];
  check(pipe2(ends, O_CLOEXEC), "pipe2");
  auto pair = Napi::Array::New(info.Env(), 2);
  pair.Set(0U, Napi::Number::New(info.Env(), ends[0]));
  pair.Set(1U, Napi::Number::New(info.Env(), ends[1]));
  return pair;
}

/** copy_file_range(2) as far as it goes; it cannot cross some filesystems, and sees none of procfs's contents. */
uint64_t copyInKernel(int from, int to, uint64_t length) {
  constexpr uint64_t most = 1U << 30;
  uint64_t copied = 0;
  while (copied < length) {
    const ssize_t count = copy_file_range(from, nullptr, to, nullptr, std::min(length - copied, most), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    copied += count;
  }
  return copied;
}

uint64_t copyByHand(int from, int to, uint64_t length) {
  std::vector<uint8_t> buffer(std::min<uint64_t>(length, 1U << 18));
  uint64_t copied = 0;
  while (copied < length) {
    const ssize_t count = read(from, buffer.data(), std::min<uint64_t>(length - copied, buffer.size()));
    if (count < 0 && errno == EINTR) continue;
    if (check(count, "read") == 0) break;
    writeAll(to, buffer.data(), count);
    copied += count;
  }
  return copied;
}

Napi::Value copyRange(const Napi::CallbackInfo& info) {
  const int from = toInt(info[0]);
  const int to = toInt(info[1]);
  const uint64_t length = toSize(info[2]);
  if (!info[3].IsUndefined()) {
    const off_t offset = static_cast<off_t>(toSize(info[3]));
    check(lseek(from, offset, SEEK_SET), "lseek");
    check(lseek(to, offset, SEEK_SET), "lseek");
  }
  const uint64_t inKernel = copyInKernel(from, to, length);
  const uint64_t byHand = inKernel < length ? copyByHand(from, to, length - inKernel) : 0;
  return Napi::Number::New(info.Env(), static_cast<double>(inKernel + byHand));
}

/** The next run of a file's data; holes, and filesystems that know of none, are skipped as lseek(2) has it. */
Napi::Value dataAfter(const Napi::CallbackInfo& info) {
  const int file = toInt(info[0]);
  const off_t start = lseek(file, static_cast<off_t>(toSize(info[1])), SEEK_DATA);
  if (start < 0 && errno == ENXIO) return info.Env().Undefined();
  check(start, "lseek");
  const off_t end = lseek(file, start, SEEK_HOLE);
  if (end < 0 && errno == ENXIO) return info.Env().Undefined();
  check(end, "lseek");
  auto pair = Napi::Array::New(info.Env(), 2);
  pair.Set(0U, Napi::Number::New(info.Env(), static_cast<double>(start)));
  pair.Set(1U, Napi::Number::New(info.Env(), static_cast<double>(end)));
  return pair;
}

class Syncfs : public Task {
 public:
  explicit Syncfs(Descriptor file) : file_(std::move(file)) {}

 private:
  bool run() override {
    check(::syncfs(file_.get()), "syncfs");
    return true;
  }
  Napi::Value value(Napi::Env env) override { return env.Undefined(); }

  Descriptor file_;
};

Napi::Value syncfs(const Napi::CallbackInfo& info) {
  // A duplicate, because the caller may close its own before a pool thread is free.
  Descriptor file(fcntl(toInt(info[0]), F_DUPFD_CLOEXEC, 3));
  if (file.get() < 0) return Task::rejected(info.Env(), {errno, "syncfs", ""});
  return Task::start(info.Env(), new Syncfs(std::move(file)), "syncfs");
}

Napi::Value geteuid(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), ::geteuid()); }

}  // namespace

void defineDescriptors(Napi::Object exports) {
  define<memfdSealed>(exports, "memfdSealed");
  define<pidfdOpen>(exports, "pidfdOpen");
  define<pidfdSignal>(exports, "pidfdSignal");
  define<pipe>(exports, "pipe");
  define<copyRange>(exports, "copyRange");
  define<dataAfter>(exports, "dataAfter");
  define<syncfs>(exports, "syncfs");
  define<geteuid>(exports, "geteuid");
}

}  // namespace inboard

#include "open.h"

#include <sys/vfs.h>

#include "arguments.h"
#include "descriptor.h"
#include "modules.h"
#include "task.h"

namespace inboard {
namespace {

/** openat2(2), and the type of the filesystem that is found: both may ask a server that takes its time. */
class Open : public Task {
 public:
  Open(int directory, std::string path, const open_how& how)
      : directory_(directory), path_(std::move(path)), how_(how) {}

 private:
  bool run() override {
    opened_ = Descriptor(static_cast<int>(check(openat2Patiently(directory_, path_.c_str(), how_), "openat2", path_)));
    struct statfs filesystem;
    check(fstatfs(opened_.get(), &filesystem), "fstatfs", path_);
    type_ = static_cast<uint32_t>(filesystem.f_type);
    return true;
  }

  Napi::Value value(Napi::Env env) override {
    auto pair = Napi::Array::New(env, 2);
    pair.Set(0U, Napi::Number::New(env, opened_.get()));
    pair.Set(1U, Napi::Number::New(env, type_));
    return pair;
  }

  void delivered() override { opened_.release(); }

  const int directory_;
  const std::string path_;
  open_how how_;
  Descriptor opened_;
  uint32_t type_ = 0;
};

Napi::Value openBelow(const Napi::CallbackInfo& info) {
  try {
    open_how how{};
    std::string path = toBytes(info[1]);
    how.flags = static_cast<uint64_t>(toInt64(info[2])) | O_CLOEXEC;
    how.mode = toUint(info[3]);
    how.resolve = toUint(info[4]);
    return Task::start(info.Env(), new Open(toInt(info[0]), std::move(path), how), "openBelow");
  } catch (const Failure& failure) {
    return Task::rejected(info.Env(), failure);
  }
}

}  // namespace

void defineOpen(Napi::Object exports) { define<openBelow>(exports, "openBelow"); }

}  // namespace inboard

#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdio>
#include <cstring>
#include <optional>

#include "arguments.h"
#include "descriptor.h"
#include "modules.h"

namespace inboard {
namespace {

constexpr int attempts = 256;

struct Backing {
  Descriptor opened;
  int file;
  std::string name;
};

Backing backingOf(Napi::Value value, bool readOnly) {
  if (value.IsNumber()) return {Descriptor(), toInt(value), ""};
  std::string path = toBytes(value);
  Descriptor opened(check(open(path.c_str(), (readOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC), "open", path));
  const int file = opened.get();
  return {std::move(opened), file, std::move(path)};
}

loop_config configurationOf(const Napi::Object& options, const Backing& backing) {
  const auto flag = [&](const char* name) { return options.Get(name).ToBoolean().Value(); };
  const auto size = [&](const char* name) -> uint64_t {
    return options.Get(name).IsNumber() ? toSize(options.Get(name)) : 0;
  };
  loop_config config{};
  config.fd = static_cast<uint32_t>(backing.file);
  config.info.lo_offset = size("offset");
  config.info.lo_sizelimit = size("sizeLimit");
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  if (flag("readOnly")) config.info.lo_flags |= LO_FLAGS_READ_ONLY;
  if (flag("directIo")) config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
  backing.name.copy(reinterpret_cast<char*>(config.info.lo_file_name), LO_NAME_SIZE - 1);
  return config;
}

/** What the kernel numbers the device; none: it has gone meanwhile. */
std::optional<dev_t> numberOf(int index) {
  const std::string path = "/sys/block/loop" + std::to_string(index) + "/dev";
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[32] = {};
  unsigned first, second;
  if (file.get() < 0 || read(file.get(), text, sizeof text - 1) < 0) return std::nullopt;
  if (std::sscanf(text, "%u:%u", &first, &second) != 2) return std::nullopt;
  return makedev(first, second);
}

/** A /dev that is no devtmpfs has nodes for the first few only. */
Descriptor openDevice(int index, const std::string& path, int flags) {
  Descriptor device(open(path.c_str(), flags));
  if (device.get() >= 0 || errno != ENOENT) return device;
  const std::optional<dev_t> number = numberOf(index);
  if (!number) return device;
  if (mknod(path.c_str(), S_IFBLK | 0600, *number) < 0 && errno != EEXIST) throw Failure{errno, "mknod", path};
  return Descriptor(open(path.c_str(), flags));
}

/** Somebody else was faster with the device that was free, or has removed it. */
bool isTaken(int error) { return error == EBUSY || error == ENXIO || error == ENODEV || error == ENOENT; }

Napi::Value loopAttach(const Napi::CallbackInfo& info) {
  const auto options = info[1].As<Napi::Object>();
  const bool readOnly = options.Get("readOnly").ToBoolean().Value();
  const Backing backing = backingOf(info[0], readOnly);
  const loop_config config = configurationOf(options, backing);
  const Descriptor control(check(open("/dev/loop-control", O_RDWR | O_CLOEXEC), "open", "/dev/loop-control"));
  for (int attempt = 1;; attempt++) {
    const int index = check(ioctl(control.get(), LOOP_CTL_GET_FREE), "LOOP_CTL_GET_FREE", "/dev/loop-control");
    const std::string path = "/dev/loop" + std::to_string(index);
    Descriptor device = openDevice(index, path, (readOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (device.get() >= 0 && ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) {
      auto attached = Napi::Object::New(info.Env());
      attached.Set("path", path);
      attached.Set("fd", device.release());
      return attached;
    }
    if (!isTaken(errno) || attempt == attempts) throw Failure{errno, "LOOP_CONFIGURE", path};
  }
}

}  // namespace

void defineLoop(Napi::Object exports) { define<loopAttach>(exports, "loopAttach"); }

}  // namespace inboard

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <chrono>
#include <memory>
#include <vector>

#include "arguments.h"
#include "memfd.h"
#include "modules.h"
#include "task.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

// The child runs in the parent's memory, on a stack the sanitizers know nothing of.
#define IN_CHILD __attribute__((noinline, no_sanitize("address", "undefined")))

namespace inboard {
namespace {

constexpr int firstPassed = 3;
constexpr size_t signalSetBytes = 8;
constexpr int signals = 64;

/** What the child needs, and how it failed. It shares the parent's memory until it executes, and may allocate nothing. */
struct Launch {
  int* passed;
  int count;
  int executable;
  const char* argv0;
  const char* failedCall;
  int failedErrno;
};

IN_CHILD bool failed(Launch& launch, const char* call) {
  launch.failedErrno = errno;
  launch.failedCall = call;
  return false;
}

/** Descriptors 0-2 become /dev/null, 3.. the passed ones; everything else is gone at exec. */
IN_CHILD bool arrangeDescriptors(Launch& launch) {
  // Everything is lifted above the range of targets first, so that no target clobbers a source still needed.
  const int above = firstPassed + launch.count;
  for (int i = 0; i < launch.count; i++) {
    launch.passed[i] = fcntl(launch.passed[i], F_DUPFD_CLOEXEC, above);
    if (launch.passed[i] < 0) return failed(launch, "fcntl");
  }
  launch.executable = fcntl(launch.executable, F_DUPFD_CLOEXEC, above);
  if (launch.executable < 0) return failed(launch, "fcntl");
  const int opened = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (opened < 0) return failed(launch, "open");
  const int null = fcntl(opened, F_DUPFD_CLOEXEC, above);
  if (null < 0) return failed(launch, "fcntl");

  for (int target = 0; target < above; target++) {
    const int source = target < firstPassed ? null : launch.passed[target - firstPassed];
    if (dup2(source, target) < 0) return failed(launch, "dup2");
  }
  if (syscall(SYS_close_range, above, ~0U, CLOSE_RANGE_CLOEXEC) < 0) return failed(launch, "close_range");
  return true;
}

/** By the raw calls: the C library keeps two signals to itself, and their handlers must not run in the child either. */
IN_CHILD void resetSignals() {
  const struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    uint64_t mask;
  } byDefault{};
  const uint64_t none = 0;
  for (int signal = 1; signal <= signals; signal++) {
    syscall(SYS_rt_sigaction, signal, &byDefault, nullptr, signalSetBytes);
  }
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, signalSetBytes);
}

IN_CHILD bool execute(Launch& launch) {
  if (setsid() < 0) return failed(launch, "setsid");
  if (!arrangeDescriptors(launch)) return false;
  if (chdir("/") < 0) return failed(launch, "chdir");
  resetSignals();
  const char* const argv[] = {launch.argv0, nullptr};
  const char* const envp[] = {nullptr};
  syscall(SYS_execveat, launch.executable, "", argv, envp, AT_EMPTY_PATH);
  return failed(launch, "execveat");
}

IN_CHILD int child(void* launch) {
  execute(*static_cast<Launch*>(launch));
  _exit(127);
}

/** Starts the child and returns when it has executed or failed: this thread, and no other, is suspended meanwhile. */
int vforkExec(Launch& launch) {
  alignas(16) char stack[64 * 1024];
  const uint64_t all = ~0ULL;
  uint64_t before;
  // A handler that ran in the child would run in the memory of the parent.
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, signalSetBytes);
  const int pid = clone(child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &launch);
  const int error = errno;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, signalSetBytes);
  if (pid < 0) throw Failure{error, "clone", ""};
  if (launch.failedCall == nullptr) return pid;
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
  throw Failure{launch.failedErrno, launch.failedCall, launch.argv0};
}

class Spawn : public Task {
 public:
  Spawn(const Napi::CallbackInfo& info) : executable_(duplicate(info[0])), argv0_(toBytes(info[1])) {
    const Bytes plan = toView(info[2]);
    plan_.assign(plan.data, plan.data + plan.size);
    lock_ = duplicate(info[3]);
    const auto slots = info[4].As<Napi::Array>();
    for (uint32_t i = 0; i < slots.Length(); i++) slots_.push_back(duplicate(slots.Get(i)));
  }

  ~Spawn() override {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
  }

 private:
  /** The caller may close its descriptors, and their numbers be used again, before a pool thread is free. */
  static Descriptor duplicate(Napi::Value descriptor) {
    return Descriptor(check(fcntl(toInt(descriptor), F_DUPFD_CLOEXEC, firstPassed), "fcntl"));
  }

  bool run() override {
    const Descriptor plan = sealedMemfd("inboard-plan", MFD_NOEXEC_SEAL, plan_.data(), plan_.size());
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
    Descriptor ours(ends[0]);
    const Descriptor theirs(ends[1]);
    check(fcntl(ours.get(), F_SETFL, O_NONBLOCK), "fcntl");

    std::vector<int> passed{plan.get(), theirs.get(), lock_.get()};
    for (const Descriptor& slot : slots_) passed.push_back(slot.get());
    Launch launch{passed.data(), static_cast<int>(passed.size()), executable_.get(), argv0_.c_str(), nullptr, 0};
    pid_ = vforkExec(launch);
    status_ = std::move(ours);
    // Duplicates that lived until the promise is settled would keep the caller's lock held a moment longer than the child.
    lock_ = Descriptor();
    slots_.clear();
    return true;
  }

  Napi::Value value(Napi::Env env) override {
    auto spawned = Napi::Object::New(env);
    spawned.Set("pid", Napi::Number::New(env, pid_));
    spawned.Set("status", Napi::Number::New(env, status_.get()));
    return spawned;
  }

  void delivered() override {
    pid_ = -1;
    status_.release();
  }

  Descriptor executable_;
  std::string argv0_;
  std::vector<uint8_t> plan_;
  Descriptor lock_;
  std::vector<Descriptor> slots_;
  int pid_ = -1;
  Descriptor status_;
};

Napi::Value spawn(const Napi::CallbackInfo& info) {
  try {
    return Task::start(info.Env(), new Spawn(info), "spawn");
  } catch (const Failure& failure) {
    return Task::rejected(info.Env(), failure);
  }
}

/** Waits in short slices, so that a child slower to end than expected keeps no pool thread from other work. */
class Reap : public Task {
 public:
  explicit Reap(int pid) : pid_(pid) {}

 private:
  static constexpr int sliceMs = 10;
  static constexpr std::chrono::seconds patience{30};

  bool run() override {
    if (tryWait()) return true;
    const Descriptor pidfd(static_cast<int>(check(syscall(SYS_pidfd_open, pid_, 0), "pidfd_open")));
    pollfd ended{pidfd.get(), POLLIN, 0};
    poll(&ended, 1, sliceMs);
    if (tryWait()) return true;
    if (std::chrono::steady_clock::now() - began_ > patience) throw Failure{ETIMEDOUT, "waitpid", ""};
    return false;
  }

  bool tryWait() { return check(waitpid(pid_, &status_, WNOHANG), "waitpid") == pid_; }

  Napi::Value value(Napi::Env env) override { return Napi::Number::New(env, status_); }

  const int pid_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  int status_ = 0;
};

Napi::Value reap(const Napi::CallbackInfo& info) {
  const int pid = toInt(info[0]);
  // waitpid(2) takes 0 and negative numbers for any child, also one that somebody else waits for.
  if (pid <= 0) return Task::rejected(info.Env(), {ECHILD, "waitpid", ""});
  return Task::start(info.Env(), new Reap(pid), "reap");
}

}  // namespace

void defineSpawn(Napi::Object exports) {
  define<spawn>(exports, "spawn");
  define<reap>(exports, "reap");
}

}  // namespace inboard

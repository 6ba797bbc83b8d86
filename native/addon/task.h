#pragma once

#include <napi.h>

#include <optional>

#include "failure.h"

namespace inboard {

/** Work for the thread pool, and the promise that tells how it went. Deletes itself when it is done. */
class Task {
 public:
  virtual ~Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  /** Takes ownership of the task and queues it. */
  static Napi::Value start(Napi::Env env, Task* task, const char* name);
  /** A promise rejected with the failure. */
  static Napi::Value rejected(Napi::Env env, const Failure& failure);

 protected:
  Task() = default;
  /** On a pool thread; JavaScript is out of reach. False: queue it again, others first. May throw a Failure. */
  virtual bool run() = 0;
  /** On the JavaScript thread, after run() has returned true. */
  virtual Napi::Value value(Napi::Env env) = 0;
  /** JavaScript has got the value. Without this call nobody will ever have it: the environment is being torn down. */
  virtual void delivered() {}

 private:
  void queue(napi_env env);
  static void execute(napi_env env, void* data);
  static void complete(napi_env env, napi_status status, void* data);
  void settle(Napi::Env env);

  napi_deferred deferred_ = nullptr;
  napi_async_work work_ = nullptr;
  const char* name_ = "";
  bool done_ = false;
  std::optional<Failure> failure_;
};

}  // namespace inboard

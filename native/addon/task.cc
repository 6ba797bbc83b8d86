#include "task.h"

#include <memory>
#include <new>

namespace inboard {

Napi::Value Task::start(Napi::Env env, Task* task, const char* name) {
  std::unique_ptr<Task> owned(task);
  napi_value promise;
  if (napi_create_promise(env, &task->deferred_, &promise) != napi_ok) throw Napi::Error::New(env);
  task->name_ = name;
  task->queue(env);
  static_cast<void>(owned.release());
  return Napi::Value(env, promise);
}

Napi::Value Task::rejected(Napi::Env env, const Failure& failure) {
  const auto deferred = Napi::Promise::Deferred::New(env);
  deferred.Reject(toError(env, failure).Value());
  return deferred.Promise();
}

void Task::queue(napi_env env) {
  const auto resource = Napi::String::New(env, name_);
  if (napi_create_async_work(env, nullptr, resource, execute, complete, this, &work_) != napi_ok ||
      napi_queue_async_work(env, work_) != napi_ok) {
    throw Napi::Error::New(env);
  }
}

void Task::execute(napi_env, void* data) {
  auto* task = static_cast<Task*>(data);
  try {
    task->done_ = task->run();
  } catch (const Failure& failure) {
    task->failure_ = failure;
  } catch (const std::bad_alloc&) {
    task->failure_ = Failure{ENOMEM, "malloc", ""};
  }
}

void Task::complete(napi_env env, napi_status status, void* data) {
  std::unique_ptr<Task> task(static_cast<Task*>(data));
  napi_delete_async_work(env, task->work_);
  if (status != napi_ok) return;
  try {
    if (!task->done_ && !task->failure_) {
      task->queue(env);
      static_cast<void>(task.release());
      return;
    }
    task->settle(env);
  } catch (const Napi::Error&) {
    // The environment is going away and takes no more values; the task's destructor undoes what nobody will get.
  }
}

void Task::settle(Napi::Env env) {
  if (failure_) {
    napi_reject_deferred(env, deferred_, toError(env, *failure_).Value());
  } else if (napi_resolve_deferred(env, deferred_, value(env)) == napi_ok) {
    delivered();
  }
}

}  // namespace inboard

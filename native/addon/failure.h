#pragma once

#include <napi.h>

#include <cerrno>
#include <string>

namespace inboard {

/** A failed system call; thrown on any thread, turned into a JavaScript error where JavaScript can be reached. */
struct Failure {
  int number;
  const char* syscall;
  std::string path;
};

/** The result of a system call, or a thrown Failure with the current errno. */
template <class Result>
Result check(Result result, const char* syscall, const std::string& path = {}) {
  if (result == static_cast<Result>(-1)) throw Failure{errno, syscall, path};
  return result;
}

/** An Error as Node's own: `ENOENT: no such file or directory, openat2 'x'`, with code, errno, syscall and path. */
Napi::Error toError(Napi::Env env, const Failure& failure);

}  // namespace inboard

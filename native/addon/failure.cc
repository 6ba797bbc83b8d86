#include "failure.h"

#include <cstring>

#include "text.h"

namespace inboard {
namespace {

struct Description {
  int number;
  const char* code;
  const char* message;
};

// The words are Node's, so that messages of fs and of the addon read alike; glibc's strerrorname_np is too young to rely on.
constexpr Description descriptions[] = {
    {E2BIG, "E2BIG", "argument list too long"},
    {EACCES, "EACCES", "permission denied"},
    {EADDRINUSE, "EADDRINUSE", "address already in use"},
    {EADDRNOTAVAIL, "EADDRNOTAVAIL", "address not available"},
    {EAFNOSUPPORT, "EAFNOSUPPORT", "address family not supported"},
    {EAGAIN, "EAGAIN", "resource temporarily unavailable"},
    {EBADF, "EBADF", "bad file descriptor"},
    {EBADMSG, "EBADMSG", "bad message"},
    {EBUSY, "EBUSY", "resource busy or locked"},
    {ECHILD, "ECHILD", "no child processes"},
    {ECONNREFUSED, "ECONNREFUSED", "connection refused"},
    {ECONNRESET, "ECONNRESET", "connection reset by peer"},
    {EDEADLK, "EDEADLK", "resource deadlock avoided"},
    {EDOM, "EDOM", "argument out of domain"},
    {EDQUOT, "EDQUOT", "disk quota exceeded"},
    {EEXIST, "EEXIST", "file already exists"},
    {EFAULT, "EFAULT", "bad address in system call argument"},
    {EFBIG, "EFBIG", "file too large"},
    {EILSEQ, "EILSEQ", "illegal byte sequence"},
    {EINTR, "EINTR", "interrupted system call"},
    {EINVAL, "EINVAL", "invalid argument"},
    {EIO, "EIO", "i/o error"},
    {EISDIR, "EISDIR", "illegal operation on a directory"},
    {ELIBBAD, "ELIBBAD", "accessing a corrupted shared library"},
    {ELOOP, "ELOOP", "too many symbolic links encountered"},
    {EMFILE, "EMFILE", "too many open files"},
    {EMLINK, "EMLINK", "too many links"},
    {EMSGSIZE, "EMSGSIZE", "message too long"},
    {ENAMETOOLONG, "ENAMETOOLONG", "name too long"},
    {ENFILE, "ENFILE", "file table overflow"},
    {ENOBUFS, "ENOBUFS", "no buffer space available"},
    {ENODATA, "ENODATA", "no data available"},
    {ENODEV, "ENODEV", "no such device"},
    {ENOENT, "ENOENT", "no such file or directory"},
    {ENOEXEC, "ENOEXEC", "exec format error"},
    {ENOLCK, "ENOLCK", "no locks available"},
    {ENOMEM, "ENOMEM", "not enough memory"},
    {ENOSPC, "ENOSPC", "no space left on device"},
    {ENOSYS, "ENOSYS", "function not implemented"},
    {ENOTBLK, "ENOTBLK", "block device required"},
    {ENOTCONN, "ENOTCONN", "socket is not connected"},
    {ENOTDIR, "ENOTDIR", "not a directory"},
    {ENOTEMPTY, "ENOTEMPTY", "directory not empty"},
    {ENOTSOCK, "ENOTSOCK", "socket operation on non-socket"},
    {ENOTSUP, "ENOTSUP", "operation not supported on socket"},
    {ENOTTY, "ENOTTY", "inappropriate ioctl for device"},
    {ENXIO, "ENXIO", "no such device or address"},
    {EOVERFLOW, "EOVERFLOW", "value too large for defined data type"},
    {EPERM, "EPERM", "operation not permitted"},
    {EPIPE, "EPIPE", "broken pipe"},
    {EPROTONOSUPPORT, "EPROTONOSUPPORT", "protocol not supported"},
    {ERANGE, "ERANGE", "result too large"},
    {EROFS, "EROFS", "read-only file system"},
    {ESPIPE, "ESPIPE", "invalid seek"},
    {ESRCH, "ESRCH", "no such process"},
    {ESTALE, "ESTALE", "stale file handle"},
    {ETIMEDOUT, "ETIMEDOUT", "connection timed out"},
    {ETXTBSY, "ETXTBSY", "text file is busy"},
    {EUCLEAN, "EUCLEAN", "structure needs cleaning"},
    {EUSERS, "EUSERS", "too many users"},
    {EXDEV, "EXDEV", "cross-device link not permitted"},
};

Description describe(int number) {
  for (const Description& description : descriptions) {
    if (description.number == number) return description;
  }
  return {number, "UNKNOWN", std::strerror(number)};
}

}  // namespace

Napi::Error toError(Napi::Env env, const Failure& failure) {
  const Description description = describe(failure.number);
  std::string message = std::string(description.code) + ": " + description.message + ", " + failure.syscall;
  if (!failure.path.empty()) message += " '" + failure.path + "'";

  // Napi::Error::New would turn path bytes that are not UTF-8 into replacement characters.
  napi_value object;
  napi_create_error(env, Napi::String::New(env, description.code), toJs(env, message), &object);
  Napi::Error error(env, object);
  error.Value().Set("errno", Napi::Number::New(env, failure.number));
  error.Value().Set("syscall", Napi::String::New(env, failure.syscall));
  if (!failure.path.empty()) error.Value().Set("path", toJs(env, failure.path));
  return error;
}

}  // namespace inboard

#pragma once

#include <napi.h>

#include <cstdint>
#include <ctime>
#include <limits>

#include "failure.h"
#include "text.h"

namespace inboard {

inline int toInt(Napi::Value value) { return value.As<Napi::Number>().Int32Value(); }
inline uint32_t toUint(Napi::Value value) { return value.As<Napi::Number>().Uint32Value(); }
inline int64_t toInt64(Napi::Value value) { return value.As<Napi::Number>().Int64Value(); }

/** A count that may be `Infinity`. */
inline uint64_t toSize(Napi::Value value) {
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number > 0)) return 0;
  return number < 9007199254740992.0 ? static_cast<uint64_t>(number) : std::numeric_limits<int64_t>::max();
}

/** `[seconds, nanoseconds]`. */
inline timespec toTimespec(Napi::Value value) {
  const auto pair = value.As<Napi::Array>();
  return {static_cast<time_t>(toInt64(pair.Get(0U))), static_cast<long>(toInt64(pair.Get(1U)))};
}

struct Bytes {
  const uint8_t* data;
  size_t size;
};

/** A view of a Uint8Array, valid as long as JavaScript does not run. */
inline Bytes toView(Napi::Value value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(value.Env(), "A Uint8Array was expected");
  }
  const auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

using Function = Napi::Value (*)(const Napi::CallbackInfo&);

/** Calls `function`, turning a Failure into a JavaScript exception. */
template <Function function>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return function(info);
  } catch (const Failure& failure) {
    toError(info.Env(), failure).ThrowAsJavaScriptException();
    return Napi::Value();
  }
}

template <Function function>
void define(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<guarded<function>>(exports.Env(), name));
}

}  // namespace inboard

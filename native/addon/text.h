#pragma once

#include <napi.h>

#include <string>

namespace inboard {

/**
 * Names of the filesystem are bytes. Those that are not UTF-8 travel through JavaScript as lone surrogates
 * U+DC80..U+DCFF, one a byte, so that every name survives the round trip (Python's PEP 383).
 */
Napi::Value toJs(Napi::Env env, const char* bytes, size_t length);
Napi::Value toJs(Napi::Env env, const std::string& bytes);

/** The bytes of a JavaScript string. EILSEQ: another lone surrogate; EINVAL: a NUL, which no system call can take. */
std::string toBytes(Napi::Value value);

}  // namespace inboard

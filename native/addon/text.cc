#include "text.h"

#include <cstdint>
#include <vector>

#include "failure.h"

namespace inboard {
namespace {

bool isAscii(const char* bytes, size_t length) {
  unsigned char seen = 0;
  for (size_t i = 0; i < length; i++) seen |= static_cast<unsigned char>(bytes[i]);
  return seen < 0x80;
}

/** Length of the well-formed UTF-8 sequence at `at` (RFC 3629: nothing overlong, no surrogates), 0 if there is none. */
size_t sequenceLength(const unsigned char* at, size_t left) {
  const unsigned char lead = at[0];
  const size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length == 0 || length > left) return 0;
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xc0) != 0x80) return 0;
  }
  if (lead == 0xe0 && at[1] < 0xa0) return 0;
  if (lead == 0xed && at[1] > 0x9f) return 0;
  if (lead == 0xf0 && at[1] < 0x90) return 0;
  if (lead == 0xf4 && at[1] > 0x8f) return 0;
  return length;
}

uint32_t codePoint(const unsigned char* at, size_t length) {
  if (length == 1) return at[0];
  uint32_t value = at[0] & (0xff >> (length + 1));
  for (size_t i = 1; i < length; i++) value = value << 6 | (at[i] & 0x3f);
  return value;
}

void appendUtf16(std::u16string& text, uint32_t point) {
  if (point < 0x10000) {
    text.push_back(static_cast<char16_t>(point));
    return;
  }
  text.push_back(static_cast<char16_t>(0xd800 + ((point - 0x10000) >> 10)));
  text.push_back(static_cast<char16_t>(0xdc00 + ((point - 0x10000) & 0x3ff)));
}

void appendUtf8(std::string& bytes, uint32_t point) {
  const auto tail = [&](int shift) { bytes.push_back(static_cast<char>(0x80 | ((point >> shift) & 0x3f))); };
  if (point < 0x800) {
    bytes.push_back(static_cast<char>(0xc0 | point >> 6));
    tail(0);
  } else if (point < 0x10000) {
    bytes.push_back(static_cast<char>(0xe0 | point >> 12));
    tail(6);
    tail(0);
  } else {
    bytes.push_back(static_cast<char>(0xf0 | point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

constexpr bool isHighSurrogate(char16_t unit) { return (unit & 0xfc00) == 0xd800; }
constexpr bool isLowSurrogate(char16_t unit) { return (unit & 0xfc00) == 0xdc00; }

std::string encode(const char16_t* units, size_t length) {
  std::string bytes;
  bytes.reserve(length);
  for (size_t i = 0; i < length; i++) {
    const char16_t unit = units[i];
    if (unit == 0) throw Failure{EINVAL, "string", ""};
    if (unit < 0x80) {
      bytes.push_back(static_cast<char>(unit));
    } else if (isHighSurrogate(unit) && i + 1 < length && isLowSurrogate(units[i + 1])) {
      appendUtf8(bytes, 0x10000 + ((unit & 0x3ffU) << 10) + (units[i + 1] & 0x3ffU));
      i++;
    } else if (unit >= 0xdc80 && unit <= 0xdcff) {
      bytes.push_back(static_cast<char>(unit - 0xdc00));
    } else if (isHighSurrogate(unit) || isLowSurrogate(unit)) {
      throw Failure{EILSEQ, "string", ""};
    } else {
      appendUtf8(bytes, unit);
    }
  }
  return bytes;
}

}  // namespace

Napi::Value toJs(Napi::Env env, const char* bytes, size_t length) {
  if (isAscii(bytes, length)) {
    napi_value value;
    if (napi_create_string_latin1(env, bytes, length, &value) != napi_ok) throw Napi::Error::New(env);
    return Napi::Value(env, value);
  }
  const auto* at = reinterpret_cast<const unsigned char*>(bytes);
  std::u16string text;
  text.reserve(length);
  for (size_t i = 0; i < length;) {
    const size_t sequence = sequenceLength(at + i, length - i);
    appendUtf16(text, sequence == 0 ? 0xdc00U + at[i] : codePoint(at + i, sequence));
    i += sequence == 0 ? 1 : sequence;
  }
  return Napi::String::New(env, text);
}

Napi::Value toJs(Napi::Env env, const std::string& bytes) { return toJs(env, bytes.data(), bytes.size()); }

std::string toBytes(Napi::Value value) {
  char16_t few[512];
  size_t length = 0;
  if (napi_get_value_string_utf16(value.Env(), value, few, std::size(few), &length) != napi_ok) {
    throw Napi::TypeError::New(value.Env(), "A string was expected");
  }
  if (length + 1 < std::size(few)) return encode(few, length);
  napi_get_value_string_utf16(value.Env(), value, nullptr, 0, &length);
  std::vector<char16_t> many(length + 1);
  napi_get_value_string_utf16(value.Env(), value, many.data(), many.size(), &length);
  return encode(many.data(), length);
}

}  // namespace inboard

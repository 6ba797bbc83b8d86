#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "arguments.h"
#include "descriptor.h"
#include "modules.h"
#include "namespace.h"

namespace inboard {
namespace {

/** As many as the kernel allows; net.core.somaxconn caps it. */
constexpr int backlog = 65535;

union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

socklen_t toAddress(Bytes bytes, uint16_t port, Address& address) {
  address = {};
  if (bytes.size == sizeof address.v4.sin_addr) {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(port);
    std::memcpy(&address.v4.sin_addr, bytes.data, bytes.size);
    return sizeof address.v4;
  }
  if (bytes.size != sizeof address.v6.sin6_addr) throw Failure{EAFNOSUPPORT, "bind", ""};
  address.v6.sin6_family = AF_INET6;
  address.v6.sin6_port = htons(port);
  std::memcpy(&address.v6.sin6_addr, bytes.data, bytes.size);
  return sizeof address.v6;
}

void enable(int socket, int level, int option) {
  const int on = 1;
  check(setsockopt(socket, level, option, &on, sizeof on), "setsockopt");
}

/** Nothing comes to the socket that the firewall has given this mark. */
void refuseMarked(int socket, uint32_t mark) {
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_MARK)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mark, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  };
  const sock_fprog program = {sizeof steps / sizeof *steps, steps};
  check(setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), "setsockopt");
}

uint16_t portOf(int socket) {
  Address address{};
  socklen_t size = sizeof address;
  check(getsockname(socket, &address.any, &size), "getsockname");
  // Both families have the port at one place.
  return ntohs(address.v4.sin_port);
}

Descriptor hold(int protocol, const Address& address, socklen_t size, uint32_t refusedMark) {
  const int type = protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
  Descriptor held(check(socket(address.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol), "socket"));
  // Connections of the last holder that still linger do not matter; two sockets of UDP would share the port.
  if (protocol == IPPROTO_TCP) enable(held.get(), SOL_SOCKET, SO_REUSEADDR);
  if (address.any.sa_family == AF_INET6) enable(held.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  // Set before anything can come, since the kernel looks then: which of our addresses it was sent to.
  if (protocol == IPPROTO_UDP && address.any.sa_family == AF_INET) enable(held.get(), IPPROTO_IP, IP_PKTINFO);
  if (protocol == IPPROTO_UDP && address.any.sa_family == AF_INET6) enable(held.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO);
  if (refusedMark != 0) refuseMarked(held.get(), refusedMark);
  check(bind(held.get(), &address.any, size), "bind");
  if (type == SOCK_STREAM) check(listen(held.get(), backlog), "listen");
  return held;
}

/** A kernel without SCTP says so by one of two numbers, as it has the family or not. */
int failureNumber(int number) { return number == ESOCKTNOSUPPORT ? EPROTONOSUPPORT : number; }

Napi::Value holdPort(const Napi::CallbackInfo& info) {
  Address address;
  const socklen_t size = toAddress(toView(info[1]), static_cast<uint16_t>(toUint(info[2])), address);
  const int protocol = toInt(info[0]);
  const uint32_t refusedMark = info[3].IsUndefined() ? 0 : toUint(info[3]);
  const auto take = [&] { return hold(protocol, address, size, refusedMark).release(); };
  try {
    Descriptor held(info[4].IsUndefined() ? take() : insideNetwork(toInt(info[4]), take));
    auto result = Napi::Object::New(info.Env());
    result.Set("port", Napi::Number::New(info.Env(), portOf(held.get())));
    result.Set("fd", Napi::Number::New(info.Env(), held.release()));
    return result;
  } catch (const Failure& failure) {
    throw Failure{failureNumber(failure.number), failure.syscall, failure.path};
  }
}

}  // namespace

void definePorts(Napi::Object exports) { define<holdPort>(exports, "holdPort"); }

}  // namespace inboard

#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "arguments.h"
#include "descriptor.h"
#include "modules.h"
#include "namespace.h"
#include "netlink-batch.h"
#include "task.h"

namespace inboard {
namespace {

constexpr int sendBufferBytes = 4 << 20;
constexpr int receiveBufferBytes = 8 << 20;
/** The kernel's largest part of a dump has 32 KiB. */
constexpr size_t datagramBytes = 64 << 10;
constexpr size_t answersAtMost = 64 << 20;

/** One exchange at a time for a socket, whatever thread or environment it comes from. Sockets may share a lock. */
std::mutex exchanging[64];

void setOption(int socket, int level, int option, int value, bool required = true) {
  if (setsockopt(socket, level, option, &value, sizeof value) < 0 && required) throw Failure{errno, "setsockopt", ""};
}

/** The forced sizes need CAP_NET_ADMIN over the socket's namespace, as most of what is asked of the socket does. */
void enlargeBuffers(int socket) {
  setOption(socket, SOL_SOCKET, SO_SNDBUF, sendBufferBytes);
  setOption(socket, SOL_SOCKET, SO_RCVBUF, receiveBufferBytes);
  setOption(socket, SOL_SOCKET, SO_SNDBUFFORCE, sendBufferBytes, false);
  setOption(socket, SOL_SOCKET, SO_RCVBUFFORCE, receiveBufferBytes, false);
}

int openSocket(int protocol) {
  Descriptor opened(check(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), "socket"));
  setOption(opened.get(), SOL_NETLINK, NETLINK_EXT_ACK, 1);
  setOption(opened.get(), SOL_NETLINK, NETLINK_CAP_ACK, 1);
  setOption(opened.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
  enlargeBuffers(opened.get());
  const sockaddr_nl any{AF_NETLINK, 0, 0, 0};
  check(bind(opened.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), "bind");
  return opened.release();
}

Napi::Value netlinkOpen(const Napi::CallbackInfo& info) {
  const int protocol = toInt(info[0]);
  const auto open = [protocol] { return openSocket(protocol); };
  return Napi::Number::New(info.Env(), info[1].IsUndefined() ? open() : insideNetwork(toInt(info[1]), open));
}

/** Reads and forgets what waits, and the overflow that the kernel has noted. */
void drain(int socket) {
  char nothing;
  for (;;) {
    if (recv(socket, &nothing, sizeof nothing, MSG_DONTWAIT | MSG_TRUNC) >= 0) continue;
    if (errno == EAGAIN) return;
    if (errno != EINTR && errno != ENOBUFS) throw Failure{errno, "recv", ""};
  }
}

Napi::Value netlinkDrain(const Napi::CallbackInfo& info) {
  const int socket = toInt(info[0]);
  const std::lock_guard<std::mutex> alone(exchanging[static_cast<unsigned>(socket) % std::size(exchanging)]);
  drain(socket);
  return info.Env().Undefined();
}

/**
 * The kernel works in the sender's own call: when it returns, all that is answered waits to be read, and each read of a
 * dump's part makes the next. So nothing is ever waited for, and what is still missing when nothing is left to be read
 * will not come.
 */
class NetlinkExchange : public Task {
 public:
  NetlinkExchange(int number, Bytes messages)
      : alone_(exchanging[static_cast<unsigned>(number) % std::size(exchanging)]),
        // The caller may close its descriptor, and the number be used again, before a pool thread is free.
        socket_(check(fcntl(number, F_DUPFD_CLOEXEC, 3), "fcntl")),
        messages_(messages.data, messages.data + messages.size) {}

 private:
  bool run() override {
    const Descriptor socket = std::move(socket_);
    const std::lock_guard<std::mutex> lock(alone_);
    drain(socket.get());
    try {
      for (NetlinkSegment& segment : netlinkSegments(messages_, protocolOf(socket.get())))
        exchange(socket.get(), segment);
    } catch (const Failure&) {
      drain(socket.get());
      throw;
    }
    return true;
  }

  Napi::Value value(Napi::Env env) override {
    return Napi::Buffer<uint8_t>::Copy(env, answers_.data(), answers_.size());
  }

  static int protocolOf(int socket) {
    int protocol = -1;
    socklen_t size = sizeof protocol;
    check(getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &size), "getsockopt");
    return protocol;
  }

  void exchange(int socket, NetlinkSegment& segment) {
    sendSegment(socket, segment);
    awaited_ = std::move(segment.awaited);
    std::sort(awaited_.begin(), awaited_.end());
    refused_ = false;
    while (receive(socket)) continue;
    // Of a batch that is refused as a whole only that is told.
    if (!awaited_.empty() && !refused_) throw Failure{EBADMSG, "netlink", ""};
  }

  void sendSegment(int socket, const NetlinkSegment& segment) {
    const sockaddr_nl kernel{AF_NETLINK, 0, 0, 0};
    ssize_t sent;
    do
      sent = sendto(socket, messages_.data() + segment.offset, segment.size, 0,
                    reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
    while (sent < 0 && errno == EINTR);
    check(sent, "send");
  }

  /** One datagram; false when there is none. */
  bool receive(int socket) {
    sockaddr_nl from{};
    iovec part{datagram_.get(), datagramBytes};
    msghdr header{};
    header.msg_name = &from;
    header.msg_namelen = sizeof from;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    const ssize_t length = recvmsg(socket, &header, MSG_DONTWAIT);
    if (length < 0 && errno == EAGAIN) return false;
    if (length < 0 && errno == EINTR) return true;
    check(length, "recv");
    if ((header.msg_flags & MSG_TRUNC) != 0) throw Failure{EMSGSIZE, "recv", ""};
    // Other processes may write to the socket, too.
    if (from.nl_pid == 0) take(static_cast<size_t>(length));
    return true;
  }

  void take(size_t length) {
    for (size_t at = 0; at < length;) {
      nlmsghdr* message = reinterpret_cast<nlmsghdr*>(datagram_.get() + at);
      if (length - at < sizeof *message || message->nlmsg_len < sizeof *message || message->nlmsg_len > length - at) {
        throw Failure{EBADMSG, "netlink", ""};
      }
      note(*message, length - at);
      at += NLMSG_ALIGN(message->nlmsg_len);
    }
    const size_t aligned = NLMSG_ALIGN(length);
    if (answers_.size() + aligned > answersAtMost) throw Failure{ENOBUFS, "netlink", ""};
    std::fill(datagram_.get() + length, datagram_.get() + aligned, uint8_t{0});
    answers_.insert(answers_.end(), datagram_.get(), datagram_.get() + aligned);
  }

  /** An error's body, and the end of a dump, begin with 0 or a negative errno. */
  void note(nlmsghdr& message, size_t left) {
    if (message.nlmsg_type != NLMSG_ERROR && message.nlmsg_type != NLMSG_DONE) return;
    if (left < NLMSG_LENGTH(sizeof(int)) || message.nlmsg_len < NLMSG_LENGTH(sizeof(int))) return;
    refused_ = refused_ || *static_cast<int*>(NLMSG_DATA(&message)) < 0;
    const auto range = std::equal_range(awaited_.begin(), awaited_.end(), message.nlmsg_seq);
    if (range.first != range.second) awaited_.erase(range.first);
  }

  std::mutex& alone_;
  Descriptor socket_;
  const std::vector<uint8_t> messages_;
  const std::unique_ptr<uint8_t[]> datagram_{new uint8_t[datagramBytes]};
  std::vector<uint8_t> answers_;
  std::vector<uint32_t> awaited_;
  bool refused_ = false;
};

Napi::Value netlinkExchange(const Napi::CallbackInfo& info) {
  const Bytes messages = toView(info[1]);
  try {
    return Task::start(info.Env(), new NetlinkExchange(toInt(info[0]), messages), "netlinkExchange");
  } catch (const Failure& failure) {
    return Task::rejected(info.Env(), failure);
  }
}

}  // namespace

void defineNetlink(Napi::Object exports) {
  define<netlinkOpen>(exports, "netlinkOpen");
  define<netlinkExchange>(exports, "netlinkExchange");
  define<netlinkDrain>(exports, "netlinkDrain");
}

}  // namespace inboard

#include "netlink-batch.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>

#include "failure.h"

namespace inboard {
namespace {

/** At 16 bytes the shortest, these are 4,096 messages, whose acknowledgements take 4 MiB of the kernel's memory. */
constexpr size_t togetherBytes = size_t{64} * 1024;

enum class Kind { ordinary, dump, batchBegin, batchEnd };

Kind kindOf(const nlmsghdr& message, int protocol) {
  if (protocol == NETLINK_NETFILTER && message.nlmsg_type == NFNL_MSG_BATCH_BEGIN) return Kind::batchBegin;
  if (protocol == NETLINK_NETFILTER && message.nlmsg_type == NFNL_MSG_BATCH_END) return Kind::batchEnd;
  return (message.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP ? Kind::dump : Kind::ordinary;
}

/** Copied, since JavaScript's bytes may start anywhere. */
nlmsghdr headerAt(const std::vector<uint8_t>& messages, size_t offset) {
  nlmsghdr header;
  const size_t left = messages.size() - offset;
  if (left < sizeof header) throw Failure{EBADMSG, "netlink", ""};
  std::memcpy(&header, messages.data() + offset, sizeof header);
  if (header.nlmsg_len < sizeof header || header.nlmsg_len > left) throw Failure{EBADMSG, "netlink", ""};
  return header;
}

}  // namespace

std::vector<NetlinkSegment> netlinkSegments(const std::vector<uint8_t>& messages, int protocol) {
  std::vector<NetlinkSegment> segments;
  bool inBatch = false;
  bool open = false;
  for (size_t offset = 0; offset < messages.size();) {
    const nlmsghdr header = headerAt(messages, offset);
    const size_t size = std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), messages.size() - offset);
    const Kind kind = kindOf(header, protocol);
    // The kernel wants to see a change as one, even where it were shorter in two.
    const bool joins = open && (inBatch || (kind == Kind::ordinary && segments.back().size + size <= togetherBytes));
    if (!joins) segments.push_back({offset, 0, {}});
    segments.back().size += size;
    const bool awaited = (header.nlmsg_flags & NLM_F_ACK) != 0 || (kind == Kind::dump && !inBatch);
    if (awaited) segments.back().awaited.push_back(header.nlmsg_seq);
    inBatch = kind != Kind::batchEnd && (inBatch || kind == Kind::batchBegin);
    open = kind == Kind::ordinary || inBatch;
    offset += size;
  }
  return segments;
}

}  // namespace inboard

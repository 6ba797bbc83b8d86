#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace inboard {

/** Messages that go to the kernel at once, and what it must have answered before those behind them follow. */
struct NetlinkSegment {
  size_t offset;
  size_t size;
  /** Sequence numbers of the messages that ask for an acknowledgement or a dump. */
  std::vector<uint32_t> awaited;
};

/**
 * Cuts a sequence of messages where the kernel wants it: what stands between NFNL_MSG_BATCH_BEGIN and END goes alone,
 * since the kernel forgets what follows a batch; a dump goes alone, since a socket has one at a time; others go
 * together as far as their acknowledgements fit the socket's buffer. Throws a Failure, EBADMSG, when the lengths do not
 * add up.
 */
std::vector<NetlinkSegment> netlinkSegments(const std::vector<uint8_t>& messages, int protocol);

}  // namespace inboard

/** Message and attribute numbers of <linux/netlink.h> and <linux/rtnetlink.h>. @see netlink(7), rtnetlink(7) */
const NLM_F_REQUEST = 1
const NLM_F_ACK = 4
const RTM_NEWLINK = 16
const IFF_UP = 1
const LOOPBACK_INDEX = 1

/** A struct nlmsghdr with its body, to be answered by an acknowledgement. */
function message(type: number, flags: number, sequence: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(16 + body.length)
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeUInt16LE(type, 4)
  bytes.writeUInt16LE(NLM_F_REQUEST | NLM_F_ACK | flags, 6)
  bytes.writeUInt32LE(sequence, 8)
  bytes.set(body, 16)
  return bytes
}

/** Raises the loopback interface of a new network namespace; the kernel gives it 127.0.0.1 and ::1 by itself. */
export function raiseLoopback(): Uint8Array {
  const info = Buffer.alloc(16) // struct ifinfomsg
  info.writeInt32LE(LOOPBACK_INDEX, 4)
  info.writeUInt32LE(IFF_UP, 8)
  info.writeUInt32LE(IFF_UP, 12)
  return message(RTM_NEWLINK, 0, 1, info)
}

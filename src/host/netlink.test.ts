import { closeSync, openSync, readFileSync, readlinkSync, writeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { OutsideHost } from '../../test/support/own-network.js'
import { type Answer, readAnswers, readText, refusals } from '../network/answers.js'
import { dumpRequest, encodeMessages, type Message, request } from '../network/messages.js'
import { addElements, createSet, createTable, deleteTable, queryTable, transaction } from '../network/nftables.js'
import { closing, failureOf, openDescriptors } from './fixture.js'
import { native } from './index.js'

const NETLINK_ROUTE = 0
const NETLINK_NETFILTER = 12
const RTM_NEWLINK = 16
const RTM_GETLINK = 18
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NFNL_MSG_BATCH_BEGIN = 16

const dumpLinks = dumpRequest(RTM_GETLINK, Buffer.alloc(16))

/** Asks for the link with an index. */
function queryLink(index: number): Message {
  const header = Buffer.alloc(16)
  header.writeInt32LE(index, 4)
  return request(RTM_GETLINK, 0, header)
}

const route = () => closing(native().netlinkOpen(NETLINK_ROUTE))
const netfilter = () => closing(native().netlinkOpen(NETLINK_NETFILTER))

async function exchange(socket: number, messages: readonly Message[], sequence = 1): Promise<Answer[]> {
  return readAnswers(await native().netlinkExchange(socket, encodeMessages(messages, sequence)))
}

/** Types with sequence numbers, in the kernel's order. */
const outline = (answers: readonly Answer[]) => answers.map(({ type, sequence }) => [type, sequence])

const linkName = ({ body }: Answer) => readText(body.subarray(20))

/** Bytes that wait to be read from a socket of this process, as the kernel counts them. */
function waiting(socket: number): number {
  const inode = /\d+/.exec(readlinkSync(`/proc/self/fd/${socket}`))?.[0]
  const line = readFileSync('/proc/self/net/netlink', 'utf8')
    .split('\n')
    .find((row) => row.trim().endsWith(` ${inode}`))
  return Number(line?.trim().split(/\s+/)[4])
}

describe('netlinkExchange', () => {
  it('answers a request by what it asks for and by its acknowledgement', async () => {
    const answers = await exchange(route(), [queryLink(1)], 7)
    expect(outline(answers)).toEqual([
      [RTM_NEWLINK, 7],
      [NLMSG_ERROR, 7],
    ])
    expect(refusals(answers)).toEqual([])
  })

  it('tells which request is refused, with the reason, and answers those around it', async () => {
    const answers = await exchange(route(), [queryLink(1), queryLink(4711), queryLink(1)])
    expect(refusals(answers)).toEqual([{ sequence: 2, errno: 'ENODEV' }])
    expect(answers.filter(({ type }) => type === RTM_NEWLINK).map(({ sequence }) => sequence)).toEqual([1, 3])
  })

  it('answers several dumps, of which a socket has one at a time, each to its end', async () => {
    const answers = await exchange(route(), [dumpLinks, dumpLinks, queryLink(1), dumpLinks])
    expect(answers.filter(({ type }) => type === NLMSG_DONE).map(({ sequence }) => sequence)).toEqual([1, 2, 4])
    expect(refusals(answers)).toEqual([])
  })

  it('answers as many requests as there are', async () => {
    const answers = await exchange(
      route(),
      Array.from({ length: 20_000 }, () => queryLink(4711)),
    )
    expect(refusals(answers).map(({ sequence }) => sequence)).toEqual(Array.from({ length: 20_000 }, (_, at) => at + 1))
  })

  it('gives each of many exchanges at once its own answers', async () => {
    const socket = route()
    const all = Array.from({ length: 50 }, (_, at) => exchange(socket, [queryLink(1), dumpLinks], at * 2 + 1))
    const answers = await Promise.all(all)
    const sequences = answers.map((some) => [...new Set(some.map(({ sequence }) => sequence))])
    expect(sequences).toEqual(Array.from({ length: 50 }, (_, at) => [at * 2 + 1, at * 2 + 2]))
  })

  it('ends well although its descriptor is closed meanwhile', async () => {
    const before = openDescriptors()
    const socket = native().netlinkOpen(NETLINK_ROUTE)
    const exchanged = exchange(socket, [queryLink(1)])
    closeSync(socket)
    expect(outline(await exchanged)).toHaveLength(2)
    expect(openDescriptors()).toBe(before)
  })

  it('sends nothing of what is no sequence of messages', async () => {
    const socket = netfilter()
    const whole = encodeMessages(transaction([createTable('cut')]))
    await expect(native().netlinkExchange(socket, Buffer.concat([whole, Buffer.alloc(3)]))).rejects.toMatchObject({
      code: 'EBADMSG',
      syscall: 'netlink',
    })
    expect(refusals(await exchange(socket, [queryTable('cut')]))).toMatchObject([{ errno: 'ENOENT' }])
  })

  it('refuses a descriptor that is none of netlink, and one that is closed', async () => {
    const zero = closing(openSync('/dev/zero', 'r'))
    await expect(exchange(zero, [queryLink(1)])).rejects.toMatchObject({ code: 'ENOTSOCK' })
    await expect(exchange(999_999, [queryLink(1)])).rejects.toMatchObject({ code: 'EBADF' })
  })
})

describe('netlinkExchange of a transaction', () => {
  it('acknowledges each message of it', async () => {
    const answers = await exchange(netfilter(), transaction([createTable('one'), createTable('two')]))
    expect(outline(answers)).toEqual([
      [NLMSG_ERROR, 2],
      [NLMSG_ERROR, 3],
    ])
    expect(refusals(answers)).toEqual([])
  })

  it('executes several, and what stands between them', async () => {
    const messages = [
      ...transaction([createTable('a')]),
      queryTable('a'),
      ...transaction([deleteTable('a')]),
      queryTable('a'),
    ]
    const answers = await exchange(netfilter(), messages)
    expect(refusals(answers)).toEqual([{ sequence: 8, errno: 'ENOENT' }])
  })

  it('tells each message that is refused, and that nothing has happened', async () => {
    const socket = netfilter()
    const messages = [createTable('half'), deleteTable('no'), createTable('other'), deleteTable('neither')]
    const refused = refusals(await exchange(socket, transaction(messages)))
    expect(refused.map(({ sequence, errno }) => [sequence, errno])).toEqual([
      [3, 'ENOENT'],
      [5, 'ENOENT'],
    ])
    expect(refusals(await exchange(socket, [queryTable('half')]))).toMatchObject([{ errno: 'ENOENT' }])
  })

  it('ends when the kernel refuses it as a whole, which it tells once', async () => {
    const unknown = Buffer.from([0, 0, 0, 99])
    const [begin, ...rest] = transaction([createTable('one'), createTable('two')])
    const messages = [{ type: NFNL_MSG_BATCH_BEGIN, flags: begin?.flags ?? 0, body: unknown }, ...rest]
    expect(refusals(await exchange(netfilter(), messages))).toMatchObject([{ sequence: 1, errno: 'EINVAL' }])
  })

  it('fails when the kernel drops it without a word', async () => {
    const [begin, ...rest] = transaction([createTable('one')])
    const messages = [begin, begin, ...rest].filter((message) => message !== undefined)
    await expect(exchange(netfilter(), messages)).rejects.toMatchObject({ code: 'EBADMSG' })
  })

  it('fails with ENOBUFS when its acknowledgements are more than the kernel keeps, and the socket goes on', async () => {
    const socket = netfilter()
    const many = Array.from({ length: 60_000 }, () => createTable('much'))
    await expect(exchange(socket, transaction(many))).rejects.toMatchObject({ code: 'ENOBUFS' })
    expect(waiting(socket)).toBe(0)
    expect(refusals(await exchange(socket, [queryTable('much')]))).toEqual([])
  })

  it('takes ten thousand elements at once', async () => {
    const socket = netfilter()
    const elements = Array.from({ length: 10_000 }, (_, at) => ({ key: Buffer.from([10, 0, at >> 8, at & 255]) }))
    const messages = [
      createTable('large'),
      createSet('large', { name: 'all', key: ['ipv4_addr'] }, 1),
      ...addElements('large', 'all', elements),
    ]
    expect(refusals(await exchange(socket, transaction(messages)))).toEqual([])
    const again = addElements('large', 'all', elements.slice(-1))
    expect(refusals(await exchange(socket, transaction(again)))).toMatchObject([{ errno: 'EEXIST' }])
  })
})

describe('netlinkOpen', () => {
  it('opens a socket of another network namespace, and stays in its own', async () => {
    await using outside = await OutsideHost.connect()
    const socket = closing(native().netlinkOpen(NETLINK_ROUTE, closing(openSync(outside.namespace, 'r'))))
    const links = (await exchange(socket, [dumpLinks])).filter(({ type }) => type === RTM_NEWLINK)
    expect(links.map(linkName)).toEqual(['lo', 'eth0'])
    const here = (await exchange(route(), [dumpLinks])).filter(({ type }) => type === RTM_NEWLINK)
    expect(here.map(linkName)).toEqual(['lo', outside.link])
  })

  it('refuses what is no network namespace', () => {
    const zero = closing(openSync('/dev/zero', 'r'))
    const mounts = closing(openSync('/proc/self/ns/mnt', 'r'))
    expect(failureOf(() => native().netlinkOpen(NETLINK_ROUTE, zero))).toMatchObject({
      code: 'EINVAL',
      syscall: 'setns',
    })
    expect(failureOf(() => native().netlinkOpen(NETLINK_ROUTE, mounts))).toMatchObject({
      code: 'EINVAL',
      syscall: 'setns',
    })
  })

  it('refuses a protocol that there is not', () => {
    const failure = failureOf(() => native().netlinkOpen(77))
    expect(failure).toMatchObject({ code: 'EPROTONOSUPPORT', syscall: 'socket' })
  })
})

describe('netlinkDrain', () => {
  it('forgets what waits to be read', () => {
    const socket = route()
    writeSync(socket, encodeMessages([queryLink(1), queryLink(1)]))
    expect(waiting(socket)).toBeGreaterThan(0)
    native().netlinkDrain(socket)
    expect(waiting(socket)).toBe(0)
  })

  it('has nothing to do where nothing waits', () => {
    const socket = route()
    native().netlinkDrain(socket)
    expect(waiting(socket)).toBe(0)
  })
})

import { execFileSync } from 'node:child_process'
import { closeSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { native } from '../../src/host/index.js'
import { opcodes, PlanWriter, sections } from '../../src/launch/protocol.gen.js'
import { encodeMessages } from '../../src/network/messages.js'
import { createTable, deleteTable, queryTable, transaction } from '../../src/network/nftables.js'
import { type Filling, writeBatch } from './container-plan.js'
import { Bench, buildTestPrograms, plainSupervisor, sanitizedSupervisor, supervise } from './driver.js'
import { configureEth0, connectToBridge, pairOnBridge } from './pair.js'
import { run, start } from './start.js'

const ENOENT = 2
const EBADF = 9
const EEXIST = 17
const ENODEV = 19
const EBADMSG = 74
const EADDRINUSE = 98
const ENOTCONN = 107
const NETLINK_NETFILTER = 12
const IPPROTO_TCP = 6

let bench: Bench

beforeAll(() => {
  buildTestPrograms()
  bench = new Bench()
})
afterAll(() => bench.dispose())
beforeEach(() => {
  ip('link', 'add', 'bridge0', 'type', 'bridge')
  return () => ip('link', 'delete', 'bridge0')
})

const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' })
const nft = (...args: string[]) => execFileSync('nft', args, { encoding: 'utf8' })

const pair = pairOnBridge()
const configuration = configureEth0()

const firewall = (...messages: Parameters<typeof transaction>[0]) => encodeMessages(transaction(messages))
const addTable = firewall(createTable('inboard-test'))
const removeTable = firewall(deleteTable('inboard-test'))

/** A port of the loopback that is held, as the engine holds those that it publishes. */
function hold(port = 0) {
  return native().holdPort(IPPROTO_TCP, Uint8Array.of(127, 0, 0, 1), port)
}

const publish = (port: number) => (plan: PlanWriter) =>
  plan.port({ slot: 0, protocol: IPPROTO_TCP, address: Uint8Array.of(10, 9, 8, 7), port })

/** Whether a port of the loopback can be bound. */
async function bind(port: number): Promise<number> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(-(error.errno ?? 0)))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(0)))
  })
}

/** Sends a batch by descriptor 3, and reads no answer. */
const sendOnly = `
import socket, sys
socket.socket(fileno=3).send(bytes.fromhex(sys.argv[1]))
print('sent')
`

describe.each([
  ['release', plainSupervisor],
  ['sanitized', sanitizedSupervisor],
])('the %s supervisor', (_build, executable) => {
  it('makes a pair between a bridge of the host and a container, which finds it configured', async () => {
    const show = 'busybox ip -o -4 address show dev eth0; busybox ip route; ls /sys/class/net'
    const { status } = await run(bench, executable, { argv: ['sh', '-c', show], beside: connectToBridge })
    expect(status.output()).toMatch(
      /^\d+: eth0 +inet 10\.9\.8\.7\/24 brd 10\.9\.8\.255 .*\ndefault via 10\.9\.8\.1 dev eth0 *\n10\.9\.8\.0\/24 dev eth0 .*\neth0\nlo\n$/s,
    )
  })

  it('puts the end of the host on the bridge', async () => {
    const container = start(bench, executable, {
      argv: ['cat'],
      stdio: { kind: 'pipes', flags: ['attached', 'stdin', 'stdinOnce'] },
      beside: connectToBridge,
    })
    await container.status.next('started')
    // The kernel notes in its own time that a cable has both its ends.
    await expect.poll(() => ip('-o', 'link', 'show', 'master', 'bridge0')).toMatch(/: veth\d+@.*,UP.* state UP /)
    container.status.send({ type: 'stdinEnd' })
    await container.ended
  })

  it('tells of the link that is not there', async () => {
    const { status } = await run(bench, executable, {
      argv: ['true'],
      beside: (plan) => writeBatch(plan, 'host', pair.messages, { ...pair.filling, link: 'nowhere' }),
    })
    expect(await status.next('failed')).toMatchObject({ opcode: opcodes.netlink, errno: ENODEV, text: 'nowhere' })
  })

  it('tells the errno of the first message of a batch that the kernel refuses', async () => {
    const { status } = await run(bench, executable, {
      argv: ['true'],
      beside: (plan) => {
        connectToBridge(plan)
        writeBatch(plan, 'container', configuration.messages, configuration.filling)
      },
    })
    const { errno, opcode, section } = await status.next('failed')
    expect({ errno, opcode, section }).toEqual({ errno: EEXIST, opcode: opcodes.netlink, section: sections.beside })
  })

  it.each<[string, Uint8Array, Filling]>([
    ['a number beyond the end', pair.messages, { ...pair.filling, linkAt: [pair.messages.length - 3] }],
    ['a number far beyond the end', pair.messages, { ...pair.filling, linkAt: [0xffff_fffc] }],
    ['a number between words', pair.messages, { ...pair.filling, linkAt: [18] }],
    ['a namespace beyond the end', pair.messages, { ...pair.filling, namespaceAt: pair.messages.length }],
    ['bytes that are no messages', Buffer.alloc(8, 1), {}],
    ['a message longer than the batch', pair.messages.subarray(0, -4), pair.filling],
  ])('refuses a batch with %s, and goes on with none of it', async (_what, messages, filling) => {
    const { status } = await run(bench, executable, {
      argv: ['true'],
      beside: (plan) => writeBatch(plan, 'host', messages, filling),
    })
    expect(await status.next('failed')).toMatchObject({ opcode: opcodes.netlink, errno: EBADMSG })
    expect(ip('-o', 'link', 'show', 'master', 'bridge0')).toBe('')
  })

  it('changes the firewall by a socket that it was lent, and changes it back before it tells of the end', async () => {
    const lent = native().netlinkOpen(NETLINK_NETFILTER)
    const container = start(
      bench,
      executable,
      {
        argv: ['cat'],
        stdio: { kind: 'pipes', flags: ['attached', 'stdin', 'stdinOnce'] },
        beside: (plan) => writeBatch(plan, 'slot', addTable, { slot: 0 }),
        ending: (plan) => writeBatch(plan, 'slot', removeTable, { slot: 0 }),
      },
      [lent],
    )
    await container.status.next('started')
    const during = nft('list', 'tables')
    container.status.send({ type: 'stdinEnd' })
    await container.status.next('exited')
    const after = nft('list', 'tables')
    await container.ended
    closeSync(lent)
    expect([during, after]).toEqual(['table inet inboard-test\n', ''])
    expect(await container.status.next('torndown')).toMatchObject({ failures: 0 })
  })

  it('refuses a batch of the firewall as the kernel does, and leaves nothing of it in the socket', async () => {
    const lent = native().netlinkOpen(NETLINK_NETFILTER)
    const batch = firewall(createTable('inboard-test'), deleteTable('nowhere'), deleteTable('nowhere'))
    const { status } = await run(
      bench,
      executable,
      { argv: ['true'], beside: (plan) => writeBatch(plan, 'slot', batch, { slot: 0 }) },
      [lent],
    )
    const answer = Buffer.from(await native().netlinkExchange(lent, encodeMessages([queryTable('nowhere')], 77)))
    closeSync(lent)
    expect(await status.next('failed')).toMatchObject({ opcode: opcodes.netlink, errno: ENOENT })
    expect(answer.readUInt32LE(8)).toBe(77)
    expect(nft('list', 'tables')).toBe('')
  })

  it('does not take what was left in a lent socket for its own answers', async () => {
    const lent = native().netlinkOpen(NETLINK_NETFILTER)
    const stale = execFileSync('python3', ['-c', sendOnly, `${Buffer.from(removeTable).toString('hex')}`], {
      stdio: ['ignore', 'pipe', 'inherit', lent],
      encoding: 'utf8',
    })
    const { status } = await run(
      bench,
      executable,
      {
        argv: ['true'],
        beside: (plan) => writeBatch(plan, 'slot', addTable, { slot: 0 }),
        ending: (plan) => writeBatch(plan, 'slot', removeTable, { slot: 0 }),
      },
      [lent],
    )
    closeSync(lent)
    expect(stale).toBe('sent\n')
    expect(status.frames.map(({ type }) => type)).toEqual(['started', 'exited', 'torndown'])
  })

  it('undoes what is gone already, and counts what it cannot undo', async () => {
    const { status } = await run(bench, executable, {
      argv: ['true'],
      ending: (plan) => {
        writeBatch(plan, 'host', pair.messages, { ...pair.filling, link: 'nowhere' })
        writeBatch(plan, 'slot', removeTable, { slot: 9 })
        plan.networkEnd()
        writeBatch(plan, 'container', configuration.messages, configuration.filling)
      },
    })
    expect(await status.next('torndown')).toMatchObject({ failures: 1, errno: ENOTCONN })
    expect(status.frames.map(({ type }) => type)).toEqual(['started', 'exited', 'torndown'])
  })

  it('holds a published port from the start until before it tells of the end', async () => {
    const held = hold()
    const container = start(
      bench,
      executable,
      {
        argv: ['cat'],
        stdio: { kind: 'pipes', flags: ['attached', 'stdin', 'stdinOnce'] },
        beside: publish(80),
        ending: (plan) => plan.networkEnd(),
      },
      [held.fd],
    )
    closeSync(held.fd)
    await container.status.next('started')
    const during = await bind(held.port)
    container.status.send({ type: 'stdinEnd' })
    await container.status.next('exited')
    const after = await bind(held.port)
    await container.ended
    expect([during, after]).toEqual([EADDRINUSE, 0])
  })

  it('frees a published port before it tells that the container could not be started', async () => {
    const held = hold()
    const container = start(
      bench,
      executable,
      { argv: ['nope'], beside: publish(80), ending: (plan) => plan.networkEnd() },
      [held.fd],
    )
    closeSync(held.fd)
    await container.status.next('failed')
    const after = await bind(held.port)
    await container.ended
    expect(after).toBe(0)
  })

  it('frees a port whose step it did not come to', async () => {
    const held = hold()
    const container = start(
      bench,
      executable,
      {
        argv: ['true'],
        beside: (plan) => writeBatch(plan, 'host', pair.messages, { ...pair.filling, link: 'nowhere' }),
      },
      [held.fd],
    )
    closeSync(held.fd)
    await container.status.next('failed')
    const after = await bind(held.port)
    await container.ended
    expect(after).toBe(0)
  })

  it('takes each slot for one port', async () => {
    const held = hold()
    const { status } = await run(
      bench,
      executable,
      { argv: ['true'], beside: (plan) => [80, 81].map((port) => publish(port)(plan)) },
      [held.fd],
    )
    closeSync(held.fd)
    expect(await status.next('failed')).toMatchObject({ opcode: opcodes.port, errno: EBADF })
  })

  it('gives the program none of the descriptors that it holds for it', async () => {
    const held = hold()
    const lent = native().netlinkOpen(NETLINK_NETFILTER)
    const { status } = await run(
      bench,
      executable,
      {
        argv: ['ls', '-l', '/proc/self/fd'],
        beside: (plan) => {
          publish(80)(plan)
          writeBatch(plan, 'slot', addTable, { slot: 1 })
        },
        ending: (plan) => writeBatch(plan, 'slot', removeTable, { slot: 1 }),
      },
      [held.fd, lent],
    )
    closeSync(held.fd)
    closeSync(lent)
    expect(status.output()).not.toMatch(/socket:|net:/)
  })

  it('executes the ending of a task as well', async () => {
    nft('add', 'table', 'inet', 'inboard-test')
    const lent = native().netlinkOpen(NETLINK_NETFILTER)
    const plan = new PlanWriter()
    plan.section('ending')
    writeBatch(plan, 'slot', removeTable, { slot: 0 })
    plan.networkEnd()
    plan.section('teardown')
    writeBatch(plan, 'slot', removeTable, { slot: 0 })
    const { status, ended } = supervise(executable, plan.finish({ mode: 'task' }), bench.directory, [lent])
    await ended
    closeSync(lent)
    expect(status.frames).toMatchObject([{ type: 'completed' }, { type: 'torndown', failures: 0 }])
    expect(nft('list', 'tables')).toBe('')
  })
})

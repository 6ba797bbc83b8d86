import { execFile, execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { helperFilter } from '../../src/engine/helper-filters.js'
import { gatherHostFacts } from '../../src/engine/host-facts.js'
import { native } from '../../src/host/index.js'
import { opcodes, type PlanWriter } from '../../src/launch/protocol.gen.js'
import { encodeMessages } from '../../src/network/messages.js'
import { deleteTable, transaction } from '../../src/network/nftables.js'
import { type ResolverRules, resolverRules } from '../../src/network/resolver-rules.js'
import type { ContainerPlan } from './container-plan.js'
import { Bench, buildTestPrograms, plainSupervisor, sanitizedSupervisor } from './driver.js'
import { connectToBridge } from './pair.js'
import { writeResolver } from './resolver-operation.js'
import { childrenOf, nameOf, openFiles, start } from './start.js'

const EEXIST = 17
const ENODEV = 19
const EBADMSG = 74
const EMSGSIZE = 90
const EADDRINUSE = 98
const IPPROTO_TCP = 6
/** Filters of one instruction, BPF_RET: SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS. */
const allowAll = Buffer.from('060000000000ff7f', 'hex')
const killAll = Buffer.from('0600000000000080', 'hex')
const container = 'c'.repeat(64)

let bench: Bench
let directory: string

beforeAll(() => {
  buildTestPrograms()
  bench = new Bench()
})
afterAll(() => bench.dispose())
beforeEach(() => {
  directory = mkdtempSync('/tmp/inboard-helpers-')
  chmodSync(directory, 0o755)
  writeFileSync(join(directory, 'front'), `network front\n${container} 10.0.0.2 - one\n`)
  writeFileSync(join(directory, container), 'network front\ninternal\n')
  return () => rmSync(directory, { recursive: true })
})

/** A container that lives until it is told to end, by its input. */
function live(executable: string, options: Partial<ContainerPlan>, slots: readonly number[] = []) {
  const stdio = { kind: 'pipes', flags: ['attached', 'stdin', 'stdinOnce'] } as const
  const ending = (plan: PlanWriter) => plan.networkEnd()
  return start(bench, executable, { argv: ['cat'], stdio, ending, ...options }, slots)
}

/** What a kernel answers that lacks a part of them: ENOENT. */
const unknownRules = { messages: encodeMessages(transaction([deleteTable('missing')])), udpAt: [], tcpAt: [] }

const resolver =
  (open: number, filter: Uint8Array = allowAll, rules: ResolverRules = resolverRules()) =>
  (plan: PlanWriter) =>
    writeResolver(plan, { directory, view: container, filter, rules, open })

async function withResolver(executable: string, filter: Uint8Array = allowAll) {
  const supervised = live(executable, { beside: resolver(1, filter) })
  const { pid } = await supervised.status.next('started')
  return { ...supervised, pid }
}

async function end({ status, ended }: ReturnType<typeof start>) {
  status.send({ type: 'stdinEnd' })
  await ended
}

const question = `
import socket, struct, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(float(sys.argv[1]))
client.connect(('127.0.0.11', 53))
try:
    client.send(struct.pack('>6H', 7, 256, 1, 0, 0, 0) + b'\\x03one\\x00' + struct.pack('>2H', 1, 1))
    print(socket.inet_ntoa(client.recv(512)[-4:]), end='')
except OSError as error:
    print(type(error).__name__, end='')
`

/** Asks 127.0.0.11 of the namespace of a process for the address of \`one\`. */
async function ask(pid: number, patienceSeconds = 20): Promise<string> {
  const inside = [`--net=/proc/${pid}/ns/net`, 'python3', '-c', question, `${patienceSeconds}`]
  return (await promisify(execFile)('nsenter', inside)).stdout
}

/** In the namespace of a process, as its root who may configure it. */
async function inside(pid: number, ...command: string[]): Promise<string> {
  return (await promisify(execFile)('nsenter', [`--net=/proc/${pid}/ns/net`, ...command])).stdout
}

/**
 * Asks 127.0.0.11 while it is a name server itself: by a datagram of a socket that would hear anyone, by a connection, and
 * by a datagram of its own port. Prints who answered what.
 */
const askFromServer = `
import socket, struct
servers = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
for server in servers: server.bind(('0.0.0.0', 53))
servers[1].listen()
resolver = ('127.0.0.11', 53)
query = struct.pack('>6H', 7, 256, 1, 0, 0, 0) + b'\\x03one\\x00' + struct.pack('>2H', 1, 1)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for asking in (client, servers[0]):
    asking.settimeout(20)
    asking.sendto(query, resolver)
    answer, sender = asking.recvfrom(512)
    print(*sender, socket.inet_ntoa(answer[-4:]))
connection = socket.create_connection(resolver, 20)
connection.send(struct.pack('>H', len(query)) + query)
print(*connection.getpeername(), socket.inet_ntoa(connection.recv(514)[-4:]))
client.sendto(b'mine', ('127.0.0.1', 53))
print(servers[0].recv(512).decode())
`

/** Tracks connections, lets nothing in that did not ask, translates addresses, and leads names elsewhere. */
const ownFirewall = `
iptables -P INPUT DROP
iptables -A INPUT -i lo -d 127.0.0.11 -j ACCEPT
iptables -A INPUT -i lo -p udp -d 127.0.0.1 --dport 53 -j ACCEPT
iptables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
iptables -t nat -A POSTROUTING -o lo -d 127.0.0.11 -j SNAT --to 127.0.0.5
iptables -t nat -A OUTPUT -d 127.0.0.11 -p udp --dport 53 -j REDIRECT --to 5353
`

/** Tries to have the resolver's ports as well. */
const bindToo = `
import errno, socket
for table, kind in (('udp', socket.SOCK_DGRAM), ('tcp', socket.SOCK_STREAM)):
    lines = [line.split() for line in open('/proc/net/' + table)]
    port, = {int(line[1][9:], 16) for line in lines if line[1].startswith('0B00007F:') and line[2].endswith(':0000')}
    for address in ('127.0.0.11', '0.0.0.0'):
        thief = socket.socket(socket.AF_INET, kind)
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT): thief.setsockopt(socket.SOL_SOCKET, option, 1)
        try: thief.bind((address, port))
        except OSError as error: print(errno.errorcode[error.errno])
`

/** Whether sockets are bound to 127.0.0.11:53: one for datagrams, one for connections. */
function atDomainPort(pid: number): boolean[] {
  return ['udp', 'tcp'].map((table) => readFileSync(`/proc/${pid}/net/${table}`, 'utf8').includes(': 0B00007F:0035 '))
}

const helper = (supervisor: number | undefined, name: string) =>
  childrenOf(supervisor).find((pid) => nameOf(pid) === name)

function statusOf(pid: number | undefined): Record<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').trimEnd().split('\n')
  return Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2) as [string, string]))
}

const powerless = {
  Uid: '65534\t65534\t65534\t65534',
  Gid: '65534\t65534\t65534\t65534',
  Groups: '',
  CapInh: '0000000000000000',
  CapPrm: '0000000000000000',
  CapEff: '0000000000000000',
  CapBnd: '0000000000000000',
  CapAmb: '0000000000000000',
  NoNewPrivs: '1',
  Seccomp: '2',
}

/** Who adopts an orphan may take a while to reap it. */
const alive = (pid: number | undefined) => existsSync(`/proc/${pid}`) && !/^[ZX]/.test(statusOf(pid).State ?? '')

const limitsOf = (pid: number | undefined) => readFileSync(`/proc/${pid}/limits`, 'utf8')

/** Which of some words are in the memory of a process. */
const scan = `
import re, sys
memory = open('/proc/%s/mem' % sys.argv[1], 'rb')
words = [word.encode() for word in sys.argv[2:]]
found = set()
for line in open('/proc/%s/maps' % sys.argv[1]):
    start, end, mode, path = re.match('([0-9a-f]+)-([0-9a-f]+) (\\\\S+) \\\\S+ \\\\S+ \\\\S+ *(.*)', line).groups()
    if mode[0] != 'r' or path in ('[vvar]', '[vvar_vclock]', '[vsyscall]'): continue
    length = int(end, 16) - int(start, 16)
    if length > 1 << 28: continue
    memory.seek(int(start, 16))
    data = memory.read(length)
    found |= {word for word in words if word in data}
print(' '.join(sorted(word.decode() for word in found)), end='')
`

/** A container with an address that the host reaches, and a published port of it. */
function published(executable: string, argv: readonly string[], filter: Uint8Array = allowAll) {
  const held = native().holdPort(IPPROTO_TCP, Uint8Array.of(127, 0, 0, 1), 0)
  const supervised = live(
    executable,
    {
      argv,
      beside: (plan) => {
        connectToBridge(plan)
        plan.relay({ filter })
        plan.port({ slot: 0, protocol: IPPROTO_TCP, address: Uint8Array.of(10, 9, 8, 7), port: 80 })
      },
    },
    [held.fd],
  )
  closeSync(held.fd)
  return { ...supervised, port: held.port }
}

const serve = ['sh', '-c', 'busybox nc -ll -p 80 -e echo served & echo; cat; kill $!']

function makeBridge() {
  for (const line of ['link add bridge0 type bridge', 'address add 10.9.8.1/24 dev bridge0', 'link set bridge0 up'])
    execFileSync('ip', line.split(' '))
  return () => {
    execFileSync('ip', ['link', 'delete', 'bridge0'])
  }
}

async function readFrom(port: number): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of connect(port, '127.0.0.1')) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

describe.each([
  ['release', plainSupervisor],
  ['sanitized', sanitizedSupervisor],
])('the %s supervisor', (_build, executable) => {
  it('forks the resolver when the first query comes', async () => {
    const running = await withResolver(executable)
    const before = childrenOf(running.process.pid)
    const answer = await ask(running.pid)
    const after = childrenOf(running.process.pid).map(nameOf)
    await end(running)
    expect(before).toEqual([running.pid])
    expect(answer).toBe('10.0.0.2')
    expect(after).toEqual(['cat', 'inboard-dns'])
  })

  it('lets the resolver see the namespace of the container and its directory, and do nothing else', async () => {
    const running = await withResolver(executable)
    await ask(running.pid)
    const pid = helper(running.process.pid, 'inboard-dns')
    const seen = [readlinkSync(`/proc/${pid}/root`), readlinkSync(`/proc/${pid}/ns/net`)]
    const container = readlinkSync(`/proc/${running.pid}/ns/net`)
    const [status, limits, shared] = [statusOf(pid), limitsOf(pid), sharedDescriptors(running.process.pid, pid)]
    await end(running)
    expect(status).toMatchObject(powerless)
    expect(seen).toEqual([directory, container])
    expect(limits).toMatch(/Max file size +0 +0 .*Max core file size +0 +0 .*Max processes +0 +0 /s)
    expect(shared).toEqual(['socket', 'socket'])
  })

  it('has the resolver forget what the program was given and has printed', async () => {
    const running = live(executable, {
      argv: ['sh', '-c', 'echo word-printed; cat'],
      env: ['PATH=/bin', 'SECRET=word-given'],
      beside: resolver(1),
    })
    const { pid } = await running.status.next('started')
    await running.status.printed('word-printed')
    await ask(pid)
    const words = ['word-printed', 'word-given', 'network front']
    const found = (process: number | undefined) =>
      execFileSync('python3', ['-c', scan, `${process}`, ...words], { encoding: 'utf8' })
    const [mine, its] = [found(running.process.pid), found(helper(running.process.pid, 'inboard-dns'))]
    await end(running)
    expect(mine).toBe('word-given word-printed')
    expect(its).not.toContain('word')
  })

  it('forks the resolver again when it was killed', async () => {
    const running = await withResolver(executable)
    await ask(running.pid)
    const killed = helper(running.process.pid, 'inboard-dns') as number
    process.kill(killed, 'SIGKILL')
    await expect.poll(() => existsSync(`/proc/${killed}`)).toBe(false)
    const answer = await ask(running.pid)
    const again = helper(running.process.pid, 'inboard-dns')
    await end(running)
    expect(answer).toBe('10.0.0.2')
    expect(again).not.toBe(killed)
  })

  it('is not kept busy by a resolver that dies at once', async () => {
    const running = await withResolver(executable, killAll)
    const answer = await ask(running.pid, 1.5)
    const ticks = readFileSync(`/proc/${running.process.pid}/stat`, 'utf8').split(') ')[1]?.split(' ').slice(11, 15)
    await end(running)
    expect(answer).toBe('TimeoutError')
    expect(ticks?.map(Number).reduce((sum, each) => sum + each)).toBeLessThan(60)
    expect(await running.status.next('exited')).toMatchObject({ status: 0 })
  })

  it('takes the resolver with it when it is killed', async () => {
    const running = await withResolver(executable)
    await ask(running.pid)
    const pid = helper(running.process.pid, 'inboard-dns')
    running.process.kill('SIGKILL')
    await expect.poll(() => alive(pid)).toBe(false)
    await running.ended
  })

  it('has ended the resolver before it tells of the end', async () => {
    const running = await withResolver(executable)
    await ask(running.pid)
    const pid = helper(running.process.pid, 'inboard-dns')
    running.status.send({ type: 'stdinEnd' })
    await running.status.next('exited')
    const left = existsSync(`/proc/${pid}`)
    await running.ended
    expect(pid).toBeGreaterThan(0)
    expect(left).toBe(false)
  })

  it('answers queries from when it is asked to', async () => {
    const running = live(executable, { beside: resolver(0) })
    const { pid } = await running.status.next('started')
    const before = await ask(pid)
    running.status.send({ type: 'resolve' })
    const answer = await running.status.next('resolving')
    running.status.send({ type: 'resolve' })
    const after = await ask(pid)
    await end(running)
    expect([before, after]).toEqual(['ConnectionRefusedError', '10.0.0.2'])
    expect(answer).toMatchObject({ errno: 0 })
    expect(running.status.frames.filter(({ type }) => type === 'resolving')).toHaveLength(2)
  })

  it('says that no resolver was planned', async () => {
    const running = live(executable, {})
    await running.status.next('started')
    running.status.send({ type: 'resolve' })
    const answer = await running.status.next('resolving')
    await end(running)
    expect(answer).toMatchObject({ errno: ENODEV })
  })

  it('leaves port 53 of all addresses to the container, and answers as 127.0.0.11:53', async () => {
    const running = await withResolver(executable)
    const answers = await inside(running.pid, 'python3', '-c', askFromServer)
    const bound = atDomainPort(running.pid)
    await end(running)
    expect(answers).toBe(`${'127.0.0.11 53 10.0.0.2\n'.repeat(3)}mine\n`)
    expect(bound).toEqual([false, false])
  })

  it('answers from when it is asked to, also beside a name server of the container', async () => {
    const running = live(executable, {
      argv: ['sh', '-c', 'busybox nc -l -p 53 & echo; cat; kill $!'],
      beside: resolver(0),
    })
    const { pid } = await running.status.next('started')
    await expect.poll(() => readFileSync(`/proc/${pid}/net/tcp6`, 'utf8')).toContain(':0035 ')
    running.status.send({ type: 'resolve' })
    const said = await running.status.next('resolving')
    const answer = await ask(pid)
    await end(running)
    expect(said).toMatchObject({ errno: 0 })
    expect(answer).toBe('10.0.0.2')
  })

  it('lets nobody else have the ports of its resolver', async () => {
    const running = await withResolver(executable)
    const tries = await inside(running.pid, 'python3', '-c', bindToo)
    const answer = await ask(running.pid)
    await end(running)
    expect(tries).toBe('EADDRINUSE\n'.repeat(4))
    expect(answer).toBe('10.0.0.2')
  })

  it('answers whatever firewall the container has made itself', async () => {
    const running = live(executable, { beside: resolver(0) })
    const { pid } = await running.status.next('started')
    await inside(pid, 'sh', '-ec', ownFirewall)
    running.status.send({ type: 'resolve' })
    const said = await running.status.next('resolving')
    const answers = await inside(pid, 'python3', '-c', askFromServer)
    await end(running)
    expect(said).toMatchObject({ errno: 0 })
    expect(answers).toBe(`${'127.0.0.11 53 10.0.0.2\n'.repeat(3)}mine\n`)
  })

  it('says that the container has a table where its rules would be', async () => {
    const running = live(executable, { beside: resolver(0) })
    const { pid } = await running.status.next('started')
    await inside(pid, 'nft', 'table ip inboard-resolver { chain queries { type filter hook output priority raw; }; }')
    running.status.send({ type: 'resolve' })
    const refused = await running.status.next('resolving')
    await inside(pid, 'nft', 'delete table ip inboard-resolver')
    running.status.send({ type: 'resolve' })
    const answer = await ask(pid)
    await end(running)
    expect(refused).toMatchObject({ errno: EEXIST })
    expect(answer).toBe('10.0.0.2')
  })

  it.each([
    ['a port outside of its rules', { ...resolverRules(), udpAt: [resolverRules().messages.length] }, EBADMSG],
    ['a port that is not at a word', { ...resolverRules(), tcpAt: [2] }, EBADMSG],
    ['rules that are too long', { messages: new Uint8Array(8196), udpAt: [], tcpAt: [] }, EMSGSIZE],
  ])('refuses %s', async (_what, rules, errno) => {
    const running = live(executable, { beside: resolver(1, allowAll, rules) })
    const failed = await running.status.next('failed')
    await running.ended
    expect(failed).toMatchObject({ errno, opcode: opcodes.resolver })
  })

  describe('of a kernel that knows no such rules', () => {
    it('has port 53 itself', async () => {
      const running = live(executable, { beside: resolver(1, allowAll, unknownRules) })
      const { pid } = await running.status.next('started')
      const answer = await ask(pid)
      const bound = atDomainPort(pid)
      await end(running)
      expect(answer).toBe('10.0.0.2')
      expect(bound).toEqual([true, true])
    })

    it('says that the container has a name server of its own', async () => {
      const running = live(executable, {
        argv: ['sh', '-c', 'busybox nc -l -p 53 & echo; cat; kill $!'],
        beside: resolver(0, allowAll, unknownRules),
      })
      const { pid } = await running.status.next('started')
      await expect.poll(() => readFileSync(`/proc/${pid}/net/tcp6`, 'utf8')).toContain(':0035 ')
      running.status.send({ type: 'resolve' })
      const answer = await running.status.next('resolving')
      await end(running)
      expect(answer).toMatchObject({ errno: EADDRINUSE })
    })
  })

  describe('with a published port', () => {
    beforeEach(makeBridge)

    it('relays what reaches its socket to the container', async () => {
      const running = published(executable, serve)
      const { pid } = await running.status.next('started')
      await expect.poll(() => readFileSync(`/proc/${pid}/net/tcp6`, 'utf8')).toContain(':0050 ')
      const answer = await readFrom(running.port)
      const children = childrenOf(running.process.pid).map(nameOf)
      await end(running)
      expect(answer).toBe('served\n')
      expect(children).toContain('inboard-relay')
    })

    it('lets the relay have its port, and nothing else', async () => {
      const running = published(executable, serve)
      const { pid } = await running.status.next('started')
      await expect.poll(() => readFileSync(`/proc/${pid}/net/tcp6`, 'utf8')).toContain(':0050 ')
      await readFrom(running.port)
      const relay = helper(running.process.pid, 'inboard-relay')
      const [status, shared] = [statusOf(relay), sharedDescriptors(running.process.pid, relay)]
      await end(running)
      expect(status).toMatchObject(powerless)
      expect(shared).toEqual(['socket'])
    })
  })
})

describe('under the filters of the engine', () => {
  beforeEach(makeBridge)

  it('the resolver answers', async () => {
    const running = await withResolver(plainSupervisor, helperFilter('resolver', gatherHostFacts()))
    const answers = [await ask(running.pid), await ask(running.pid)]
    const helpers = childrenOf(running.process.pid).map(nameOf)
    await end(running)
    expect(answers).toEqual(['10.0.0.2', '10.0.0.2'])
    expect(helpers).toEqual(['cat', 'inboard-dns'])
  })

  it('the relay carries', async () => {
    const running = published(plainSupervisor, serve, helperFilter('relay', gatherHostFacts()))
    const { pid } = await running.status.next('started')
    await expect.poll(() => readFileSync(`/proc/${pid}/net/tcp6`, 'utf8')).toContain(':0050 ')
    const answers = [await readFrom(running.port), await readFrom(running.port)]
    const helpers = childrenOf(running.process.pid).map(nameOf)
    await end(running)
    expect(answers).toEqual(['served\n', 'served\n'])
    expect(helpers).toContain('inboard-relay')
  })
})

/** The kinds of what both processes have open. */
function sharedDescriptors(one: number | undefined, other: number | undefined): string[] {
  const first = new Set(openFiles(one))
  const both = openFiles(other).filter((name) => first.has(name) && !name.startsWith('anon_inode:'))
  return both.map((name) => name.split(':')[0] as string)
}

import { execFileSync } from 'node:child_process'
import { beforeAll, describe, expect, it } from 'vitest'
import { resolverProfile } from '../../src/network/helper-profiles.js'
import { syscallNumbers } from '../../src/spec/seccomp/syscalls.js'
import { buildTestPrograms, programs } from './driver.js'
import { type Build, framed, NameServer, query, read } from './name-server.js'

const webId = '1'.repeat(64)
const dbId = '2'.repeat(64)
const upstream = '127.0.0.2'
const SIGSYS = 31

const network = (name: string, ...containers: string[]) => [`network ${name}`, ...containers, ''].join('\n')
const view = (...lines: string[]) => [...lines, ''].join('\n')

const web = `${webId} 10.0.0.2 fd00::2 web ${webId.slice(0, 12)} www`
const db = `${dbId} 10.0.0.3 - Db.one ${dbId.slice(0, 12)} www`
const files = { n1: network('net', web, db), view: view('network n1', `server ${upstream}`) }

/** Many containers behind one alias. */
const pool = (count: number) =>
  network(
    'big',
    ...Array.from({ length: count }, (_, at) => {
      const id = at.toString(16).padStart(64, '0')
      return `${id} 10.1.${at >> 8}.${at & 255} fd01::${at.toString(16)} c${at} ${id.slice(0, 12)} pool`
    }),
  )

const builds: readonly Build[] = [{ name: 'release' }, { name: 'sanitized' }]
/** The clock of the sanitized build can be hurried: 4 s take 0.2 s. */
const hurried: Build = { name: 'sanitized', rate: 20 }

const sorted = (answers: readonly string[]) => [...answers].sort()

/** Runs with a name server that goes when it is done. */
async function withServer<Result>(
  build: Build,
  change: Readonly<Record<string, string>>,
  use: (server: NameServer) => Promise<Result>,
): Promise<Result> {
  await using server = await NameServer.start(build, { ...files, ...change })
  return await use(server)
}

beforeAll(() => buildTestPrograms('resolver'))

describe.each(builds)('the $name name server', (build) => {
  it('answers for names, aliases and short ids as Docker does', () =>
    withServer(build, {}, async (server) => {
      expect(await server.dig('+noedns', 'web')).toEqual({
        status: 'NOERROR',
        flags: ['qr', 'rd', 'ra'],
        answers: ['web. 600 IN A 10.0.0.2'],
      })
      expect((await server.dig('web', 'AAAA')).answers).toEqual(['web. 600 IN AAAA fd00::2'])
      expect((await server.dig(dbId.slice(0, 12))).answers).toEqual([`${dbId.slice(0, 12)}. 600 IN A 10.0.0.3`])
      expect(sorted((await server.dig('www')).answers)).toEqual(['www. 600 IN A 10.0.0.2', 'www. 600 IN A 10.0.0.3'])
    }))

  it('answers in any case, with the network behind the name, also when the name has dots', () =>
    withServer(build, {}, async (server) => {
      expect((await server.dig('wEB.Net')).answers).toEqual(['wEB.Net. 600 IN A 10.0.0.2'])
      expect((await server.dig('db.ONE')).answers).toEqual(['db.ONE. 600 IN A 10.0.0.3'])
      expect((await server.dig('db.one.net.')).answers).toEqual(['db.one.net. 600 IN A 10.0.0.3'])
    }))

  it('takes the first network that has an address of the kind asked for', () =>
    withServer(
      build,
      {
        n2: network('other.net', `${dbId} 10.9.0.3 fd09::3 Db.one www`, `${webId} 10.9.0.2 - web`),
        view: view('network n1', 'network missing', 'network n2'),
      },
      async (server) => {
        expect((await server.dig('db.one')).answers).toEqual(['db.one. 600 IN A 10.0.0.3'])
        expect((await server.dig('db.one', 'AAAA')).answers).toEqual(['db.one. 600 IN AAAA fd09::3'])
        expect((await server.dig('web.other.net')).answers).toEqual(['web.other.net. 600 IN A 10.9.0.2'])
      },
    ))

  it('resolves links to their containers, wherever these are', () =>
    withServer(build, { view: view('network n1', `alias store ${dbId}`, `alias web ${dbId}`) }, async (server) => {
      expect((await server.dig('STORE')).answers).toEqual(['STORE. 600 IN A 10.0.0.3'])
      expect((await server.dig('store.net')).answers).toEqual(['store.net. 600 IN A 10.0.0.3'])
      expect((await server.dig('web')).answers).toEqual(['web. 600 IN A 10.0.0.3'])
    }))

  it('names an address by its container and network', () =>
    withServer(build, {}, async (server) => {
      expect((await server.dig('-x', '10.0.0.3')).answers).toEqual(['3.0.0.10.in-addr.arpa. 600 IN PTR Db.one.net.'])
      const [answer] = (await server.dig('-x', 'fd00::2')).answers
      expect(answer).toMatch(/^2\.0\.0\..*\.d\.f\.ip6\.arpa\. 600 IN PTR web\.net\.$/)
    }))

  it('never asks others about a name it knows', () =>
    withServer(build, {}, async (server) => {
      await server.dnsmasq(upstream, '--host-record=db.one,fd66::6', '--txt-record=web,stolen', '--mx-host=web,evil,1')
      expect(await server.dig('+noedns', 'db.one', 'AAAA')).toMatchObject({ status: 'NOERROR', answers: [] })
      expect(await server.dig('web', 'TXT')).toMatchObject({ status: 'NOERROR', answers: [] })
      expect(await server.dig('web.net', 'MX')).toMatchObject({ status: 'NOERROR', answers: [] })
      expect(await server.dig('2.0.0.10.in-addr.arpa', 'A')).toMatchObject({ status: 'NOERROR', answers: [] })
    }))

  it('begins with another container each time, whatever else is asked between', () =>
    withServer(build, { n1: network('net', web, `${dbId} 10.0.0.3 fd00::3 db www`) }, async (server) => {
      const first = async (type: string) => (await server.dig('www', type)).answers[0]?.split(' ')[4]
      const order = [await first('A'), await first('AAAA'), await first('A'), await first('AAAA'), await first('A')]
      expect(sorted([order[0], order[2]] as string[])).toEqual(['10.0.0.2', '10.0.0.3'])
      expect(sorted([order[1], order[3]] as string[])).toEqual(['fd00::2', 'fd00::3'])
      expect(order[4]).toBe(order[0])
    }))

  it('sees a change of the records in the very next query', () =>
    withServer(build, {}, async (server) => {
      const seen = [(await server.dig('web')).answers]
      server.write('n1', network('net', `${webId} 10.0.0.9 - web`))
      seen.push((await server.dig('web')).answers)
      server.write('n1', network('net', `${webId} 10.0.0.8 - web`))
      seen.push((await server.dig('web')).answers)
      server.remove('n1')
      expect(seen).toEqual([['web. 600 IN A 10.0.0.2'], ['web. 600 IN A 10.0.0.9'], ['web. 600 IN A 10.0.0.8']])
      expect((await server.dig('web')).status).toBe('SERVFAIL')
      server.write('n1', files.n1)
      expect((await server.dig('web')).answers).toEqual(['web. 600 IN A 10.0.0.2'])
    }))

  it('sees networks that are joined and left', () =>
    withServer(build, { n2: network('two', `${dbId} 10.9.0.3 - late`), view: view('network n1') }, async (server) => {
      expect((await server.dig('late')).status).toBe('SERVFAIL')
      server.write('view', view('network n1', 'network n2'))
      expect((await server.dig('late')).answers).toEqual(['late. 600 IN A 10.9.0.3'])
      server.write('view', view('network n2'))
      expect((await server.dig('web')).status).toBe('SERVFAIL')
    }))

  it('knows thousands of containers', () =>
    withServer(build, { n1: pool(5000) }, async (server) => {
      expect((await server.dig('c4999.big')).answers).toEqual(['c4999.big. 600 IN A 10.1.19.135'])
      expect((await server.dig('-x', '10.1.3.231')).answers).toEqual(['231.3.1.10.in-addr.arpa. 600 IN PTR c999.big.'])
    }))

  it('sends as much as the client takes, and all of it by TCP', () =>
    withServer(build, { n1: pool(200) }, async (server) => {
      const [small] = await server.udp([query('pool')], 1)
      const [large] = await server.udp([query('pool', { size: 1232 })], 1)
      const [whole] = await server.udp([query('pool', { size: 65535 })], 1)
      expect(read(small ?? '')).toMatchObject({ truncated: true, answers: 30, length: 502 })
      expect(read(large ?? '')).toMatchObject({ truncated: true, answers: 74, length: 1217 })
      expect(read(whole ?? '')).toMatchObject({ truncated: false, answers: 200 })
      expect((await server.dig('pool', 'AAAA', '+noedns')).answers).toHaveLength(200)
    }))

  it('gives what it does not know to a real server, and its answer to the client', () =>
    withServer(build, {}, async (server) => {
      await server.dnsmasq(upstream, '--host-record=example.com,192.0.2.1', '--address=/nowhere.test/')
      expect(await server.dig('example.com')).toMatchObject({
        status: 'NOERROR',
        answers: ['example.com. 0 IN A 192.0.2.1'],
      })
      expect((await server.dig('nowhere.test')).status).toBe('NXDOMAIN')
      expect((await server.dig('-x', '192.0.2.1')).answers).toEqual(['1.2.0.192.in-addr.arpa. 0 IN PTR example.com.'])
      expect((await server.dig('+tcp', 'example.com')).answers).toEqual(['example.com. 0 IN A 192.0.2.1'])
    }))

  it('asks servers that have IPv6 addresses', () =>
    withServer(build, { view: view('server ::1') }, async (server) => {
      await server.dnsmasq('::1', '--host-record=example.com,192.0.2.1')
      expect((await server.dig('example.com')).answers).toEqual(['example.com. 0 IN A 192.0.2.1'])
    }))

  it('hands a truncated answer on, which the client then asks for by TCP', () =>
    withServer(build, {}, async (server) => {
      await server.dnsmasq(upstream, `--txt-record=big.test,${'x'.repeat(250)},${'y'.repeat(250)},${'z'.repeat(250)}`)
      expect((await server.dig('+noedns', '+ignore', 'big.test', 'TXT')).flags).toContain('tc')
      expect((await server.dig('+noedns', 'big.test', 'TXT')).answers[0]).toContain('z'.repeat(250))
      const whole = await server.dig('+bufsize=1232', '+ignore', 'big.test', 'TXT')
      expect(whole).toMatchObject({
        flags: expect.not.arrayContaining(['tc']),
        answers: [expect.stringContaining('zzz')],
      })
    }))

  it('answers many queries of a connection, whatever the order, also after the client has ended its side', () =>
    withServer(build, {}, async (server) => {
      await server.dnsmasq(upstream, '--address=/many.test/192.0.2.9')
      const asked = Array.from({ length: 40 }, (_, id) => query(id % 2 ? 'web' : `n${id}.many.test`, { id }))
      const bytes = asked.map(framed).join('')
      const pieces = [bytes.slice(0, 2), bytes.slice(2, 100), bytes.slice(100)]
      const frames = (await server.tcp(pieces, 50, true)).map(read)
      expect(frames.map(({ id }) => id).sort((a, b) => a - b)).toEqual(asked.map((_, id) => id))
      expect(frames.every(({ rcode, answers }) => rcode === 0 && answers === 1)).toBe(true)
    }))

  it('has many queries under way at once, each answer goes to who asked', () =>
    withServer(build, {}, async (server) => {
      await server.dnsmasq(upstream, '--address=/many.test/192.0.2.9')
      const asked = Array.from({ length: 120 }, (_, id) => query(`name${id}.many.test`, { id }))
      const answers = await server.udp(asked, asked.length)
      const questions = new Map(answers.map((answer) => [read(answer).id, answer.slice(24, 24 + 2 * 20)]))
      expect(asked.every((message, id) => questions.get(id) === message.slice(24, 24 + 2 * 20))).toBe(true)
    }))

  it('asks the next server when one is not there, or fails', () =>
    withServer(build, { view: view('server 127.0.0.5', 'server 127.0.0.6', `server ${upstream}`) }, async (server) => {
      await server.serve('127.0.0.6', 'failing')
      await server.dnsmasq(upstream, '--host-record=example.com,192.0.2.1')
      expect((await server.dig('example.com')).answers).toEqual(['example.com. 0 IN A 192.0.2.1'])
      expect((await server.dig('+tcp', 'example.com')).answers).toEqual(['example.com. 0 IN A 192.0.2.1'])
    }))

  it('says SERVFAIL when no server does better, by UDP and TCP', () =>
    withServer(build, { view: view('server 127.0.0.5', 'server 127.0.0.6', 'server fd66::1') }, async (server) => {
      await server.serve('127.0.0.6', 'failing')
      expect((await server.dig('example.com')).status).toBe('SERVFAIL')
      expect((await server.dig('+tcp', 'example.com')).status).toBe('SERVFAIL')
    }))

  it('takes an answer only from the server asked, with the id and the question', () =>
    withServer(build, { view: view('server 127.0.0.6') }, async (server) => {
      await server.serve('127.0.0.6', 'lying')
      expect((await server.dig('example.com')).answers).toEqual(['example.com. 5 IN A 192.0.2.7'])
    }))

  it('asks nobody from internal networks, nor itself', () =>
    withServer(build, { view: view('network n1', `server ${upstream}`, 'internal') }, async (server) => {
      await server.dnsmasq(upstream, '--host-record=example.com,192.0.2.1')
      expect((await server.dig('example.com')).status).toBe('SERVFAIL')
      expect((await server.dig('web')).answers).toEqual(['web. 600 IN A 10.0.0.2'])
      server.write('view', view('server 127.0.0.11'))
      expect((await server.dig('example.com')).status).toBe('SERVFAIL')
    }))

  it('leaves names without a dot to the search domains when the user has set ndots', () =>
    withServer(build, { view: view('network n1', `server ${upstream}`, 'ndots') }, async (server) => {
      await server.dnsmasq(upstream, '--host-record=short,192.0.2.1', '--host-record=example.com,192.0.2.1')
      expect(await server.dig('short')).toMatchObject({ status: 'NOERROR', answers: [] })
      expect((await server.dig('example.com')).answers).toHaveLength(1)
    }))

  it('refuses what is not well-formed, and goes on', () =>
    withServer(build, {}, async (server) => {
      const good = query('web', { id: 9 })
      const rest = '00010001'
      const malformed = [
        `12340100000200000000000003776562${'00'}${rest}03776562${'00'}${rest}`,
        `123401000001000000000000c00c${rest}`,
        `123401000001000000000000${`3f${'61'.repeat(63)}`.repeat(4)}00${rest}`,
        `12340100000100000000000003776562`,
        `123401000001000000000001${'03776562'}00${rest}000029`,
      ]
      const answers = (await server.udp([...malformed, good], malformed.length + 1)).map(read)
      expect(answers.map(({ rcode }) => rcode)).toEqual([1, 1, 1, 1, 1, 0])
    }))

  it('says nothing to answers, fragments and what is too long', () =>
    withServer(build, {}, async (server) => {
      const silent = ['', '00', '1234', `12348180${query('web').slice(8)}`, `${query('web')}${'00'.repeat(5000)}`]
      // In their order, so the first one that is answered is the only one.
      const [first] = await server.udp([...silent, query('web', { id: 9 })], 1)
      expect(read(first ?? '').id).toBe(9)
    }))

  it('does not implement other operations, nor later versions of EDNS', () =>
    withServer(build, {}, async (server) => {
      expect((await server.dig('+opcode=2', '+noedns', 'web')).status).toBe('NOTIMP')
      expect((await server.dig('+edns=1', '+noednsneg', 'web')).status).toBe('BADVERS')
    }))

  it('ends a connection whose bytes cannot be queries', () =>
    withServer(build, {}, async (server) => {
      expect(await server.tcp([framed(query('web')), 'ffff', '0000'], 2)).toHaveLength(1)
    }))

  it('serves new connections while others idle', () =>
    withServer(build, {}, async (server) => {
      await server.ask({ do: 'connect', count: 150 })
      expect((await server.tcp([framed(query('web'))], 1)).map(read)).toMatchObject([{ answers: 1 }])
    }))

  it('refuses more queries than it can have under way, and still knows its own names', () =>
    withServer(build, { view: view('network n1', 'server 127.0.0.6') }, async (server) => {
      await server.serve('127.0.0.6', 'silent')
      const asked = Array.from({ length: 1100 }, (_, id) => query(`name${id}.test`, { id }))
      const send = [...asked, query('web', { id: 5000 })]
      const codes = (await server.ask<string[]>({ do: 'flood', send, heard: 1024 })).map(read)
      expect(codes.filter(({ rcode }) => rcode === 5)).toHaveLength(1100 - 1024)
      expect(codes.at(-1)).toMatchObject({ id: 5000, rcode: 0, answers: 1 })
    }))
})

describe('the name server without descriptors', () => {
  const short: Build = { name: 'release', descriptors: 40 }

  it('fails queries it cannot forward, knows what it knew, and catches up when it can', () =>
    withServer(short, { view: view('network n1', 'server 127.0.0.6') }, async (server) => {
      await server.serve('127.0.0.6', 'silent')
      const asked = Array.from({ length: 60 }, (_, id) => query(`name${id}.test`, { id }))
      const failed = (await server.udp(asked, 20)).map(read)
      server.write('n1', network('net', `${webId} 10.0.0.9 - web`))
      expect(failed.map(({ rcode }) => rcode)).toEqual(Array(20).fill(2))
      expect((await server.dig('web')).answers).toEqual(['web. 600 IN A 10.0.0.2'])
      expect((await server.dig('+tcp', 'web')).answers).toEqual(['web. 600 IN A 10.0.0.9'])
    }))
})

describe('the name server and time', () => {
  it('asks the next server after 4 seconds', () =>
    withServer({ name: 'release' }, { view: view('server 127.0.0.6', `server ${upstream}`) }, async (server) => {
      await server.serve('127.0.0.6', 'silent')
      await server.dnsmasq(upstream, '--host-record=example.com,192.0.2.1')
      const from = performance.now()
      const { answers } = await server.dig('example.com')
      const seconds = (performance.now() - from) / 1000
      expect(answers).toEqual(['example.com. 0 IN A 192.0.2.1'])
      expect(seconds).toBeGreaterThanOrEqual(4)
      expect(seconds).toBeLessThan(8)
    }))

  it('says SERVFAIL when three servers have not answered, and asks no fourth', () => {
    const servers = [6, 7, 8].map((last) => `server 127.0.0.${last}`)
    return withServer(hurried, { view: view(...servers, `server ${upstream}`) }, async (server) => {
      await Promise.all([6, 7, 8].map((last) => server.serve(`127.0.0.${last}`, 'silent')))
      await server.dnsmasq(upstream, '--host-record=example.com,192.0.2.1')
      expect((await server.dig('example.com')).status).toBe('SERVFAIL')
    })
  })

  it('closes connections that have asked nothing for 8 seconds', () =>
    withServer(hurried, {}, async (server) => {
      await server.ask({ do: 'connect', count: 3 })
      expect(await server.ask({ do: 'closed' })).toEqual(['', '', ''])
    }))

  it('ends without an error after 30 seconds without work, and the next one answers', () =>
    withServer(hurried, {}, async (server) => {
      await server.dig('web')
      expect(await server.exitCode()).toBe(0)
      expect((await server.dig('web')).answers).toEqual(['web. 600 IN A 10.0.0.2'])
    }))

  it('loses no query when it ends and another begins', () =>
    withServer({ name: 'sanitized', rate: 3000 }, {}, async (server) => {
      const pauses = Array.from({ length: 300 }, (_, at) => ((at * 7) % 20) / 1000)
      expect(await server.ask({ do: 'trickle', send: query('web'), pauses })).toBe(300)
      expect(await server.exitCode()).toBe(0)
    }))
})

describe('the profile of the name server', () => {
  const attempts = ['raw socket', 'local socket', 'write', 'create', 'code', 'protect', 'fork', 'execute', 'signal']

  it.each(attempts)('kills one that was taken over at its first attempt: %s', (attempt) =>
    withServer({ name: 'release', attempt }, {}, async (server) => {
      await server.udp([query('web')], 0)
      expect(await server.exitCode()).toBe(-SIGSYS)
    }),
  )

  it.each(['x86_64', 'aarch64'] as const)('names calls that %s has', (abi) => {
    const names = resolverProfile.syscalls.flatMap((rule) => rule.names)
    expect(names.filter((name) => !syscallNumbers(abi).has(name))).toEqual([])
  })
})

describe('the fuzzer', () => {
  it('finds nothing in what the name server reads from clients, servers and files', () => {
    buildTestPrograms(`${programs}/resolver.fuzz`)
    const make = ['-C', 'test/native', '-s', `OUT=${programs}`, 'FUZZ_SECONDS=5', 'fuzz-resolver']
    const output = execFileSync('sh', ['-c', 'make "$@" 2>&1', 'sh', ...make], { encoding: 'utf8' })
    expect(output).toMatch(/stat::number_of_executed_units: *[1-9]/)
  })
})

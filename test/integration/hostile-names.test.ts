import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { port } from '../../src/wait/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { openSockets } from '../support/open-sockets.js'

// A name server in the container, which may be anybody's, answers by the name that it is asked for.
const nameServer = `
import socket, struct, threading
server = socket.socket(); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(('127.0.0.1', 53)); server.listen(64)
def name_of(q):
    return q[13:13 + q[12]].decode('latin1')
def reply(q, body=b'', count=0, flags=0x8180, id=None, question=None):
    question = q[12:] if question is None else question
    return struct.pack('!HHHHHH', id if id is not None else struct.unpack('!H', q[:2])[0], flags, 1, count, 0, 0) + question + body
a = lambda data: b'\\xc0\\x0c' + struct.pack('!HHIH', 1, 1, 60, len(data)) + data
def serve(c):
    def take(n):
        got = b''
        while len(got) < n:
            part = c.recv(n - len(got))
            if not part: raise EOFError
            got += part
        return got
    def send(m): c.sendall(struct.pack('!H', len(m)) + m)
    try:
        while True:
            q = take(struct.unpack('!H', take(2))[0]); kind = name_of(q)
            is_a = struct.unpack('!H', q[-4:-2])[0] == 1
            if kind == 'huge': c.sendall(b'\\xff\\xff' + b'x' * 70000)
            elif kind == 'empty': c.sendall(b'\\0\\0')
            elif kind == 'close': break
            elif kind == 'silent': pass
            elif kind == 'garbage': send(bytes(range(256)))
            elif kind == 'otherid': send(reply(q, a(b'\\1\\2\\3\\4'), 1, id=(struct.unpack('!H', q[:2])[0] + 7) & 0xffff))
            elif kind == 'otherquestion': send(reply(q, a(b'\\1\\2\\3\\4'), 1, question=b'\\1x\\0' + q[-4:]))
            elif kind == 'loop': send(reply(q, b'\\xc0' + bytes([len(q)]) + a(b'\\1\\2\\3\\4')[2:], 1))
            elif kind == 'short': send(reply(q, a(b'\\1\\2'), 1))
            elif kind == 'many': send(reply(q, a(b'\\1\\2\\3\\4') * 400, 400) if is_a else reply(q))
            elif kind == 'aliases': send(reply(q, b''.join(b'\\xc0\\x0c' + struct.pack('!HHIH', 5, 1, 60, 2) + b'\\xc0\\x0c' for _ in range(300)), 300))
            elif kind == 'none': send(reply(q, flags=0x8183))
            elif kind == 'failure': send(reply(q, flags=0x8182))
            elif kind == 'slow':
                m = struct.pack('!H', 100) + reply(q)
                for b in m[:8]: c.sendall(bytes([b]))
            else: send(reply(q, a(b'\\x0a\\1\\2\\3'), 1) if is_a else reply(q))
    except Exception: pass
    c.close()
while True: threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
`

let host: TestEngine
let container: Container
beforeAll(async () => {
  host = await testEngine(['nettools'])
  container = await host.engine
    .run('nettools', ['python3', '-c', nameServer])
    .network('none')
    .dns('127.0.0.1')
    .dnsOption('timeout:1', 'attempts:1')
    .waitFor(port(53))
})
afterAll(() => host[Symbol.asyncDispose]())

const lookedUp = (name: string) =>
  new Promise<unknown>((resolve) => {
    container.lookup(name, { all: true }, (error, found) => resolve(error ? error.code : found))
  })

test('a name server that answers as it should is believed', async () => {
  expect(await lookedUp('right.test')).toEqual([{ address: '10.1.2.3', family: 4 }])
  expect(await lookedUp('none.test')).toBe('ENOTFOUND')
})

test.each([
  'huge',
  'empty',
  'close',
  'silent',
  'garbage',
  'otherid',
  'otherquestion',
  'loop',
  'short',
  'failure',
  'slow',
])('what answers with %s has no name, and takes its time only', async (kind) => {
  const before = openSockets()
  expect(await lookedUp(`${kind}.test`)).toMatch(/EAI_AGAIN|ENOTFOUND/)
  await expect.poll(openSockets).toBeLessThanOrEqual(before)
})

test('of endless addresses some count, and endless aliases lead nowhere', async () => {
  expect(await lookedUp('many.test')).toHaveLength(64)
  expect(await lookedUp('aliases.test')).toBe('ENOTFOUND')
})

test('a hosts file that is no file, or endless, harms nobody', async () => {
  await container.exec(['sh', '-c', 'yes 10.0.0.1 x | head -c 3000000 >/etc/hosts; echo "9.9.9.9 late" >>/etc/hosts'])
  expect(await lookedUp('x')).toHaveLength(64)
  expect(await lookedUp('late.test')).toEqual([{ address: '10.1.2.3', family: 4 }])
})

test.each(['a..b', `${'a'.repeat(64)}.test`, `${'a.'.repeat(200)}test`, ''])('%j is no name', async (name) => {
  expect(await lookedUp(name)).toBe('ENOTFOUND')
})

import { EventEmitter, once } from 'node:events'
import { createServer, type ServerHttp2Stream } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { encode } from '../../src/server/sessions/wire.js'
import { type TestApi, testApi } from '../support/api.js'

let api: TestApi

beforeAll(async () => {
  api = await testApi()
})

afterAll(async () => {
  const leaks = await api.leaks()
  await api[Symbol.asyncDispose]()
  expect(leaks).toEqual([])
})

/** The head of an answer to a request for a session; what comes behind it is left for others. */
async function opened(socket: Socket): Promise<string> {
  for (let bytes = Buffer.alloc(0); ; ) {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) {
      await once(socket, 'readable')
      continue
    }
    bytes = Buffer.concat([bytes, chunk])
    const end = bytes.indexOf('\r\n\r\n') + 4
    if (end < 4) continue
    if (end < bytes.length) socket.unshift(bytes.subarray(end))
    return bytes.subarray(0, end).toString()
  }
}

async function requestSession(id: string, headers: readonly string[]): Promise<{ socket: Socket; head: string }> {
  const socket = connect(api.socket)
  onTestFinished(() => void socket.destroy())
  const lines = ['POST /session HTTP/1.1', 'Host: d', ...headers, `X-Docker-Expose-Session-Uuid: ${id}`, '', '']
  socket.write(lines.join('\r\n'))
  return { socket, head: await opened(socket) }
}

const upgrade = ['Connection: Upgrade', 'Upgrade: h2c']

let count = 0

/** A session whose client answers calls as a test says. @returns its id */
async function session(answer: (stream: ServerHttp2Stream, path: string) => void): Promise<string> {
  const id = `hostile-${++count}`
  const { socket, head } = await requestSession(id, upgrade)
  expect(head).toMatch(/^HTTP\/1.1 101 /)
  const server = createServer()
  onTestFinished(() => void server.close())
  server.on('sessionError', () => {})
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    answer(stream, String(headers[':path']))
  })
  server.emit('connection', socket)
  return id
}

const frame = (message: Uint8Array) => {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** Answers a call with these bytes, and well. */
function answerWith(stream: ServerHttp2Stream, ...chunks: readonly Uint8Array[]): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  for (const chunk of chunks) stream.write(chunk)
}

const file = 0o644
const stat = (path: string, size: number, mode = file) =>
  encode([
    [1, 0],
    [
      2,
      encode([
        [1, path],
        [2, mode],
        [5, size],
      ]),
    ],
  ])
const noMore = encode([[1, 0]])
const data = (id: number, bytes: Uint8Array) =>
  encode([
    [1, 2],
    [3, id],
    [4, bytes],
  ])

/** Sends a Dockerfile, well; what else is asked for, as a test says. */
function files(dockerfile: string, context: (stream: ServerHttp2Stream) => void) {
  let calls = 0
  return (stream: ServerHttp2Stream) => {
    calls++
    if (calls === 3) return context(stream)
    const bytes = Buffer.from(dockerfile)
    const packets =
      calls === 1 ? [stat('Dockerfile', bytes.length), noMore, data(0, bytes), data(0, Buffer.alloc(0))] : [noMore]
    answerWith(stream, ...packets.map(frame), frame(encode([[1, 3]])))
    stream.end()
  }
}

const build = (id: string) =>
  api.request('POST', `/v1.41/build?version=2&remote=client-session&session=${id}&buildid=${id}`)

const copying = 'FROM busybox\nCOPY . /all/\n'

describe('a session', () => {
  test('needs an id, and the upgrade', async () => {
    expect((await requestSession('a/b', upgrade)).head).toMatch(/^HTTP\/1.1 400 /)
    expect((await requestSession('plain', [])).head).toMatch(/^HTTP\/1.1 400 /)
    await session(() => {})
    expect((await requestSession(`hostile-${count}`, upgrade)).head).toMatch(/^HTTP\/1.1 409 /)
  })

  test('that is not there is waited for, and not for long', async () => {
    expect(await build('nobody')).toMatchObject({
      status: 400,
      document: { message: 'no active session for nobody: context deadline exceeded' },
    })
  })

  test.each<[string, (stream: ServerHttp2Stream) => void, RegExp]>([
    [
      'announces 4 GiB',
      (stream) => answerWith(stream, Buffer.from([0, 255, 255, 255, 255, 1])),
      /message has 4294967295/,
    ],
    ['compresses', (stream) => answerWith(stream, Buffer.from([1, 0, 0, 0, 1, 1])), /compressed/],
    [
      'sends rubbish',
      (stream) => answerWith(stream, frame(Buffer.from('ffffffff', 'hex'))),
      /number is too long|truncated/,
    ],
    ['hangs up', (stream) => stream.close(), /gone|aborted|stopped/i],
    [
      'ends at once',
      (stream) => stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true }),
      /stopped sending/,
    ],
    [
      'refuses',
      (stream) =>
        stream.respond({ ':status': 200, 'grpc-status': '7', 'grpc-message': 'not%20you' }, { endStream: true }),
      /^not you$/,
    ],
    ['is no gRPC', (stream) => stream.respond({ ':status': 404 }, { endStream: true }), /HTTP status 404/],
    ['climbs out', (stream) => sending(stream, stat('../../out', 0)), /escape|outside|\.\./i],
    ['has a negative size', (stream) => sending(stream, stat('a', -1)), /negative/],
    [
      'sends what nobody wants',
      (stream) => sending(stream, stat('a', 1), data(7, Buffer.from('x'))),
      /nobody has asked for/,
    ],
    [
      'sends too little',
      (stream) => sending(stream, stat('a', 9), data(0, Buffer.from('x')), data(0, Buffer.alloc(0))),
      /shorter/,
    ],
    [
      'says that it failed',
      (stream) =>
        sending(
          stream,
          encode([
            [1, 4],
            [4, Buffer.from('no disk')],
          ]),
        ),
      /no disk/,
    ],
  ])('whose client %s fails its build alone', async (_, context, message) => {
    const id = await session(files(copying, context))
    const { text } = await build(id)
    const errors = text
      .split('\r\n')
      .flatMap((line) => (line.includes('"error') || line.includes('"message"') ? [JSON.parse(line)] : []))
    expect(errors[0]?.error ?? errors[0]?.message).toMatch(message)
    expect((await api.request('GET', '/_ping')).status).toBe(200)
  })

  test('whose client never answers is let go with the build', async () => {
    const asked = new EventEmitter()
    const id = await session((stream) => asked.emit('call', stream))
    const call = once(asked, 'call')
    const socket = connect(api.socket)
    const query = `version=2&remote=client-session&session=${id}`
    socket.write(`POST /build?${query} HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n`)
    const [stream] = (await call) as [ServerHttp2Stream]
    socket.destroy()
    await once(stream, 'close')
  })
})

/** Tells of files, and goes on with packets as if they had been asked for. */
function sending(stream: ServerHttp2Stream, ...packets: readonly Uint8Array[]): void {
  const [first, ...rest] = packets as [Uint8Array, ...Uint8Array[]]
  answerWith(stream, frame(first), frame(noMore), ...rest.map(frame), frame(encode([[1, 3]])))
}

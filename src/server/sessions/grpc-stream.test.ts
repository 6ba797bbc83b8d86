import { once } from 'node:events'
import { connect, createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { GrpcStream } from './grpc-stream.js'

/** A call to somebody who answers as a test says. */
async function call(answer: (stream: ServerHttp2Stream) => void): Promise<GrpcStream> {
  const server = createServer()
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    answer(stream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    session.destroy()
    server.close()
  })
  return new GrpcStream(session.request({ ':method': 'POST', ':path': '/x/Y' }))
}

const frame = (text: string) => {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(Buffer.byteLength(text), 1)
  return Buffer.concat([prefix, Buffer.from(text)])
}

function respond(stream: ServerHttp2Stream, chunks: readonly Buffer[], trailers: Record<string, string>): void {
  stream.respond({ ':status': 200 }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers(trailers))
  for (const chunk of chunks) stream.write(chunk)
  stream.end()
}

async function textsOf(stream: GrpcStream): Promise<string[]> {
  const texts: string[] = []
  for await (const message of stream.messages()) texts.push(message.toString())
  return texts
}

test('messages are whole, however they are cut', async () => {
  const bytes = Buffer.concat([frame('one'), frame(''), frame('three'.repeat(10_000)), frame('four')])
  for (const size of [3, 9, 1000, bytes.length]) {
    // The first ones small: what comes behind is one text.
    const small = Array.from({ length: 10 }, (_, at) => bytes.subarray(at * size, (at + 1) * size))
    const chunks = [...small, bytes.subarray(10 * size)]
    const stream = await call((peer) => respond(peer, chunks, { 'grpc-status': '0' }))
    expect(await textsOf(stream)).toEqual(['one', '', 'three'.repeat(10_000), 'four'])
  }
})

test('a status that is not good is an error with its words', async () => {
  const trailers = { 'grpc-status': '5', 'grpc-message': 'secret%20x%3A not found' }
  const stream = await call((peer) => respond(peer, [frame('one')], trailers))
  await expect(textsOf(stream)).rejects.toMatchObject({ code: 5, message: 'secret x: not found' })
})

test('an answer that ends without a status is none', async () => {
  const stream = await call((peer) => {
    peer.respond({ ':status': 200 })
    peer.end(frame('one'))
  })
  await expect(textsOf(stream)).rejects.toMatchObject({ code: 14 })
})

test('who sends what is not read waits, and is told when the call ends', async () => {
  const peers: ServerHttp2Stream[] = []
  const stream = await call((peer) => peers.push(peer.pause()))
  let sent = 0
  const sending = (async () => {
    for (; sent < 1000; sent++) await stream.send(Buffer.alloc(10_000))
  })()
  sending.catch(() => {})
  await expect.poll(() => peers.length).toBe(1)
  await expect.poll(() => sent).toBeGreaterThan(0)
  peers[0]?.close()
  await expect(sending).rejects.toMatchObject({ code: 14 })
  expect(sent).toBeLessThan(100)
})

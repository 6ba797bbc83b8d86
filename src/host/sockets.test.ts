import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { createConnection, createServer, Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { binaries } from './addon.js'
import { native } from './index.js'

const localhost = Uint8Array.of(127, 0, 0, 1)

/** A network namespace with a loopback of its own, and nobody in it, as a descriptor. */
async function otherNamespace(): Promise<number> {
  const program = `
    const { workerData, parentPort } = require('node:worker_threads')
    const { openSync } = require('node:fs')
    require(workerData + '/inboard.node').enterNetwork()
    parentPort.postMessage(openSync('/proc/thread-self/ns/net', 'r'))`
  const worker = new Worker(program, { eval: true, workerData: binaries().directory, trackUnmanagedFds: false })
  const [namespace] = (await once(worker, 'message')) as [number]
  onTestFinished(() => closeSync(namespace))
  return namespace
}

test('a socket of another network namespace is connected there, and its thread’s own stays as it was', async () => {
  const there = await otherNamespace()
  const held = native().holdPort(6, localhost, 0, 0, there)
  const server = createServer((socket) => socket.end('there')).listen({ fd: held.fd })
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const socket = new Socket({ fd: native().tcpSocket(4, there), readable: true, writable: true })
  socket.connect({ host: '127.0.0.1', port: held.port })
  const [chunk] = await once(socket, 'data')
  expect(String(chunk)).toBe('there')
  const [error] = await once(createConnection(held.port, '127.0.0.1'), 'error')
  expect(error.code).toBe('ECONNREFUSED')
})

test('a port is held in each of two namespaces', async () => {
  const there = await otherNamespace()
  const { fd, port } = native().holdPort(6, localhost, 0, 0, there)
  const here = native().holdPort(6, localhost, port)
  expect(here.port).toBe(port)
  expect(() => native().holdPort(6, localhost, port, 0, there)).toThrow(
    expect.objectContaining({ code: 'EADDRINUSE', syscall: 'bind' }),
  )
  for (const held of [fd, here.fd]) closeSync(held)
})

test('what is no network namespace is refused', () => {
  const file = openSync('/dev/null', 'r')
  onTestFinished(() => closeSync(file))
  expect(() => native().tcpSocket(4, file)).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'setns' }))
})

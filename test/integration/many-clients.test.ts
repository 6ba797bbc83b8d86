import { closeSync, openSync } from 'node:fs'
import { createConnection } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
beforeAll(async () => {
  host = await testEngine(['busybox'])
})
afterAll(() => host[Symbol.asyncDispose]())

test('hundreds of connections at once are all served, and nobody is told that the container has ended', async () => {
  const container = await host.engine.run('busybox', ['sleep', '1000'])
  const directory = openSync(`${host.directory}/run/${container.id}`, 'r')
  const sockets = Array.from({ length: 300 }, () => createConnection(`/proc/self/fd/${directory}/sock`))
  try {
    await Promise.all(
      sockets.map((socket) => new Promise((resolve, reject) => socket.once('data', resolve).once('error', reject))),
    )
    const elsewhere = await (await host.reopen()).containers.get(container.id)
    await elsewhere.kill('SIGCONT')
    expect((await elsewhere.inspect()).State.Status).toBe('running')
    await elsewhere.pause()
    await elsewhere.unpause()
    const ended = elsewhere.wait()
    await container.kill()
    expect((await ended)?.exitCode).toBe(137)
  } finally {
    for (const socket of sockets) socket.destroy()
    closeSync(directory)
  }
})

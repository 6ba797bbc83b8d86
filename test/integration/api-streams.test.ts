import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { command, type TestApi, testApi } from '../support/api.js'

let api: TestApi
beforeAll(async () => {
  api = await testApi(['busybox'])
})
afterAll(() => api[Symbol.asyncDispose]())

const clients = ['/usr/bin/docker', '/usr/local/bin/docker']
const create = async (config: Record<string, unknown>): Promise<string> => {
  const { document } = await api.request('POST', '/containers/create', { Image: 'busybox', ...config })
  return document.Id
}
const shell = (script: string, more: Record<string, unknown> = {}) => create({ Cmd: ['sh', '-c', script], ...more })
const remove = (id: string) => api.request('DELETE', `/containers/${id}?force=1`)

/** A request whose connection becomes a stream, and the head of its answer. */
async function hijacked(
  path: string,
  upgrade: boolean,
): Promise<{ socket: Socket; head: string; rest: () => Promise<Buffer> }> {
  const socket = connect({ path: api.socket, allowHalfOpen: true })
  const asks = upgrade ? 'Connection: Upgrade\r\nUpgrade: tcp\r\n' : 'Connection: close\r\n'
  socket.write(`POST ${path} HTTP/1.1\r\nHost: docker\r\n${asks}Content-Length: 0\r\n\r\n`)
  let all = Buffer.alloc(0)
  const ended = once(socket, 'end')
  const head = await new Promise<string>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      all = Buffer.concat([all, chunk])
      const end = all.indexOf('\r\n\r\n')
      if (end >= 0) resolve(all.subarray(0, end).toString())
    })
  })
  const rest = async () => {
    await ended
    socket.end()
    return all.subarray(all.indexOf('\r\n\r\n') + 4)
  }
  return { socket, head, rest }
}

/** Frames of a multiplexed stream, as text: `1:out` is of stdout. */
function frames(bytes: Buffer): string[] {
  const found: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at + 4)
    found.push(`${bytes[at]}:${bytes.subarray(at + 8, end)}`)
    at = end
  }
  return found
}

describe.each(clients)('%s', (client) => {
  const docker = (args: readonly string[], stdin = '') => command(client, args, { env: api.env, stdin })

  test('run prints both streams, and ends with the exit code of the program', async () => {
    expect(await docker(['run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({
      code: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    })
  })

  test.each([
    ['no-such-program', 127, 'exec: "no-such-program": executable file not found in $PATH: unknown'],
    ['/etc/passwd', 126, 'exec: "/etc/passwd": permission denied: unknown'],
  ])('run of %s ends with %i', async (program, code, words) => {
    const result = await docker(['run', '--rm', 'busybox', program])
    expect({ ...result, stderr: result.stderr.includes(words) }).toEqual({ code, stdout: '', stderr: true })
    expect(result.stderr).not.toContain('waiting for container')
  })

  test('run -i reads what is piped to it, to its end', async () => {
    expect(await docker(['run', '--rm', '-i', 'busybox', 'sh', '-c', 'cat; echo ended'], 'piped\n')).toMatchObject({
      code: 0,
      stdout: 'piped\nended\n',
    })
  })

  test('a megabyte each way arrives whole', async () => {
    const text = 'x'.repeat(1_000_000)
    expect((await docker(['run', '--rm', '-i', 'busybox', 'cat'], text)).stdout).toBe(text)
  })

  test('run --rm returns when the container is gone', async () => {
    await docker(['run', '--rm', '--name', 'gone', 'busybox', 'true'])
    expect((await api.request('GET', '/containers/gone/json')).status).toBe(404)
  })

  test('run -d, logs, wait, start -a', async () => {
    await docker(['run', '-d', '--name', 'worker', 'busybox', 'sh', '-c', 'echo one; echo two >&2; exit 5'])
    expect((await docker(['wait', 'worker'])).stdout).toBe('5\n')
    expect(await docker(['logs', 'worker'])).toEqual({ code: 0, stdout: 'one\n', stderr: 'two\n' })
    expect(await docker(['start', '-a', 'worker'])).toEqual({ code: 5, stdout: 'one\n', stderr: 'two\n' })
    expect((await docker(['logs', '--tail', '2', '--timestamps', 'worker'])).stdout).toMatch(/^\S{30} one\n$/)
    await docker(['rm', 'worker'])
  })

  test('a signal that the client gets is the program’s', async () => {
    const script = 'trap "echo got it; exit 9" TERM; echo ready; while :; do sleep 0.05; done'
    const running = spawn(client, ['run', '--rm', 'busybox', 'sh', '-c', script], {
      env: { ...process.env, ...api.env },
    })
    let seen = ''
    for await (const chunk of running.stdout) {
      seen += chunk
      if (seen === 'ready\n') running.kill('SIGTERM')
    }
    expect(seen).toBe('ready\ngot it\n')
    expect(running.exitCode ?? (await once(running, 'exit'))[0]).toBe(9)
  })
})

test('start: 204, then 304; what does not exist is 404; what cannot be started is told in words that clients know', async () => {
  const id = await create({ Cmd: ['sleep', '1000'] })
  expect((await api.request('POST', `/containers/${id}/start`)).status).toBe(204)
  expect((await api.request('POST', `/containers/${id}/start`)).status).toBe(304)
  expect(await api.request('POST', '/containers/nobody/start')).toMatchObject({
    status: 404,
    document: { message: 'No such container: nobody' },
  })
  expect((await api.request('POST', `/containers/${id}/start`, { Binds: ['/a:/b'] })).status).toBe(400)
  await remove(id)
})

test.each([
  { upgrade: true, version: '/v1.47', first: 'HTTP/1.1 101 UPGRADED', type: 'multiplexed-stream' },
  { upgrade: true, version: '/v1.41', first: 'HTTP/1.1 101 UPGRADED', type: 'raw-stream' },
  { upgrade: false, version: '/v1.47', first: 'HTTP/1.1 200 OK', type: 'raw-stream' },
])('attach before the start: upgrade $upgrade at $version', async ({ upgrade, version, first, type }) => {
  const id = await shell('echo out; echo err >&2')
  const { head, rest } = await hijacked(`${version}/containers/${id}/attach?stream=1&stdout=1&stderr=1`, upgrade)
  expect(head.split('\r\n')[0]).toBe(first)
  expect(head).toContain(`Content-Type: application/vnd.docker.${type}`)
  await api.request('POST', `/containers/${id}/start`)
  expect(frames(await rest()).sort()).toEqual(['1:out\n', '2:err\n'])
  await remove(id)
})

test('a terminal’s stream is raw', async () => {
  const id = await create({ Cmd: ['echo', 'text'], Tty: true })
  const { head, rest } = await hijacked(`/containers/${id}/attach?stream=1&stdout=1`, true)
  expect(head).toContain('application/vnd.docker.raw-stream')
  await api.request('POST', `/containers/${id}/start`)
  expect((await rest()).toString()).toBe('text\r\n')
  await remove(id)
})

test('the half-close of the client is the end of the input of a container made for that', async () => {
  const id = await shell('cat; echo ended', { OpenStdin: true, StdinOnce: true })
  const { socket, rest } = await hijacked(`/containers/${id}/attach?stream=1&stdin=1&stdout=1`, true)
  await api.request('POST', `/containers/${id}/start`)
  socket.end('typed\n')
  // In one frame, or in two.
  expect(
    frames(await rest())
      .join('')
      .replaceAll('1:', ''),
  ).toBe('typed\nended\n')
  await remove(id)
})

test('of any other, the client is let go of, and the container runs on', async () => {
  const id = await create({ Cmd: ['cat'], OpenStdin: true })
  const { socket, rest } = await hijacked(`/containers/${id}/attach?stream=1&stdin=1&stdout=1`, true)
  await api.request('POST', `/containers/${id}/start`)
  socket.end()
  expect(await rest()).toHaveLength(0)
  expect((await api.request('GET', `/containers/${id}/json`)).document.State.Running).toBe(true)
  await remove(id)
})

test('what a client has sent before it left is read, also when the program writes to it meanwhile', async () => {
  const script = 'yes & read line; kill $!; echo $line >/said; sleep 1000'
  const said: string[] = []
  for (let round = 0; round < 20; round++) {
    const id = await shell(script, { OpenStdin: true, Tty: round % 2 === 0 })
    const { socket } = await hijacked(`/containers/${id}/attach?stream=1&stdin=1&stdout=1`, true)
    await api.request('POST', `/containers/${id}/start`)
    await once(socket, 'data')
    socket.write('something\n')
    socket.destroy()
    const container = await api.engine.containers.get(id)
    await expect.poll(async () => (await container.exec(['test', '-s', '/said'])).exitCode).toBe(0)
    said.push((await container.exec(['cat', '/said'])).stdout)
    await remove(id)
  }
  expect(said).toEqual(said.map(() => 'something\n'))
})

test('detach keys end the connection, and the container runs on', async () => {
  const id = await create({ Cmd: ['cat'], OpenStdin: true, Tty: true })
  const { socket, rest } = await hijacked(`/containers/${id}/attach?stream=1&stdin=1&stdout=1&detachKeys=a,b`, true)
  await api.request('POST', `/containers/${id}/start`)
  socket.write('xab')
  expect((await rest()).toString()).toMatch(/^x?$/)
  expect((await api.request('GET', `/containers/${id}/json`)).document.State.Running).toBe(true)
  await remove(id)
})

test('a client that is killed lets go of the container', async () => {
  const id = await create({ Cmd: ['sleep', '1000'] })
  await api.request('POST', `/containers/${id}/start`)
  const events = api.engine.events({ since: Date.now(), filters: { container: id, event: 'detach' } })
  const { socket } = await hijacked(`/containers/${id}/attach?stream=1&stdout=1`, true)
  socket.destroy()
  expect((await events.next()).value?.action).toBe('detach')
  await events.return()
  expect((await api.request('GET', `/containers/${id}/json`)).document.State.Running).toBe(true)
  await remove(id)
})

test('without stream, attaching gives what was logged', async () => {
  const id = await shell('echo logged')
  await api.request('POST', `/containers/${id}/start`)
  await api.request('POST', `/containers/${id}/wait`)
  const { rest } = await hijacked(`/containers/${id}/attach?logs=1&stdout=1`, true)
  expect(frames(await rest())).toEqual(['1:logged\n'])
  await remove(id)
})

test('a web socket is attached to both directions', async () => {
  const id = await create({ Cmd: ['cat'], OpenStdin: true, StdinOnce: true })
  const socket = new WebSocket(`ws+unix://${api.socket}:/v1.47/containers/${id}/attach/ws?stream=1&stdin=1&stdout=1`)
  await once(socket, 'open')
  await api.request('POST', `/containers/${id}/start`)
  socket.send('typed\n')
  const [message, isBinary] = await once(socket, 'message')
  expect([String(message), isBinary]).toEqual(['typed\n', true])
  socket.close()
  expect((await api.request('POST', `/containers/${id}/wait`)).document).toEqual({ StatusCode: 0 })
  await remove(id)
})

test('what asks for no web socket gets none', async () => {
  const id = await create({ Cmd: ['true'] })
  expect((await api.request('GET', `/containers/${id}/attach/ws`)).status).toBe(400)
  await remove(id)
})

describe('wait', () => {
  test('its head comes at once, its document with the end', async () => {
    const id = await shell('read line; exit 3', { OpenStdin: true })
    const { head, rest } = await hijacked(`/containers/${id}/wait?condition=next-exit`, false)
    expect(head).toContain('200 OK')
    await api.request('POST', `/containers/${id}/start`)
    const { socket } = await hijacked(`/containers/${id}/attach?stream=1&stdin=1`, true)
    socket.write('go\n')
    expect((await rest()).toString()).toContain('{"StatusCode":3}\n')
    socket.destroy()
    await remove(id)
  })

  test('an unknown condition is 400', async () => {
    const id = await create({ Cmd: ['true'] })
    expect((await api.request('POST', `/containers/${id}/wait?condition=never`)).status).toBe(400)
    await remove(id)
  })

  test('says how one has ended that has just removed itself, to who knows its whole id', async () => {
    const id = await shell('exit 7', { name: 'brief', HostConfig: { AutoRemove: true } })
    const events = api.engine.events({ filters: { container: id, event: 'destroy' } })
    const gone = events.next()
    await api.request('POST', `/containers/${id}/start`)
    await gone
    await events.return()
    expect(await api.request('POST', `/containers/${id}/wait`)).toMatchObject({
      status: 200,
      document: { StatusCode: 7 },
    })
    for (const other of ['brief', id.slice(0, 12), id.replace(/./g, '0')])
      expect((await api.request('POST', `/containers/${other}/wait`)).status).toBe(404)
  })

  test('of one that could not be started it says why', async () => {
    const id = await create({ Cmd: ['no-such-program'] })
    await api.request('POST', `/containers/${id}/start`)
    const { document } = await api.request('POST', `/containers/${id}/wait`)
    expect(document).toMatchObject({ StatusCode: 127, Error: { Message: expect.stringContaining('not found') } })
    await remove(id)
  })
})

describe('logs', () => {
  let id: string
  beforeAll(async () => {
    id = await shell('echo one; echo two >&2; echo three')
    await api.request('POST', `/containers/${id}/start`)
    await api.request('POST', `/containers/${id}/wait`)
  })
  afterAll(() => remove(id))
  const logs = (query: string) => api.request('GET', `/containers/${id}/logs?${query}`)

  test.each([
    ['stdout=1', ['1:one\n', '1:three\n']],
    ['stderr=1', ['2:two\n']],
    ['stdout=1&tail=0', []],
    ['stdout=1&tail=some', ['1:one\n', '1:three\n']],
    ['stdout=1&since=0', ['1:one\n', '1:three\n']],
    ['stdout=1&until=1000000000', []],
    ['stdout=1&follow=1', ['1:one\n', '1:three\n']],
    ['stderr=1&details=1', ['2: two\n']],
  ])('%s', async (query, expected) => {
    const { text, headers } = await logs(query)
    expect(frames(Buffer.from(text))).toEqual(expected)
    expect(headers['content-type']).toBe('application/vnd.docker.multiplexed-stream')
  })

  test('without a stream, or with a moment that is none, 400', async () => {
    expect(await logs('follow=1')).toMatchObject({
      status: 400,
      document: { message: 'Bad parameters: you must choose at least one stream' },
    })
    expect((await logs('stdout=1&follow=1&since=never')).status).toBe(400)
  })

  test('of the driver none are refused, followed or not', async () => {
    const silent = await create({ Cmd: ['true'], HostConfig: { LogConfig: { Type: 'none' } } })
    for (const query of ['stdout=1', 'stdout=1&follow=1'])
      expect(await api.request('GET', `/containers/${silent}/logs?${query}`)).toMatchObject({
        status: 501,
        document: { message: 'configured logging driver does not support reading' },
      })
    await remove(silent)
  })
})

test('a container that does not run has no terminal to resize', async () => {
  const id = await create({ Cmd: ['true'], Tty: true })
  expect(await api.request('POST', `/containers/${id}/resize?h=10&w=20`)).toMatchObject({
    status: 409,
    document: { message: `Container ${id} is not running` },
  })
  expect((await api.request('POST', `/containers/${id}/resize?h=10`)).status).toBe(400)
  await remove(id)
})

test('nothing is left', async () => {
  expect(await api.leaks()).toEqual([])
})

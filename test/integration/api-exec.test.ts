import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { command, type TestApi, testApi } from '../support/api.js'

let api: TestApi
let id: string
beforeAll(async () => {
  api = await testApi(['busybox'])
  id = (await api.request('POST', '/containers/create?name=host', { Image: 'busybox', Cmd: ['sleep', '1000'] }))
    .document.Id
  await api.request('POST', `/containers/${id}/start`)
})
afterAll(() => api[Symbol.asyncDispose]())

const create = async (Cmd: readonly string[], more: Record<string, unknown> = {}): Promise<string> => {
  const document = { Cmd, AttachStdout: true, AttachStderr: true, ...more }
  return (await api.request('POST', `/containers/${id}/exec`, document)).document.Id
}
const start = (exec: string, document: unknown = {}) => api.request('POST', `/exec/${exec}/start`, document)
const inspect = async (exec: string) => (await api.request('GET', `/exec/${exec}/json`)).document

describe.each(['/usr/bin/docker', '/usr/local/bin/docker'])('%s', (client) => {
  const docker = (args: readonly string[], stdin = '') => command(client, args, { env: api.env, stdin })

  test('exec prints both streams, and ends with the exit code', async () => {
    expect(await docker(['exec', 'host', 'sh', '-c', 'echo out; echo err >&2; exit 5'])).toEqual({
      code: 5,
      stdout: 'out\n',
      stderr: 'err\n',
    })
  })

  test('exec -i reads what is piped to it, to its end', async () => {
    const text = 'x'.repeat(1_000_000)
    expect(await docker(['exec', '-i', 'host', 'cat'], text)).toEqual({ code: 0, stdout: text, stderr: '' })
  })

  test('user, directory and variables', async () => {
    const options = ['-u', '12:34', '-w', '/tmp', '-e', 'A=b c']
    const { stdout } = await docker(['exec', ...options, 'host', 'sh', '-c', 'id -u; id -g; pwd; echo "$A"'])
    expect(stdout).toBe('12\n34\n/tmp\nb c\n')
  })

  test.each([
    ['no-such-program', 127, 'executable file not found in $PATH: unknown'],
    ['/etc/passwd', 126, 'permission denied: unknown'],
  ])('exec of %s ends with %i', async (program, code, words) => {
    const result = await docker(['exec', 'host', program])
    expect(result.code).toBe(code)
    expect(`${result.stdout}${result.stderr}`).toContain(`exec: "${program}": ${words}`)
  })

  test('exec -d leaves it running', async () => {
    expect(await docker(['exec', '-d', 'host', 'touch', `/tmp/detached`])).toMatchObject({ code: 0, stdout: '' })
  })

  test('an exec whose container is killed ends with 137', async () => {
    await docker(['run', '-d', '--name', 'doomed', 'busybox', 'sleep', '1000'])
    const running = spawn(client, ['exec', 'doomed', 'sh', '-c', 'echo on; sleep 1000'], {
      env: { ...process.env, ...api.env },
    })
    const exited = once(running, 'exit')
    await once(running.stdout, 'data')
    await docker(['kill', 'doomed'])
    expect((await exited)[0]).toBe(137)
    await docker(['rm', 'doomed'])
  })
})

test('an exec is created, inspected, started once, and inspected again', async () => {
  const exec = await create(['sh', '-c', 'exit 3'])
  expect(await inspect(exec)).toMatchObject({
    ID: exec,
    Running: false,
    ExitCode: null,
    ContainerID: id,
    OpenStdin: false,
  })
  expect((await start(exec)).status).toBe(200)
  expect(await inspect(exec)).toMatchObject({ Running: false, ExitCode: 3 })
  expect(await start(exec)).toMatchObject({
    status: 409,
    document: { message: `Exec command ${exec} has already run` },
  })
})

test('only what was attached is sent', async () => {
  const exec = await create(['sh', '-c', 'echo out; echo err >&2'], { AttachStdout: false })
  expect((await start(exec)).text.slice(8)).toBe('err\n')
})

test('a detached one that cannot be started is an error', async () => {
  const exec = await create(['no-such-program'])
  const { status, document } = await start(exec, { Detach: true })
  expect(status).toBe(400)
  expect(document.message).toMatch(
    /^OCI runtime exec failed: exec failed: unable to start container process: exec: "no-such/,
  )
})

test('a terminal has the size that was asked for', async () => {
  const exec = await create(['stty', 'size'], { Tty: true })
  expect((await start(exec, { Tty: true, ConsoleSize: [31, 97] })).text).toBe('31 97\r\n')
  const resized = await create(['stty', 'size'], { Tty: true })
  expect((await api.request('POST', `/exec/${resized}/resize?h=21&w=77`)).status).toBe(200)
  expect((await start(resized, { Tty: true })).text).toBe('21 77\r\n')
})

test('what a process leaves in the background does not keep the client for long', async () => {
  const exec = await create(['sh', '-c', 'sleep 1000 & echo started'])
  expect((await start(exec)).text.slice(8)).toBe('started\n')
})

test.each([
  [{}, 400, 'No exec command specified'],
  [{ Cmd: 'true' }, 400, 'invalid request'],
  [{ Cmd: ['true'], DetachKeys: 'zz,z' }, 400, 'Invalid detach keys (zz,z) provided'],
])('%j is refused with %i', async (document, status, words) => {
  const answer = await api.request('POST', `/containers/${id}/exec`, document)
  expect(answer.status).toBe(status)
  expect(answer.document.message).toContain(words)
})

test('there is no exec of an unknown id, nor in a container that does not run', async () => {
  expect(await api.request('GET', '/exec/nobody/json')).toMatchObject({
    status: 404,
    document: { message: 'No such exec instance: nobody' },
  })
  expect((await start('nobody')).status).toBe(404)
  const { document } = await api.request('POST', '/containers/create', { Image: 'busybox', Cmd: ['true'] })
  expect(await api.request('POST', `/containers/${document.Id}/exec`, { Cmd: ['true'] })).toMatchObject({
    status: 409,
    document: { message: `Container ${document.Id} is not running` },
  })
  await api.request('DELETE', `/containers/${document.Id}`)
})

test('nothing is left', async () => {
  await api.request('DELETE', `/containers/${id}?force=1`)
  expect(await api.leaks()).toEqual([])
})

import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let engine: Engine
let container: Container
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
  container = await engine.run('busybox', ['sleep', '1000000']).env({ OF: 'container' }).workdir('/tmp')
})
afterAll(() => host[Symbol.asyncDispose]())

test('gathers both streams and the exit code', async () => {
  const result = await container.exec(['sh', '-c', 'echo out; echo err >&2; exit 4'])
  expect(result).toEqual({ exitCode: 4, stdout: 'out\n', stderr: 'err\n' })
})

test('joins every namespace, cgroup and limit of the container', async () => {
  const script =
    'for n in mnt pid uts ipc net cgroup; do readlink /proc/self/ns/$n; done; cat /proc/self/cgroup; grep -E "Cap|Seccomp|NoNew" /proc/self/status'
  const [inside, first] = await Promise.all([
    container.exec(['sh', '-c', script]),
    container.exec(['sh', '-c', script.replaceAll('/proc/self', '/proc/1')]),
  ])
  expect(inside.stdout).toBe(first.stdout)
})

test('has the container’s environment and directory, and its own on top', async () => {
  const { stdout } = await container.exec(['sh', '-c', 'echo $OF $MORE $HOME; pwd']).env({ MORE: 'more' })
  expect(stdout).toBe('container more /root\n/tmp\n')
  expect((await container.exec(['pwd']).workdir('/bin')).stdout).toBe('/bin\n')
})

test('runs as another user', async () => {
  expect((await container.exec(['id']).user('1000:1000')).stdout.trim()).toBe('uid=1000 gid=1000 groups=1000')
  await expect(container.exec(['id']).user('nosuch')).rejects.toMatchObject({ code: 'USER_NOT_FOUND' })
})

test('feeds stdin with backpressure and closes it', async () => {
  const { stdout } = await container.exec(['md5sum']).stdin(Buffer.alloc(5_000_000))
  expect(stdout).toBe(`${createHash('md5').update(Buffer.alloc(5_000_000)).digest('hex')}  -\n`)
  expect((await container.exec(['wc', '-c']).stdin('abc')).stdout.trim()).toBe('3')
})

test('has a terminal when asked, with its size', async () => {
  const shell = await container
    .exec(['sh', '-c', 'tty; stty size; read line; stty size'])
    .tty({ rows: 30, columns: 100 })
    .start()
  let text = ''
  for await (const chunk of shell.stdout) {
    text += chunk
    if (text.endsWith('30 100\r\n')) {
      shell.resize(40, 120)
      shell.stdin.write('go\n')
    }
  }
  expect(text).toMatch(/^\/dev\/pts\/\d+\r\n30 100\r\ngo\r\n40 120\r\n$/)
  expect(await shell.exit).toBe(0)
})

test('a program that is not there is a typed error with Docker’s code', async () => {
  await expect(container.exec(['nosuch'])).rejects.toMatchObject({ code: 'PROGRAM_NOT_FOUND', exitCode: 127 })
  await expect(container.exec(['/etc/passwd'])).rejects.toMatchObject({ code: 'PROGRAM_NOT_EXECUTABLE', exitCode: 126 })
})

test('is killed by abort', async () => {
  const abort = new AbortController()
  const exec = container.exec(['sleep', '1000']).signal(abort.signal).start()
  const process = await exec
  abort.abort(new Error('enough'))
  expect(await process.exit).toBe(137)
  await expect(container.exec(['true']).signal(abort.signal)).rejects.toThrow('enough')
})

test('fifty at once each get their own output', async () => {
  const results = await Promise.all(Array.from({ length: 50 }, (_, n) => container.exec(['echo', String(n)])))
  expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 50 }, (_, n) => `${n}\n`))
})

test('in a container that does not run it is refused', async () => {
  const stopped = await engine.run('busybox', ['true'])
  await stopped.wait()
  await expect(stopped.exec(['true'])).rejects.toMatchObject({ code: 'INVALID_STATE' })
  await stopped.remove()
})

test('leaves no process behind', async () => {
  const { stdout } = await container.exec(['ps', '-o', 'comm'])
  expect(stdout.trim().split('\n').slice(1).sort()).toEqual(['ps', 'sleep'])
})

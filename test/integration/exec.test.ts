import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Container, Engine } from '../../src/index.js'
import { inAnotherProcess } from '../support/another-process.js'
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
  // Below the container's own: everything that it starts can be ended with it.
  expect(inside.stdout.replace(/^0::\/exec-[0-9a-f]{12}$/m, '0::/')).toBe(first.stdout)
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

test('two hundred at once each get their own output', async () => {
  const results = await Promise.all(Array.from({ length: 200 }, (_, n) => container.exec(['echo', String(n)])))
  expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 200 }, (_, n) => `${n}\n`))
})

test('a gigabyte goes in and comes out, and little of it is ever in memory', async () => {
  const megabyte = Buffer.alloc(1024 * 1024, 'x')
  const flood = await container
    .exec(['cat'])
    .stdin(Readable.from(Array.from({ length: 1024 }, () => megabyte)))
    .start()
  let bytes = 0
  let most = 0
  for await (const chunk of flood.stdout) {
    bytes += (chunk as Buffer).length
    most = Math.max(most, process.memoryUsage().arrayBuffers)
  }
  expect(await flood.exit).toBe(0)
  expect(bytes).toBe(1024 * megabyte.length)
  expect(most).toBeLessThan(256 * megabyte.length)
})

test('takes variables from files, and groups from the container’s', async () => {
  const file = `${host.directory}/variables`
  writeFileSync(file, '# comment\nFROM=file\nBOTH=file\n')
  const { stdout } = await container.exec(['sh', '-c', 'echo $FROM $BOTH']).envFile(file).env(['BOTH=given'])
  expect(stdout).toBe('file given\n')
  const grouped = await engine.run('busybox', ['sleep', '1000']).groupAdd('4321')
  await grouped.exec(['sh', '-c', 'echo more:x:77:fresh >> /etc/group; echo fresh:x:999:999::/:/bin/sh >> /etc/passwd'])
  expect((await grouped.exec(['id', '-G']).user('fresh')).stdout).toBe('999 77 4321\n')
  await grouped.remove({ force: true })
})

test('a directory that is not there is told with Docker’s code', async () => {
  await expect(container.exec(['true']).workdir('/nowhere')).rejects.toMatchObject({ exitCode: 126 })
})

test('what it leaves in the background does not keep its result', async () => {
  const { exitCode, stdout } = await container.exec(['sh', '-c', 'sleep 3210 & echo $!'])
  expect(exitCode).toBe(0)
  await expect.poll(commands).toContain('sleep 3210')
  await container.exec(['kill', stdout.trim()])
})

const commands = async () => {
  const { stdout } = await container.exec(['ps', '-o', 'args'])
  return stdout.split('\n').map((line) => line.trim())
}

/** Reads until a text has come. */
async function until(stream: AsyncIterable<Buffer>, text: string): Promise<string> {
  let all = ''
  for await (const chunk of stream) {
    all += chunk
    if (all.includes(text)) break
  }
  return all
}

const family = 'setsid sleep 4321 & sleep 4322 & echo up; wait'

test('SIGKILL ends it with everything that it has started', async () => {
  const parent = await container.exec(['sh', '-c', family]).start()
  await until(parent.stdout, 'up')
  parent.kill()
  expect(await parent.exit).toBe(137)
  await expect.poll(async () => (await commands()).filter((line) => line.startsWith('sleep 432'))).toEqual([])
})

test('so does an abort', async () => {
  const abort = new AbortController()
  const parent = await container.exec(['sh', '-c', family]).signal(abort.signal).start()
  await until(parent.stdout, 'up')
  abort.abort()
  expect(await parent.exit).toBe(137)
  await expect.poll(async () => (await commands()).filter((line) => line.startsWith('sleep 432'))).toEqual([])
})

test('a detached one lives on without the process that started it, and is told of, and ended, by any other', async () => {
  const id = await inAnotherProcess<string>(
    host,
    `const container = await engine.containers.get('${container.id}')
     return (await container.exec(['sleep', '5678']).user('0').tty({ rows: 20, columns: 30 }).detach()).id`,
  )
  const exec = await container.getExec(id)
  const running = await exec.inspect()
  expect(running).toEqual({
    ID: id,
    Running: true,
    ExitCode: null,
    ProcessConfig: { tty: true, entrypoint: 'sleep', arguments: ['5678'], privileged: false, user: '0' },
    OpenStdin: false,
    OpenStderr: false,
    OpenStdout: false,
    CanRemove: false,
    ContainerID: container.id,
    DetachKeys: '',
    Pid: expect.any(Number),
  })
  expect(readFileSync(`/proc/${running.Pid}/cmdline`, 'utf8')).toBe('sleep\x005678\0')
  await exec.resize(40, 120)
  expect((await container.exec(['sh', '-c', 'stty size < /dev/pts/0'])).stdout).toBe('40 120\n')
  expect((await container.execs()).map((one) => one.id)).toContain(id)
  await inAnotherProcess(
    host,
    `await (await (await engine.containers.get('${container.id}')).getExec('${id}')).kill('SIGTERM')`,
  )
  expect(await exec.wait()).toBe(143)
  expect(await exec.inspect()).toEqual({ ...running, Running: false, ExitCode: 143 })
  await expect(exec.kill()).rejects.toMatchObject({ code: 'INVALID_STATE' })
})

test('the result of one that has ended is there until the run of its container is over', async () => {
  const short = await engine.run('busybox', ['sleep', '1000'])
  const exec = await short.exec(['sh', '-c', 'exit 9']).detach()
  expect(await exec.wait()).toBe(9)
  expect(await exec.inspect()).toMatchObject({ Running: false, ExitCode: 9 })
  await short.stop({ timeoutMs: 0 })
  await expect(exec.inspect()).rejects.toMatchObject({ code: 'EXEC_NOT_FOUND' })
  expect(await short.execs()).toEqual([])
  await short.remove()
})

test('the detach keys let go of its terminal, and it runs on', async () => {
  const shell = await container
    .exec(['sh', '-c', 'read line; echo "$line" > /tmp/read'])
    .tty()
    .detachKeys('x,y')
    .start()
  shell.stdin.write('ax')
  shell.stdin.write('bx')
  shell.stdin.write('y')
  expect(await shell.detached).toBe(true)
  const { Running, DetachKeys } = await shell.inspect()
  expect({ Running, DetachKeys }).toEqual({ Running: true, DetachKeys: 'eHk=' })
  shell.kill('SIGHUP')
  expect(await shell.exit).toBe(129)
})

test('inspect() of its container tells of those that have not ended, oldest first, whoever started them', async () => {
  const quiet = await engine.run('busybox', ['sleep', '1000'])
  expect((await quiet.inspect()).ExecIDs).toBeNull()
  const first = await quiet.exec(['sleep', '1001']).detach()
  const second = await inAnotherProcess<string>(
    host,
    `return (await (await engine.containers.get('${quiet.id}')).exec(['sleep', '1002']).detach()).id`,
  )
  await quiet.exec(['true'])
  expect((await quiet.inspect()).ExecIDs).toEqual([first.id, second])
  await first.kill()
  expect(await first.wait()).toBe(137)
  expect((await quiet.inspect()).ExecIDs).toEqual([second])
  expect((await quiet.execs()).map(({ id }) => id)).toHaveLength(3)
  await quiet.stop({ timeoutMs: 0 })
  expect((await quiet.inspect()).ExecIDs).toBeNull()
  await quiet.remove()
})

test('streams of one that has ended at once still say so to whoever listens then', async () => {
  const { stdout, exit } = await container.exec(['echo', 'here']).start()
  expect(await exit).toBe(0)
  let text = ''
  stdout.on('data', (chunk) => {
    text += chunk
  })
  await once(stdout, 'end')
  expect(text).toBe('here\n')
})

test('is refused by a container that is paused, in Docker’s words', async () => {
  await container.pause()
  await expect(container.exec(['true'])).rejects.toThrow(
    `Container ${container.id} is paused, unpause the container before exec`,
  )
  await container.unpause()
  expect((await container.exec(['true'])).exitCode).toBe(0)
})

test('its events are in the journal, also of one whose starter is gone', async () => {
  const since = Date.now()
  const own = await container.exec(['sh', '-c', 'exit 3']).start()
  await own.exit
  const other = await inAnotherProcess<string>(
    host,
    `return (await (await engine.containers.get('${container.id}')).exec(['true']).detach()).id`,
  )
  await (await container.getExec(other)).wait()
  const seen: string[][] = []
  for await (const { action, actor } of engine.events({ since })) {
    const { execID = '', exitCode = '' } = actor.attributes
    if ([own.id, other].includes(execID) && seen.push([action, execID, exitCode]) === 6) break
  }
  expect(seen).toEqual([
    ['exec_create: sh -c exit 3', own.id, ''],
    ['exec_start: sh -c exit 3', own.id, ''],
    ['exec_die', own.id, '3'],
    ['exec_create: true ', other, ''],
    ['exec_start: true ', other, ''],
    ['exec_die', other, '0'],
  ])
})

test('in a container that does not run it is refused', async () => {
  const stopped = await engine.run('busybox', ['true'])
  await stopped.wait()
  await expect(stopped.exec(['true'])).rejects.toMatchObject({ code: 'INVALID_STATE' })
  await stopped.remove()
})

test('leaves no process behind', async () => {
  const { stdout } = await container.exec(['ps', '-o', 'stat,comm'])
  // Its first process waits for nobody: the dead stay.
  const living = stdout
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('Z'))
  expect(
    living
      .slice(1)
      .map((line) => line.split(/ +/)[1])
      .sort(),
  ).toEqual(['ps', 'sleep'])
})

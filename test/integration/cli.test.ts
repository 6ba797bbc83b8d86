import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Engine } from '../../src/index.js'
import { type CommandOptions, command } from '../support/api.js'
import { authority } from '../support/certificates.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { imageArchive } from '../support/images.js'
import { hasEnded, supervisorIn } from '../support/processes.js'

const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
let host: TestEngine
let roots: readonly string[]
let sockets = 0

beforeAll(async () => {
  host = await testEngine(['busybox'])
  roots = ['--root', `${host.directory}/root`, '--run-root', `${host.directory}/run`]
})

afterAll(() => host[Symbol.asyncDispose]())

const inboard = (words: readonly string[], options?: CommandOptions) =>
  command(process.execPath, [program, ...words], options)

const newSocket = () => join(host.directory, `cli-${++sockets}.sock`)

/** `inboard serve`, once it says that it serves, and what it has printed. */
async function serving(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [program, 'serve', ...roots, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const output = { text: '' }
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output.text += chunk
    })
  await expect.poll(() => child.exitCode ?? output.text).toContain('is served at')
  return { child, output }
}

async function ended(child: ChildProcessByStdio<null, Readable, Readable>, signal: NodeJS.Signals) {
  const exit = once(child, 'exit')
  child.kill(signal)
  return exit
}

const docker = (socket: string, ...words: string[]) =>
  command('docker', words, { env: { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: join(host.directory, 'docker') } })

describe('inboard', () => {
  test('tells what it can do, and of which version it is, with nothing of the package loaded', async () => {
    const alone = join(host.directory, 'alone')
    mkdirSync(join(alone, 'dist'), { recursive: true })
    cpSync(program, join(alone, 'dist', 'cli.js'))
    cpSync(join(program, '../../package.json'), join(alone, 'package.json'))
    const run = (...words: string[]) => command(process.execPath, [join(alone, 'dist', 'cli.js'), ...words])
    const { version } = JSON.parse(readFileSync(join(alone, 'package.json'), 'utf8'))
    expect(await run('--help')).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('system prune') })
    expect(await run('version')).toEqual({ code: 0, stderr: '', stdout: `inboard version ${version}\n` })
    expect(await run('--version')).toEqual({ code: 0, stderr: '', stdout: `inboard version ${version}\n` })
    for (const words of [['serve'], ['info'], ['system', 'prune'], ['doctor'], ['version']])
      expect(await run(...words, '--help')).toMatchObject({
        code: 0,
        stderr: '',
        stdout: expect.stringContaining(`Usage: inboard ${words.join(' ')} [OPTIONS]`),
      })
  })

  test('is a program: executable, with its interpreter in the first line', () => {
    expect(statSync(program).mode & 0o111).not.toBe(0)
    expect(readFileSync(program, 'utf8').startsWith('#!/usr/bin/env node\n')).toBe(true)
  })

  test.each([
    [[], 'a command is missing'],
    [['ps'], 'there is no command ps'],
    [['system'], 'there is no command system'],
    [['serve', '--sock', '/x'], "Unknown option '--sock'"],
    [['serve', 'now'], "Unexpected argument 'now'"],
    [['serve', '--mode', '9'], '--mode: 9 is no number'],
    [['serve', '--tcp-port', '70000'], '--tcp-port: 70000 is no number'],
    [['serve', '--tls-cert', '/x'], 'TLS needs all of'],
    [['serve', '--socket', '/x', '--no-socket'], 'exclude each other'],
    [['serve', '-H', 'unix:///x', '--socket', '/y'], 'leave out one of them'],
    [['serve', '-H', 'http://127.0.0.1'], 'an address is unix://PATH'],
    [['serve', '-H', 'fd://'], 'systemd has passed no socket'],
    [['info', '--format', '{{.ID}}'], 'the only one there is is json'],
    [['system', 'prune', '--filter', 'until!=1h', '-f'], 'there are label=, label!= and until='],
  ])('refuses %j as what cannot be meant', async (words, text) => {
    const { code, stdout, stderr } = await inboard(words)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(text)
    expect(stderr).toMatch(/See inboard.* --help\n$/)
  })

  test("tells the engine's errors without a stack", async () => {
    expect(await inboard(['info', '--root', 'relative'])).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^inboard info: .*"relative" is not an absolute path\n$/),
    })
  })
})

describe('inboard serve', () => {
  test('serves until it is told to end; containers go on, and are there for the next one', async () => {
    const socket = newSocket()
    const first = await serving(['--socket', socket, '--group', 'daemon', '--mode', '600'])
    expect(first.output.text).toBe(`The Docker Engine API is served at unix://${socket}\n`)
    expect((await docker(socket, 'run', '-d', '--name', 'lasting', 'busybox', 'sleep', '1000')).code).toBe(0)
    expect(await ended(first.child, 'SIGTERM')).toEqual([0, null])
    expect(existsSync(socket)).toBe(false)
    const second = await serving(['-H', `unix://${socket}`])
    expect((await docker(socket, 'ps', '--format', '{{.Names}}')).stdout).toBe('lasting\n')
    expect((await docker(socket, 'rm', '-f', 'lasting')).code).toBe(0)
    expect(await ended(second.child, 'SIGINT')).toEqual([0, null])
    expect(await host.leaks()).toEqual([])
  })

  test('starts what should run, unless it is told not to', async () => {
    await using own = await testEngine(['busybox'])
    const where = ['--root', `${own.directory}/root`, '--run-root', `${own.directory}/run`]
    await own.engine.run('busybox', ['sleep', '1000']).name('always').restart('always')
    await own.engine.run('busybox', ['sleep', '1000']).name('once')
    await reboot(own)
    const socket = newSocket()
    const lazy = await serving(['--socket', socket, '--no-restore', ...where])
    expect((await docker(socket, 'ps', '-q')).stdout).toBe('')
    await ended(lazy.child, 'SIGTERM')
    const { child, output } = await serving(['--socket', socket, ...where])
    await expect.poll(() => output.text).toContain('Started always\n')
    expect((await docker(socket, 'ps', '--format', '{{.Names}}')).stdout).toBe('always\n')
    expect(await ended(child, 'SIGHUP')).toEqual([0, null])
  })

  test('ends with 1 where somebody serves already, whom it leaves alone', async () => {
    const socket = newSocket()
    await serving(['--socket', socket])
    const { code, stderr } = await inboard(['serve', ...roots, '--socket', socket])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining(`somebody serves at ${socket} already`),
    })
    expect((await docker(socket, 'version')).code).toBe(0)
  })

  test('is had by one of three processes', async () => {
    const socket = newSocket()
    const children = [1, 2, 3].map(() =>
      spawn(process.execPath, [program, 'serve', ...roots, '--socket', socket], { stdio: 'ignore' }),
    )
    onTestFinished(() => children.forEach((child) => void child.kill('SIGKILL')))
    await expect.poll(() => children.map(({ exitCode }) => exitCode).filter((code) => code === 1)).toHaveLength(2)
    await expect.poll(async () => (await docker(socket, 'version')).code).toBe(0)
    expect(children.filter(({ exitCode }) => exitCode === null)).toHaveLength(1)
  })

  test('makes its directory for all to search, whatever its umask is', async () => {
    const socket = join(host.directory, 'umask', 'docker.sock')
    const words = [program, 'serve', ...roots, '--socket', socket]
    const child = spawn('sh', ['-c', 'umask 077; exec "$0" "$@"', process.execPath, ...words], { stdio: 'ignore' })
    onTestFinished(() => void child.kill('SIGKILL'))
    await expect.poll(() => existsSync(socket)).toBe(true)
    expect(statSync(join(socket, '..')).mode & 0o777).toBe(0o755)
    expect(statSync(socket).mode & 0o777).toBe(0o660)
  })

  test('serves with TLS by files, beside the socket or by an address', async () => {
    const ours = authority('cli')
    const files = { ...ours.certificate('server'), ca: ours.cert }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(host.directory, `tls-${name}`), text)
    const security = ['cert', 'key', 'ca'].flatMap((name) => [`--tls-${name}`, join(host.directory, `tls-${name}`)])
    const socket = newSocket()
    const { output } = await serving(['--socket', socket, '--tcp-port', '0', ...security])
    expect(output.text).toMatch(/unix:\/\/.*\n.*tcp:\/\/127\.0\.0\.1:\d+\n$/)
    const another = await serving(['-H', 'tcp://127.0.0.1:0', ...security])
    expect(another.output.text).toMatch(/^.*tcp:\/\/127\.0\.0\.1:\d+\n$/)
  })

  test('refuses TCP that is neither secured nor meant for this machine', async () => {
    for (const words of [
      ['-H', 'tcp://127.0.0.1:0'],
      ['-H', 'tcp://0.0.0.0:0', '--insecure'],
    ])
      expect(await inboard(['serve', ...roots, ...words])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('TCP needs tls'),
      })
    await serving(['-H', 'tcp://localhost:0', '--insecure'])
  })

  test('tells systemd when it serves, and when it ends', async () => {
    const notices = join(host.directory, 'notify.sock')
    const listener = spawn('python3', ['-uc', listening, notices], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void listener.kill('SIGKILL'))
    const heard = { text: '' }
    listener.stdout.on('data', (chunk: Buffer) => {
      heard.text += chunk
    })
    await expect.poll(() => existsSync(notices)).toBe(true)
    const { child } = await serving(['--socket', newSocket()], { NOTIFY_SOCKET: notices })
    await expect.poll(() => heard.text).toBe(`READY=1 of ${child.pid}\n`)
    expect(await ended(child, 'SIGTERM')).toEqual([0, null])
    await expect.poll(() => heard.text).toBe(`READY=1 of ${child.pid}\nSTOPPING=1 of ${child.pid}\n`)
  })

  test('serves at a socket that systemd has made, and leaves it there', async () => {
    const socket = newSocket()
    const words = ['-l', socket, process.execPath, program, 'serve', ...roots]
    const child = spawn('systemd-socket-activate', words, { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    await expect.poll(() => existsSync(socket)).toBe(true)
    const first = connect(socket).on('error', () => {})
    onTestFinished(() => void first.destroy())
    const [said] = await once(child.stdout, 'data')
    expect(String(said)).toBe(`The Docker Engine API is served at unix://${socket}\n`)
    expect((await docker(socket, 'version')).code).toBe(0)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(existsSync(socket)).toBe(true)
  })

  test('prints a unit of systemd that serves as it was asked to', async () => {
    const words = ['--group', 'daemon', '--socket', newSocket()]
    const { code, stdout } = await inboard(['serve', ...roots, '--systemd-unit', ...words])
    expect(code).toBe(0)
    expect(stdout).toContain('\nType=notify\n')
    expect(stdout).toMatch(
      new RegExp(`\nExecStart="${process.execPath}" "${program}" "serve" .*"--group" "daemon" "--socket" "[^"]+"\n`),
    )
    const unit = join(host.directory, 'inboard-cli-test.service')
    writeFileSync(unit, stdout)
    const { stderr } = await command('systemd-analyze', ['verify', '--man=no', unit])
    expect(stderr.split('\n').filter((line) => line.includes('inboard-cli-test'))).toEqual([])
  })
})

/** Prints what systemd would be told, and by which process. */
const listening = `
import os, socket, struct, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
server.bind(sys.argv[1])
while True:
    text, control, _, _ = server.recvmsg(4096, 1024)
    pid = next(struct.unpack('3i', data)[0] for _, kind, data in control if kind == socket.SCM_CREDENTIALS)
    for passed in [data for _, kind, data in control if kind == socket.SCM_RIGHTS]:
        os.close(struct.unpack('i', passed)[0])
    if not text.startswith(b'BARRIER'):
        print(text.decode().strip(), 'of', pid)
`

/** All supervisors die at once, and what is in memory is gone. */
async function reboot({ engine, directory }: TestEngine): Promise<void> {
  const runRoot = join(directory, 'run')
  await engine.close()
  const ids = readdirSync(runRoot).filter((name) => /^[0-9a-f]{64}$/.test(name))
  const supervisors = ids.map((id) => supervisorIn(join(runRoot, id)))
  for (const pid of supervisors) process.kill(pid, 'SIGKILL')
  await expect.poll(() => supervisors.every(hasEnded)).toBe(true)
  for (const name of readdirSync(runRoot)) rmSync(join(runRoot, name), { recursive: true, force: true })
}

describe('inboard info', () => {
  test('tells of the root, for people and as a document', async () => {
    const { code, stdout } = await inboard(['info', ...roots])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Root Dir: \/tmp\/ib-.*\/root$/m)
    expect(stdout).toMatch(/^Images: 1$/m)
    expect(stdout).toMatch(/^Total Memory: [\d.]+GiB$/m)
    for (const words of [['--json'], ['--format', 'json']]) {
      const { stdout: text } = await inboard(['info', ...words, ...roots])
      expect(JSON.parse(text)).toMatchObject({ DockerRootDir: `${host.directory}/root`, Images: 1 })
    }
  })
})

describe('inboard system prune', () => {
  const exited = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    host.engine.run('busybox', ['true']).name(name).label(labels).output()
  const names = async () => (await host.engine.containers.list({ all: true })).map(({ name }) => name).sort()

  test('removes what is not used without asking where that is said, and tells what', async () => {
    await exited('old')
    await exited('kept', { keep: '1' })
    const { id } = await host.engine.containers.get('old')
    const { code, stdout, stderr } = await inboard(['system', 'prune', '-f', '--filter', 'label!=keep', ...roots])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(
      new RegExp(`^Deleted Containers:\n${id}\n\n(.*\n)*Total reclaimed space: \\d+(\\.\\d+)?k?B\n$`),
    )
    expect(await names()).toEqual(['kept'])
    await (await host.engine.containers.get('kept')).remove()
  })

  test('removes images with names and volumes only when it is asked for them', async () => {
    await host.engine.images.fromHost({ executables: ['true'], reference: 'unused' })
    await host.engine.volumes.create().label({ of: 'prune' })
    const count = async () => [
      (await host.engine.images.list()).filter(({ repoTags }) => repoTags.some((tag) => tag.includes('unused'))).length,
      (await host.engine.volumes.list()).length,
    ]
    expect(await inboard(['system', 'prune', '-f', ...roots])).toMatchObject({ code: 0 })
    expect(await count()).toEqual([1, 1])
    const words = ['--all', '--volumes', '-f', '--filter', 'label!=none', ...roots]
    const { code, stdout } = await inboard(['system', 'prune', ...words])
    expect(code).toBe(0)
    expect(stdout).toMatch(/Deleted Volumes:\n[0-9a-f]{64}\n\n/)
    expect(stdout).toMatch(/untagged: .*unused/)
    expect(await count()).toEqual([0, 0])
    await host.engine.images.load(imageArchive('busybox'))
  })

  test('asks first, and where there is no terminal does nothing', async () => {
    await exited('asked')
    const refused = await inboard(['system', 'prune', ...roots], { stdin: 'y\n' })
    expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('say --force') })
    expect(await names()).toEqual(['asked'])
    expect(await atTerminal('n')).toContain('This removes:')
    expect(await names()).toEqual(['asked'])
    expect(await atTerminal('y')).toContain('Deleted Containers:')
    expect(await names()).toEqual([])
  })

  /** Types an answer at a terminal once it is asked for; what appeared. */
  async function atTerminal(answer: string): Promise<string> {
    const words = [process.execPath, program, 'system', 'prune', ...roots].join(' ')
    const child = spawn('script', ['-qec', words, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
    let seen = ''
    child.stdout.on('data', (chunk: Buffer) => {
      seen += chunk
    })
    await expect.poll(() => seen).toContain('[y/N]')
    child.stdin.write(`${answer}\r`)
    await once(child, 'close')
    return seen
  }
})

describe('inboard doctor', () => {
  const doctor = (words: readonly string[], around: readonly string[] = []) => {
    const [first = process.execPath, ...rest] = [...around, process.execPath, program, 'doctor', ...words]
    return command(first, rest)
  }
  const found = (stdout: string) =>
    Object.fromEntries(
      (JSON.parse(stdout).checks as { name: string }[]).map(({ name, ...check }) => [name, check]),
      // biome-ignore lint/suspicious/noExplicitAny: fields that tests name.
    ) as Record<string, any>

  test('finds this host fit, and leaves nothing', async () => {
    const before = readdirSync(host.directory)
    const { code, stdout } = await doctor(['--root', join(host.directory, 'new/root'), '--run-root', '/tmp/ib-none'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/\n\d+ in order, \d+ warnings, 0 failures\n$/)
    expect(readdirSync(host.directory)).toEqual(before)
    expect((await command('nft', ['list', 'tables'])).stdout).not.toContain('doctor')
    expect(await Engine.doctor()).toMatchObject({ ok: true })
  })

  test('tells who is not root what to do', async () => {
    const { code, stdout } = await doctor(
      ['--json'],
      ['setpriv', '--reuid', '65534', '--clear-groups', '--inh-caps=-all'],
    )
    expect(code).toBe(1)
    expect(found(stdout).capabilities).toMatchObject({ status: 'failure', remedy: expect.stringMatching(/^sudo -E /) })
    expect(found(stdout).nftables).toMatchObject({ status: 'warning', meaning: 'only root can look at it' })
  })

  test('tells which capabilities are missing, and what does not work then', async () => {
    const without = (...names: string[]) => ['setpriv', `--bounding-set=${names.map((name) => `-${name}`).join()}`]
    const some = await doctor(['--json'], without('net_raw', 'audit_write'))
    expect(some.code).toBe(0)
    expect(found(some.stdout).capabilities).toMatchObject({
      status: 'warning',
      finding: expect.stringMatching(/CAP_NET_RAW, CAP_AUDIT_WRITE/),
      meaning: expect.stringContaining('ping does not work in containers'),
      remedy: expect.stringContaining('--cap-add NET_RAW --cap-add AUDIT_WRITE'),
    })
    const much = await doctor(['--json'], without('sys_admin'))
    expect(much.code).toBe(1)
    expect(found(much.stdout).capabilities).toMatchObject({
      status: 'failure',
      finding: expect.stringContaining('CAP_SYS_ADMIN'),
    })
  })

  test('tells of cgroups that cannot be written, and the command that mends that', async () => {
    const where = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .find((line) => / - cgroup /.test(line))
      ?.split(' ')[4]
    const script = `mount -o remount,bind,ro ${where} && exec "$0" "$@"`
    const { code, stdout } = await doctor(['--json'], ['unshare', '-m', 'sh', '-c', script])
    expect(code).toBe(1)
    expect(found(stdout).cgroups).toMatchObject({ status: 'failure', remedy: `mount -o remount,rw ${where}` })
  })

  test('tells of a filesystem that holds no overlays, and of one that is full', async () => {
    const script = `mount -t tmpfs -o size=1m tmpfs /mnt && mkdir /mnt/o /mnt/o/u /mnt/o/w && mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/o/u,workdir=/mnt/o/w /mnt/o && exec "$0" "$@"`
    const { code, stdout } = await doctor(['--json', '--root', '/mnt/o/root'], ['unshare', '-m', 'sh', '-c', script])
    expect(code).toBe(1)
    expect(found(stdout).storage).toMatchObject({ status: 'warning', remedy: expect.stringContaining('INBOARD_ROOT=') })
    expect(found(stdout)['disk-space']).toMatchObject({ status: 'failure', remedy: 'npx inboard system prune --all' })
  })
})

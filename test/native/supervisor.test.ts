import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { opcodes, PlanWriter, sections, stdioFlags, stdioKinds } from '../../src/launch/protocol.gen.js'
import { type ContainerPlan, containerPlan, writeContainerPlan } from './container-plan.js'
import {
  Bench,
  buildTestPrograms,
  connectTo,
  plainSupervisor,
  type Supervised,
  sanitizedSupervisor,
  supervise,
} from './driver.js'

const ENOENT = 2
const EIO = 5
const ENOEXEC = 8
const EACCES = 13
const ELOOP = 40
const EBADMSG = 74

let bench: Bench

beforeAll(() => {
  buildTestPrograms()
  bench = new Bench()
})
afterAll(() => bench.dispose())

type Options = Partial<ContainerPlan> & { readonly argv: readonly string[] }

const mountsOf = (directory: string) =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(directory))

function start(executable: string, options: Options) {
  const place = bench.container()
  const merged = { ...place, ...options }
  const supervised = supervise(executable, containerPlan(merged), bench.directory)
  return { ...merged, ...supervised, place }
}

/** Runs to the end; the frames that say how it went, and what was left behind. */
async function run(executable: string, options: Options) {
  const started = start(executable, options)
  await started.status.ended
  const code = await started.ended
  const kinds = started.status.frames.map(({ type }) => type)
  const log = existsSync(started.log) ? readFileSync(started.log, 'utf8') : ''
  return { ...started, code, kinds, log, left: leftovers(started) }
}

const leftovers = ({ place }: { place: ReturnType<Bench['container']> }) =>
  [place.directory, ...place.cgroups.map(({ path }) => path)]
    .filter((path) => existsSync(path))
    .concat(mountsOf(place.directory))

const signal = (supervised: Supervised, number: number) =>
  supervised.status.send({ type: 'signal', signal: number, everyone: 1, final: 0 })

describe.each([
  ['release', plainSupervisor],
  ['sanitized', sanitizedSupervisor],
])('the %s supervisor', (_build, executable) => {
  it('runs a program, tells its end after its output, and leaves nothing behind', async () => {
    const result = await run(executable, { argv: ['echo', 'hi'] })
    expect(result.kinds).toEqual(['started', 'stdout', 'exited', 'torndown'])
    expect(result.status.output()).toBe('hi\n')
    expect(await result.status.next('torndown')).toMatchObject({ failures: 0 })
    expect(result.left).toEqual([])
    expect(result.code).toBe(0)
  })

  it('tells the exit code', async () => {
    const { status } = await run(executable, { argv: ['sh', '-c', 'exit 3'] })
    expect(await status.next('exited')).toMatchObject({ signaled: 0, status: 3, oomKilled: 0 })
  })

  it('keeps stdout and stderr apart, for clients and in the log', async () => {
    const { status, log } = await run(executable, { argv: ['sh', '-c', 'echo out; echo err >&2'] })
    expect([status.output('stdout'), status.output('stderr')]).toEqual(['out\n', 'err\n'])
    const lines = log
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { log: string; stream: string })
    expect(lines.map((line) => [line.log, line.stream]).sort()).toEqual([
      ['err\n', 'stderr'],
      ['out\n', 'stdout'],
    ])
  })

  it('isolates as the plan says', async () => {
    const script =
      'hostname; id; ls /proc/self/fd; grep -E "Cap|NoNew" /proc/self/status; ls -d /proc/[0-9]*; cat /proc/keys; cat /proc/self/mountinfo'
    const { status } = await run(executable, { argv: ['sh', '-c', script] })
    const output = status.output()
    expect(output).toMatch(
      /^native-test\nuid=0 gid=0\n0\n1\n2\n3\nCapInh:\t0+\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0+\n/,
    )
    expect(output).toMatch(/ \/proc\/sys ro,nosuid,nodev,noexec,relatime - proc/)
    expect(output).toMatch(/ \/null \/proc\/timer_list /)
    expect(output).toMatch(/ \/sys\/firmware ro,relatime - tmpfs tmpfs ro,size=4k,nr_inodes=1/)
    expect(output).not.toContain(' /proc/kmsg ')
  })

  it('names the program that is not there', async () => {
    const result = await run(executable, { argv: ['nope'] })
    expect(result.kinds).toEqual(['failed', 'torndown'])
    expect(await result.status.next('failed')).toMatchObject({
      opcode: opcodes.execute,
      errno: ENOENT,
      section: sections.container,
      text: 'nope',
    })
    expect(result.left).toEqual([])
  })

  it.each([
    ['may not be executed, by path', '/bin/plain', EACCES],
    ['may not be executed, by name', 'plain', EACCES],
    ['has no known format', '/bin/garbage', ENOEXEC],
    ['is not there, by path', '/bin/nope', ENOENT],
  ])('says that a program %s', async (_what, file, errno) => {
    const { status } = await run(executable, { argv: [file] })
    expect(await status.next('failed')).toMatchObject({ opcode: opcodes.execute, errno, text: file })
  })

  it('gives a terminal with its size, /dev/console and job control, and ends input as ^D does', async () => {
    const started = start(executable, {
      argv: ['sh', '-c', 'tty; stty size; stat -c %t:%T /dev/console; read x; stty size; cat'],
      stdio: { kind: 'tty', flags: ['attached', 'stdin', 'stdinOnce'] },
    })
    await started.status.printed('88:0\r\n')
    started.status.send({ type: 'resize', rows: 10, columns: 20 })
    started.status.send({ type: 'stdin', data: Buffer.from('go\n') })
    await started.status.printed('10 20')
    started.status.send({ type: 'stdinEnd' })
    expect(await started.status.next('exited')).toMatchObject({ signaled: 0, status: 0 })
    expect(started.status.output()).toContain('/dev/pts/0\r\n24 80\r\n88:0\r\n')
    await started.ended
    expect(leftovers(started)).toEqual([])
  })

  it('passes input on and closes it when the client that attached it ends it', async () => {
    const started = start(executable, {
      argv: ['wc', '-c'],
      uid: 1000,
      stdio: { kind: 'pipes', flags: ['attached', 'stdin', 'stdinOnce'] },
    })
    const block = Buffer.alloc(100_000, 'x')
    for (let i = 0; i < 10; i++) started.status.send({ type: 'stdin', data: block })
    started.status.send({ type: 'stdinEnd' })
    await started.status.ended
    expect(started.status.output()).toBe('1000000\n')
    await started.ended
  })

  it('dies with its container when it is killed', async () => {
    const started = start(executable, { argv: ['sleep', '1000'] })
    const { pid } = await started.status.next('started')
    started.process.kill('SIGKILL')
    await started.ended
    await gone(pid)
    supervise(executable, teardownOf(started), bench.directory)
    await expect.poll(() => leftovers(started)).toEqual([])
  })

  it('ends a container by a signal, and all of it by SIGKILL to everyone', async () => {
    const started = start(executable, { argv: ['sh', '-c', 'trap "exit 7" TERM; echo ready; sleep 1000 & wait'] })
    await started.status.printed('ready')
    started.status.send({ type: 'signal', signal: 15, everyone: 0, final: 0 })
    expect(await started.status.next('exited')).toMatchObject({ signaled: 0, status: 7 })
    await started.ended

    const killed = start(executable, { argv: ['sleep', '1000'] })
    await killed.status.next('started')
    signal(killed, 9)
    expect(await killed.status.next('exited')).toMatchObject({ signaled: 1, status: 9 })
    await killed.ended
  })

  it('serves a second client: hello, attach, the unfinished line, what follows', async () => {
    const started = start(executable, {
      argv: ['sh', '-c', 'echo one; printf "prompt> "; read x; echo got $x'],
      stdio: { kind: 'pipes', flags: ['attached', 'stdin'] },
    })
    await started.status.printed('prompt> ')
    const client = await connectTo(started.runDirectory)
    const { pid } = await started.status.next('started')
    expect(await client.next('hello')).toMatchObject({ phase: 1, pid })
    client.send({ type: 'attach', streams: 7 })
    await client.next('attached')
    client.send({ type: 'stdin', data: Buffer.from('it\n') })
    expect(await client.next('exited')).toMatchObject({ status: 0 })
    await client.ended
    expect(client.output()).toBe('prompt> got it\n')
    expect(client.frames.map(({ type }) => type).slice(-2)).toEqual(['exited', 'torndown'])
    await started.ended
  })

  it('goes on without the engine, and records state and exit for others', async () => {
    const started = start(executable, {
      argv: ['sh', '-c', 'read x; echo done; exit 4'],
      stdio: { kind: 'pipes', flags: ['stdin'] },
    })
    const { pid, startedAtNs } = await started.status.next('started')
    await expect.poll(() => existsSync(join(started.runDirectory, 'state'))).toBe(true)
    const state = readFileSync(join(started.runDirectory, 'state'), 'utf8')
    const ticks = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19]
    const facts = { startedAtNs, pid, startTicks: ticks, supervisorPid: started.process.pid, status: 1 }
    const fresh = ['paused', 'restarts', 'signaled', 'exitStatus', 'oomKilled', 'finishedAtNs', 'restartAtNs']
    const lines = [...Object.entries(facts), ...fresh.map((key) => [key, 0])]
    expect(state).toBe(lines.map(([key, value]) => `${key} ${value}\n`).join(''))
    started.status.socket.destroy()
    const client = await connectTo(started.runDirectory)
    client.send({ type: 'attach', streams: 1 })
    client.send({ type: 'stdin', data: Buffer.from('\n') })
    const { finishedAtNs } = await client.next('exited')
    expect(await client.next('torndown')).toMatchObject({ failures: 0 })
    expect(finishedAtNs).toBeGreaterThan(startedAtNs)
    await started.ended
    expect(readFileSync(started.log, 'utf8')).toContain('"log":"done\\n"')
  })

  it('is not held up by a client that reads nothing, and gives it everything when it reads', async () => {
    const bytes = 64 * 1024 * 1024
    const started = start(executable, {
      argv: ['sh', '-c', `read x; dd if=/dev/zero bs=65536 count=${bytes / 65536} 2>/dev/null`],
      log: undefined,
      stdio: { kind: 'pipes', flags: ['attached', 'stdin'] },
    } as unknown as Options)
    await started.status.next('started')
    const stuck = await connectTo(started.runDirectory)
    stuck.send({ type: 'attach', streams: 6 })
    await stuck.next('attached')
    stuck.socket.pause()
    started.status.send({ type: 'stdin', data: Buffer.from('\n') })
    await started.status.next('exited')
    await started.status.next('torndown')
    expect(started.status.output()).toHaveLength(bytes)
    stuck.socket.resume()
    await stuck.ended
    expect(stuck.output()).toHaveLength(bytes)
    expect(stuck.frames.at(-1)).toMatchObject({ type: 'torndown', failures: 0 })
    await started.ended
  })

  it('refuses a damaged plan with EBADMSG and does nothing', async () => {
    const plan = containerPlan({ ...bench.container(), argv: ['true'] })
    const { status, ended } = supervise(executable, plan.subarray(0, plan.length - 8), bench.directory)
    expect(await status.next('failed')).toMatchObject({ errno: EBADMSG })
    expect(await ended).toBe(125)
  })

  it('does the work of a task in its own mount namespace, then the teardown in the host', async () => {
    const directory = join(bench.directory, 'task')
    mkdirSync(join(directory, 'inside'), { recursive: true })
    const plan = new PlanWriter()
    plan.section('container')
    plan.unshare({ flags: 0x00020000 })
    plan.rootPropagation({ flags: 0x44000 })
    const inside = join(directory, 'inside')
    plan.rootMount({ directory: '/', source: inside, target: inside, fstype: '', flags: 4096, data: '' })
    plan.pivotRoot({ directory: inside })
    plan.mount({ source: 'tmpfs', target: '/t', fstype: 'tmpfs', flags: 0, data: '', targetFlags: 2 })
    plan.symlink({ target: 'nowhere', path: '/t/hidden' })
    plan.symlink({ target: 'nowhere', path: '/seen' })
    plan.section('teardown')
    plan.removeFile({ path: join(directory, 'inside/seen') })
    const { status, ended } = supervise(executable, plan.finish({ mode: 'task' }), bench.directory)
    await ended
    expect(status.frames.map(({ type }) => type)).toEqual(['completed', 'torndown'])
    expect(readdirSync(join(directory, 'inside'))).toEqual(['t'])
    expect(readdirSync(join(directory, 'inside/t'))).toEqual([])
  })

  it('runs another program inside a running container', async () => {
    const started = start(executable, { argv: ['sleep', '1000'] })
    const { pid } = await started.status.next('started')
    const namespaces = ['pid', 'mnt', 'uts', 'ipc', 'net', 'cgroup'].map((name) =>
      openSync(`/proc/${pid}/ns/${name}`, 'r'),
    )
    const output = join(bench.directory, 'exec-output')
    const descriptors = [openSync('/dev/null', 'r'), openSync(output, 'w'), openSync('/dev/null', 'w'), ...namespaces]
    const executed = supervise(
      executable,
      execPlan(started.cgroups, namespaces.length, bench.directory),
      bench.directory,
      descriptors,
    )
    for (const descriptor of descriptors) closeSync(descriptor)
    expect(await executed.status.next('exited')).toMatchObject({ signaled: 0, status: 5 })
    await executed.ended
    expect(readFileSync(output, 'utf8')).toMatch(/^native-test\n1\n/)
    // Its record is the file of its lock.
    expect(readFileSync(join(bench.directory, 'lock'), 'utf8')).toMatch(
      /\{"pid":\d+,"supervisorPid":\d+,"startedAtNs":"\d{19}"\}\n\{"signaled":0,"status":5,"finishedAtNs":"\d{19}"\}\n$/,
    )
    expect(existsSync(join(bench.directory, 'exec.sock'))).toBe(false)
    signal(started, 9)
    await started.ended
    expect(leftovers(started)).toEqual([])
  })

  it.each([
    ['/proc is a symlink', (root: string) => symlinkSync('srv', join(root, 'proc'))],
    ['/dev is a symlink', (root: string) => symlinkSync('/srv', join(root, 'dev'))],
  ])('refuses an image in which %s', async (_what, spoil) => {
    const root = join(bench.directory, `hostile-${process.hrtime.bigint()}`)
    mkdirSync(join(root, 'srv'), { recursive: true })
    spoil(root)
    const result = await run(executable, { argv: ['true'], lowerdir: root })
    expect(await result.status.next('failed')).toMatchObject({ errno: ELOOP, opcode: opcodes.mount })
    expect(result.left).toEqual([])
  })

  it('makes a missing working directory, whose path may end in a slash and lead through a dangling symlink', async () => {
    const { status } = await run(executable, { argv: ['pwd'], workingDirectory: '/dangling/a/b/' })
    expect(status.output()).toBe('/nowhere/yet/a/b\n')
  })

  it('makes what a dangling symlink names, inside the root, as the target of a mounted file', async () => {
    const root = join(bench.directory, `resolv-${process.hrtime.bigint()}`)
    execFileSync('cp', ['-a', bench.lowerdir, root])
    execFileSync('ln', ['-sfn', '../run/resolve/stub.conf', join(root, 'etc/resolv.conf')])
    const { status } = await run(executable, {
      argv: ['cat', '/run/resolve/stub.conf', '/etc/resolv.conf'],
      lowerdir: root,
    })
    expect(status.output()).toBe('resolv.conf\nresolv.conf\n')
    expect(existsSync('/run/resolve')).toBe(false)
  })

  it('refuses a working directory that is a descriptor', async () => {
    const result = await run(executable, { argv: ['true'], workingDirectory: '/proc/self/fd/5' })
    expect(await result.status.next('failed')).toMatchObject({ errno: ELOOP, opcode: opcodes.working_directory })
    expect(result.left).toEqual([])
  })

  it('does not talk to other users', async () => {
    const started = start(executable, { argv: ['sleep', '1000'] })
    await started.status.next('started')
    chmodSync(join(started.runDirectory, 'sock'), 0o666)
    const script =
      'import os, socket, sys\ns = socket.socket(socket.AF_UNIX)\nos.chdir(sys.argv[1])\nos.setuid(65534)\ns.connect("sock")\nprint(len(s.recv(1)))'
    expect(execFileSync('python3', ['-c', script, started.runDirectory], { encoding: 'utf8' })).toBe('0\n')
    signal(started, 9)
    await started.ended
  })

  it('removes deep trees, and reports what it can not remove', async () => {
    const deep = join(bench.directory, 'deep')
    makeDeepTree(deep, 5000)
    const stubborn = join(bench.directory, 'stubborn')
    mkdirSync(join(stubborn, 'a'), { recursive: true })
    writeFileSync(join(stubborn, 'a/immutable'), '')
    writeFileSync(join(stubborn, 'a/other'), '')
    execFileSync('chattr', ['+i', join(stubborn, 'a/immutable')])
    const plan = new PlanWriter()
    plan.section('teardown')
    plan.removeTree({ path: stubborn })
    plan.removeTree({ path: deep })
    plan.removeTree({ path: join(bench.directory, 'never-there') })
    const { status, ended } = supervise(executable, plan.finish({ mode: 'task' }), bench.directory)
    await ended
    execFileSync('chattr', ['-i', join(stubborn, 'a/immutable')])
    expect(await status.next('torndown')).toMatchObject({ failures: 1, step: 1, errno: 1 })
    expect(existsSync(deep)).toBe(false)
    expect(readdirSync(join(stubborn, 'a'))).toEqual(['immutable'])
  })
})

describe('failpoints', () => {
  const steps = () => {
    const plan = new PlanWriter()
    writeContainerPlan(plan, { ...bench.container(), argv: ['true'] })
    return { count: plan.steps, names: plan.names, teardown: plan.names.lastIndexOf('section') }
  }

  it('reports a failure of each step before the teardown, and undoes all of it', async () => {
    const { names, teardown } = steps()
    for (let step = 1; step < teardown; step++) {
      if (names[step] === 'section') continue
      const result = await run(plainSupervisor, { argv: ['true'], fault: { faultStep: step, faultKind: 1 } })
      const failed = await result.status.next('failed')
      expect({ step: failed.step, errno: failed.errno, left: result.left, kinds: result.kinds }).toEqual({
        step,
        errno: EIO,
        left: [],
        kinds: ['failed', 'torndown'],
      })
    }
  })

  it('goes on with the teardown after a step of it has failed', async () => {
    const { names, teardown } = steps()
    for (let step = teardown + 1; step < names.length; step++) {
      const result = await run(plainSupervisor, { argv: ['true'], fault: { faultStep: step, faultKind: 1 } })
      expect(await result.status.next('torndown')).toMatchObject({ failures: 1, step, errno: EIO })
      expect(result.left).toHaveLength(1)
      await supervise(plainSupervisor, teardownOf(result), bench.directory).ended
      expect(leftovers(result)).toEqual([])
    }
  })

  it('reports the step at which the first process was killed', async () => {
    const { names } = steps()
    const first = names.lastIndexOf('section', names.lastIndexOf('execute')) + 1
    for (let step = first; step < names.lastIndexOf('execute'); step += 7) {
      const result = await run(plainSupervisor, { argv: ['true'], fault: { faultStep: step, faultKind: 2 } })
      expect(await result.status.next('failed')).toMatchObject({ step, section: sections.container })
      expect(result.left).toEqual([])
    }
  })

  it('takes the container with it when the supervisor is killed at a step, and a teardown plan cleans up', async () => {
    const { names } = steps()
    const places = [1, 5, names.indexOf('clone'), names.indexOf('network_namespace'), names.indexOf('title')]
    for (const step of places) {
      const result = await run(plainSupervisor, { argv: ['sleep', '1000'], fault: { faultStep: step, faultKind: 2 } })
      expect(result.code).toBe('SIGKILL')
      await supervise(plainSupervisor, teardownOf(result), bench.directory).ended
      await expect.poll(() => leftovers(result)).toEqual([])
    }
  })
})

function teardownOf({ place }: { place: ReturnType<Bench['container']> }): Uint8Array {
  const plan = new PlanWriter()
  plan.section('teardown')
  for (const { path } of place.cgroups) plan.cgroupKill({ path })
  for (const { path } of place.cgroups) plan.cgroupRemove({ path })
  plan.removeTree({ path: place.directory })
  return plan.finish({ mode: 'task' })
}

function execPlan(cgroups: readonly { path: string }[], namespaces: number, directory: string): Uint8Array {
  const plan = new PlanWriter()
  plan.section('prepare')
  plan.stdio({
    kind: stdioKinds.slots,
    flags: stdioFlags.attached,
    rows: 0,
    columns: 0,
    slotIn: 0,
    slotOut: 1,
    slotErr: 2,
  })
  plan.setns({ slot: 3, flags: 0 })
  plan.clone({ flags: 0, cgroup: '' })
  plan.section('beside')
  plan.execRecord({ directory, socket: 'exec.sock' })
  plan.release()
  plan.section('container')
  for (const { path } of cgroups) plan.cgroupJoin({ path: `${path}/tasks` })
  for (let slot = 1; slot < namespaces; slot++) plan.setns({ slot: 3 + slot, flags: 0 })
  plan.awaitRelease()
  plan.umask({ mask: 0o022 })
  plan.workingDirectory({ path: '/', create: 0, uid: 0, gid: 0 })
  plan.execute({
    file: 'sh',
    path: '/bin',
    argv: ['sh', '-c', 'hostname; ls -d /proc/1 | wc -l; readlink /proc/self/ns/pid; exit 5'],
    envp: ['PATH=/bin'],
  })
  plan.section('teardown')
  plan.removeFile({ path: join(directory, 'exec.sock') })
  return plan.finish({ mode: 'exec' })
}

/** Dead: whoever adopted it may take a while to reap it. */
async function gone(pid: number): Promise<void> {
  const alive = () => existsSync(`/proc/${pid}`) && !/^State:\s+[XZ]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  await expect.poll(alive).toBe(false)
}

/** Deeper than any path can be long. */
function makeDeepTree(directory: string, depth: number): void {
  const script =
    'import os, sys\nos.mkdir(sys.argv[1]); os.chdir(sys.argv[1])\nfor _ in range(int(sys.argv[2])): os.mkdir("d"); os.chdir("d")\nopen("f", "w")'
  execFileSync('python3', ['-c', script, directory, String(depth)])
}

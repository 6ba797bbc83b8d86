import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Container, type Engine, formatPorts } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { addressOf, body, listening, portOf } from '../support/reach.js'
import { Terminal } from '../support/terminal.js'

let host: TestEngine
let engine: Engine
/** A directory of the host, `$(pwd)` of the tutorials. */
let here: string
beforeAll(async () => {
  host = await testEngine(['busybox', 'debian', 'redis', 'nginx', 'postgres', 'flask'])
  engine = host.engine
  here = mkdtempSync('/tmp/ib-here-')
  await (await engine.images.get('flask')).tag('training/webapp')
})
afterAll(async () => {
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  rmSync(here, { recursive: true })
  expect(left).toEqual([])
})

const run = promisify(execFile)
const id = expect.stringMatching(/^[0-9a-f]{64}$/)
/** The line of `docker ps --all` about a container. */
const line = async ({ id }: Container) => (await engine.containers.list({ all: true, filters: { id } }))[0]
const running = async ({ id }: Container) => (await engine.containers.list({ filters: { id } })).length === 1
const statusOf = async (container: Container) => (await line(container))?.status

/** Reads a log as it grows, up to a line. */
async function logged(container: Container, text: string, times = 1): Promise<string[]> {
  const lines: string[] = []
  for await (const entry of container.logs({ follow: true })) {
    lines.push(entry.text)
    if (lines.filter((one) => one.includes(text)).length === times) break
  }
  return lines
}

/** What happens to a container from now on, up to an action. */
async function untilEvent(container: Container, last: string): Promise<string[]> {
  const actions: string[] = []
  for await (const { action } of container.events()) {
    actions.push(action)
    if (action === last) break
  }
  return actions
}

describe.concurrent('an image is run', () => {
  test('to say hello, and is listed as exited', async () => {
    const hello = engine.run('debian', ['echo', 'Hello World']).name('hello')
    expect(await hello.output()).toMatchObject({ exitCode: 0, stdout: 'Hello World\n', stderr: '' })
    const container = await engine.containers.get('hello')
    expect(await running(container)).toBe(false)
    expect(await line(container)).toMatchObject({
      id,
      image: 'debian',
      command: "echo 'Hello World'",
      state: 'exited',
      status: expect.stringMatching(/^Exited \(0\) /),
    })
    await container.remove()
  })

  test('as a shell on a terminal, which stops with exit, is started again, and stops with ctrl-d', async () => {
    const io = await engine.run('debian', ['/bin/bash']).hostname('CONTAINER').tty().interactive().attach()
    const terminal = new Terminal(io)
    const prompt = 'root@CONTAINER:/# '
    await terminal.until(prompt)
    terminal.enter('echo "Hello from Container-land!"')
    expect(await terminal.until(prompt)).toContain('\rHello from Container-land!\r\n')
    terminal.enter('exit')
    expect(await terminal.rest()).toContain('\rexit\r\n')
    expect(await io.exit).toMatchObject({ exitCode: 0 })
    const { container } = io
    expect([await running(container), await statusOf(container)]).toEqual([false, expect.stringMatching(/^Exited \(0/)])
    const again = await container.startAttached()
    const second = new Terminal(again)
    await second.until(prompt)
    second.type('\u0004')
    expect(await second.rest()).toContain('exit\r\n')
    expect(await again.exit).toMatchObject({ exitCode: 0 })
    await container.remove()
  })

  test('with what is piped into it', async () => {
    const io = await engine.run('busybox', ['wc', '-c']).interactive().rm().attach()
    io.stdin.end('x'.repeat(100_000))
    expect(await new Terminal(io).rest()).toBe('100000\n')
  })

  test('in the background, is looked at by its name, and stopped', async () => {
    const program = ['/bin/sh', '-c', 'while true; do echo hello world; sleep 1; done']
    const container = await engine.run('debian', program)
    expect(container.id).toEqual(id)
    const byName = await engine.containers.get(container.name)
    expect(await logged(byName, 'hello world', 2)).toEqual(['hello world\n', 'hello world\n'])
    expect(await line(container)).toMatchObject({
      name: expect.stringMatching(/^[a-z]+_[a-z]+\d*$/),
      command: `/bin/sh -c '${program[2]}'`,
      status: expect.stringMatching(/^Up /),
      ports: [],
    })
    // As process 1 the shell is deaf to what it has no trap for.
    await byName.stop({ timeoutMs: 200 })
    expect([await running(container), await statusOf(container)]).toEqual([
      false,
      expect.stringMatching(/^Exited \(137\)/),
    ])
    await container.remove()
  })

  test('later than it was created, attached', async () => {
    const container = await engine.run('busybox', ['sh', '-c', 'echo started; exit 3']).name('later').create()
    expect(await line(container)).toMatchObject({ state: 'created', status: 'Created', ports: [] })
    expect((await container.inspect()).State).toMatchObject({ Status: 'created', Running: false, Pid: 0 })
    const io = await container.startAttached()
    expect(await new Terminal(io).rest()).toBe('started\n')
    expect([await io.exit, await container.wait()]).toMatchObject([{ exitCode: 3 }, { exitCode: 3 }])
    await container.remove()
  })

  test('under a name that nobody else has', async () => {
    const web = await engine.run('busybox', ['sleep', '1000']).name('unique')
    expect((await web.inspect()).Name).toBe('/unique')
    await expect(engine.run('busybox').name('unique').create()).rejects.toMatchObject({
      code: 'NAME_IN_USE',
      message: expect.stringContaining(web.id),
    })
    await web.rename('renamed')
    const other = await engine.run('busybox').name('unique').create()
    await expect(web.remove()).rejects.toMatchObject({ code: 'CONTAINER_IN_USE' })
    await web.remove({ force: true })
    await other.remove()
  })
})

describe.concurrent('the web application', () => {
  const webapp = () => engine.run('training/webapp', ['python', 'app.py']).publishAll()

  test('is found by its port, answers, and logs who asks', async () => {
    const web = await listening(await webapp(), 5000)
    const ports = (await line(web))?.ports ?? []
    const [address = ''] = await web.port(5000)
    expect(address).toMatch(/^0\.0\.0\.0:\d+$/)
    expect(formatPorts(ports)).toContain(`${address}->5000/tcp`)
    expect(await body(`http://${address}/`)).toBe('Hello world!')
    const lines = await logged(web, '"GET / HTTP/1.1" 200 -')
    expect(lines.join('')).toMatch(/Running on http:\/\/[\d.]+:5000/)
    await web.remove({ force: true })
  })

  test('is the only process of its container, as top tells in every form', async () => {
    const web = await listening(await webapp(), 5000)
    const { Pid } = (await web.inspect()).State
    const [full, bsd, chosen] = [await web.top(), await web.top('-x'), await web.top('-o pid,user,args')]
    expect(full).toMatchObject({
      titles: ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'],
      processes: [
        [
          'root',
          `${Pid}`,
          expect.any(String),
          expect.any(String),
          expect.any(String),
          '?',
          expect.any(String),
          'python app.py',
        ],
      ],
    })
    expect(bsd).toMatchObject({
      titles: ['PID', 'TTY', 'STAT', 'TIME', 'COMMAND'],
      processes: [
        [`${Pid}`, '?', expect.stringMatching(/^[DRS]s/), expect.stringMatching(/^\d+:\d\d$/), 'python app.py'],
      ],
    })
    expect(chosen).toEqual({ titles: ['PID', 'USER', 'COMMAND'], processes: [[`${Pid}`, 'root', 'python app.py']] })
    await web.remove({ force: true })
  })

  test('is inspected: its document is the tutorial’s', async () => {
    const web = await webapp()
    const document = await web.inspect()
    const { address, prefix } = { address: await addressOf(web), prefix: web.id.slice(0, 12) }
    const [Image, HostPort] = [(await (await engine.images.get('flask')).inspect()).Id, await portOf(web, '5000/tcp')]
    expect(document).toMatchObject({
      Id: web.id,
      Created: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/),
      Path: 'python',
      Args: ['app.py'],
      State: {
        Status: 'running',
        Running: true,
        Paused: false,
        Restarting: false,
        OOMKilled: false,
        Dead: false,
        Pid: expect.any(Number),
        ExitCode: 0,
        Error: '',
        StartedAt: expect.stringMatching(/Z$/),
        FinishedAt: '0001-01-01T00:00:00Z',
      },
      Image,
      ResolvConfPath: expect.stringMatching(new RegExp(`/${web.id}/.*resolv.conf$`)),
      HostnamePath: expect.stringMatching(new RegExp(`/${web.id}/.*hostname$`)),
      HostsPath: expect.stringMatching(new RegExp(`/${web.id}/.*hosts$`)),
      LogPath: expect.stringContaining(web.id),
      Name: `/${web.name}`,
      RestartCount: 0,
      MountLabel: '',
      ProcessLabel: '',
      ExecIDs: null,
      HostConfig: {
        Binds: null,
        LogConfig: { Type: 'json-file', Config: {} },
        NetworkMode: 'bridge',
        PortBindings: {},
        RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
        AutoRemove: false,
        Privileged: false,
        PublishAllPorts: true,
        ReadonlyRootfs: false,
        ShmSize: 67108864,
      },
      Mounts: [],
      Config: {
        Hostname: prefix,
        AttachStdin: false,
        AttachStdout: false,
        AttachStderr: false,
        ExposedPorts: { '5000/tcp': {} },
        Tty: false,
        OpenStdin: false,
        StdinOnce: false,
        Cmd: ['python', 'app.py'],
        Image: 'training/webapp',
        WorkingDir: '/opt/webapp',
        Entrypoint: null,
        Labels: {},
      },
      NetworkSettings: {
        Ports: { '5000/tcp': expect.arrayContaining([{ HostIp: '0.0.0.0', HostPort }]) },
        IPAddress: address,
        IPPrefixLen: 16,
        Gateway: address.replace(/\d+\.\d+$/, '0.1'),
        MacAddress: expect.stringMatching(/^02:42:/),
        Networks: { bridge: { IPAddress: address } },
      },
    })
    await web.remove({ force: true })
  })

  test('is stopped, started and restarted, and removed only when it is stopped', async () => {
    // As process 1 Python is deaf to SIGTERM.
    const web = await webapp().stopSignal('SIGKILL')
    await expect(web.remove()).rejects.toMatchObject({ code: 'CONTAINER_IN_USE' })
    await web.stop()
    expect([await running(web), await web.ports()]).toEqual([false, {}])
    for (const verb of ['start', 'restart'] as const) {
      const before = (await web.inspect()).State
      await web[verb]()
      await listening(web, 5000)
      expect(await body(`http://127.0.0.1:${await portOf(web, '5000/tcp')}/`)).toBe('Hello world!')
      const { Pid, StartedAt, FinishedAt } = (await web.inspect()).State
      expect(Pid).not.toBe(before.Pid)
      expect(Date.parse(StartedAt)).toBeGreaterThan(Date.parse(before.StartedAt))
      expect(Date.parse(FinishedAt)).toBeLessThanOrEqual(Date.parse(StartedAt))
    }
    await web.stop()
    await web.remove()
    await expect(engine.containers.get(web.id)).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' })
  })
})

describe.concurrent('somebody attaches', () => {
  test('to what ticks, from several windows, and all show the same', async () => {
    const script = 'trap "exit 130" INT; read go; while true; do echo tick; sleep 1; done'
    const container = await engine.run('debian', ['bash', '-c', script]).tty().interactive()
    const windows = await Promise.all([1, 2, 3].map(async () => new Terminal(await container.attach())))
    windows[0]?.enter('')
    for (let tick = 0; tick < 2; tick++)
      expect(await Promise.all(windows.map((window) => window.until('tick\r\n')))).toEqual(
        expect.arrayContaining([expect.stringMatching(/^(\r\n)?tick\r\n$/)]),
      )
    // ctrl-c in one of them ends the program, and with it the container.
    windows[1]?.type('\u0003')
    expect(await container.wait()).toMatchObject({ exitCode: 130 })
    await Promise.all(windows.map((window) => window.rest()))
    expect(await running(container)).toBe(false)
    await container.remove()
  })

  test('lets go with ctrl-p ctrl-q, comes back, and ends Redis with ctrl-c', async () => {
    const redis = await listening(await engine.run('redis:7').tty().interactive(), 6379)
    const first = await redis.attach({ logs: true })
    const terminal = new Terminal(first)
    await terminal.until('Ready to accept connections')
    terminal.type('\u0010\u0011')
    expect(await first.detached).toBe(true)
    expect(await running(redis)).toBe(true)
    const second = await redis.attach()
    second.stdin.write('\u0003')
    expect(await new Terminal(second).rest()).toContain('Received SIGINT')
    expect(await second.exit).toMatchObject({ exitCode: 0 })
    await redis.remove()
  })

  test('to a shell that was started in the background', async () => {
    const container = await engine.run('debian').interactive().tty()
    const io = await container.attach({ logs: true })
    const terminal = new Terminal(io)
    const prompt = `root@${container.id.slice(0, 12)}:/# `
    await terminal.until(prompt)
    terminal.enter('exit 4')
    await terminal.rest()
    expect(await io.exit).toMatchObject({ exitCode: 4 })
    await container.remove()
  })
})

describe.concurrent('a container is entered', () => {
  const idle = () => engine.run('debian', ['sh', '-c', 'while true; do sleep 1; done'])

  test('by exec, with a command and with a shell on a terminal', async () => {
    const container = await idle()
    expect(await container.exec(['echo', 'Hello'])).toEqual({ exitCode: 0, stdout: 'Hello\n', stderr: '' })
    const shell = await container.exec(['/bin/bash']).tty().interactive().start()
    const terminal = new Terminal(shell)
    const prompt = `root@${container.id.slice(0, 12)}:/# `
    await terminal.until(prompt)
    expect((await container.inspect()).ExecIDs).toEqual([shell.id])
    terminal.enter('ls -C')
    expect(await terminal.until(prompt)).toMatch(/bin +.*etc.*\r\n/s)
    terminal.enter('exit 5')
    expect(await terminal.rest()).toContain('exit\r\n')
    expect([await shell.exit, await running(container)]).toEqual([5, true])
    await container.remove({ force: true })
  })

  test('by nsenter with its process id', async () => {
    const container = await idle()
    const { Pid } = (await container.inspect()).State
    const spaces = ['--target', `${Pid}`, '--mount', '--uts', '--ipc', '--net', '--pid']
    const { stdout } = await run('nsenter', [...spaces, 'sh', '-c', 'hostname; hostname -i; cat /proc/1/cmdline'])
    expect(stdout).toBe(
      `${container.id.slice(0, 12)}\n${await addressOf(container)}\nsh\0-c\0while true; do sleep 1; done\0`,
    )
    await container.remove({ force: true })
  })

  test('that is Redis, by the shell of another one that is linked to it', async () => {
    const redis = await listening(await engine.run('redis:7').name('myredis').volume('/data'), 6379)
    const client = engine.run('redis:7', ['/bin/bash']).rm().tty().interactive().link('myredis:redis')
    const io = await client.attach({ rows: 25, columns: 90 })
    const terminal = new Terminal(io)
    const shell = `root@${io.container.id.slice(0, 12)}:/data# `
    await terminal.until(shell)
    terminal.enter('redis-cli -h redis -p 6379')
    await terminal.until('redis:6379> ')
    terminal.enter('set "persistence" "test"')
    await terminal.until('OK\r\n')
    await terminal.until('redis:6379> ')
    terminal.enter('save')
    await terminal.until('OK\r\n')
    await terminal.until('redis:6379> ')
    terminal.enter('exit')
    await terminal.until(shell)
    const gone = io.container.wait({ condition: 'removed' })
    terminal.enter('exit')
    expect(await io.exit).toMatchObject({ exitCode: 0 })
    await gone
    const files = engine.run('debian', ['cp', '/data/dump.rdb', '/backup/']).volumesFrom('myredis').rm()
    expect(await files.volume(`${here}/backup:/backup`).output()).toMatchObject({ exitCode: 0 })
    expect(await readFile(join(here, 'backup/dump.rdb'), 'latin1')).toMatch(/^REDIS.*persistence/s)
    await redis.stop()
    await redis.remove({ volumes: true })
  })
})

describe.concurrent('a program', () => {
  test('catches the signal that it is sent, and not the one that kills', async () => {
    const script = "trap 'echo caught' SIGTRAP; echo set; while true; do sleep 1; done;"
    const container = await engine.run('debian', ['bash', '-c', script])
    await logged(container, 'set')
    await container.kill('SIGTRAP')
    expect(await logged(container, 'caught')).toEqual(['set\n', 'caught\n'])
    expect(await running(container)).toBe(true)
    await container.kill()
    expect([await running(container), await statusOf(container)]).toEqual([
      false,
      expect.stringMatching(/^Exited \(137\)/),
    ])
    await container.remove()
  })

  test('stands still while it is paused, knows nothing of it, and goes on', async () => {
    const script = 'trap "echo signal" TERM CONT; i=0; while true; do echo $((i+=1)); sleep 0.02; done'
    const container = await engine.run('busybox', ['sh', '-c', script])
    await logged(container, '2\n')
    await container.pause()
    expect(await statusOf(container)).toMatch(/^Up .* \(Paused\)$/)
    expect((await container.inspect()).State).toMatchObject({ Status: 'paused', Running: true, Paused: true })
    await expect(container.exec(['true'])).rejects.toMatchObject({ code: 'INVALID_STATE' })
    const before = (await container.logs().text()).trim().split('\n').length
    await container.unpause()
    const after = (await logged(container, `${before + 5}\n`)).map(Number)
    expect(after).toEqual(after.map((_, index) => index + 1))
    await container.remove({ force: true })
  })

  test('that exits at once is started again for ever with restart=always, until it is stopped', async ({ expect }) => {
    const bash = await engine.run('debian', ['bash']).restart('always').create()
    const story = untilEvent(bash, 'stop')
    const thrice = (async () => {
      let starts = 0
      for await (const { action } of bash.events()) if (action === 'start' && ++starts === 3) return
    })()
    await bash.start()
    await thrice
    const { RestartCount, HostConfig } = await bash.inspect()
    expect([RestartCount >= 2, HostConfig.RestartPolicy]).toEqual([true, { Name: 'always', MaximumRetryCount: 0 }])
    await expect.poll(() => statusOf(bash)).toMatch(/^Restarting \(0\) /)
    await bash.stop()
    expect(await statusOf(bash)).toMatch(/^Exited \(0\) /)
    expect((await story).filter((action) => action === 'die').length).toBeGreaterThan(2)
    await bash.remove()
  })

  test('is tried again as often as its policy says, and its exit code is kept', async ({ expect }) => {
    const failing = await engine.run('busybox', ['sh', '-c', 'echo tried; exit 7']).restart('on-failure:2')
    expect(await failing.wait()).toMatchObject({ exitCode: 7 })
    await expect.poll(() => statusOf(failing)).toMatch(/^Exited \(7\)/)
    expect(await failing.logs().text()).toBe('tried\ntried\ntried\n')
    expect(await failing.inspect()).toMatchObject({ RestartCount: 2, State: { Status: 'exited', ExitCode: 7 } })
    const listed = await engine.containers.list({ all: true, filters: { exited: 7 } })
    expect(listed.map((one) => one.id)).toEqual([failing.id])
    await failing.remove()
  })

  test('is given other limits while it runs', async () => {
    const redis = await engine.run('redis:7').memory('64m').memorySwap('64m')
    const limits = { memory: '128m', memorySwap: '128m', cpus: 0.5, pidsLimit: 50, restart: 'on-failure:3' } as const
    expect(await redis.update(limits)).toMatchObject({ warnings: [] })
    expect((await redis.inspect()).HostConfig).toMatchObject({
      Memory: 128 << 20,
      NanoCpus: 5e8,
      PidsLimit: 50,
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
    })
    expect(await redis.stats()).toMatchObject({ memoryLimit: 128 << 20 })
    await redis.remove({ force: true })
  })
})

describe.concurrent('somebody watches', () => {
  test('PostgreSQL become healthy before it is asked', async () => {
    const db = await engine
      .run('postgres:15')
      .env({ POSTGRES_PASSWORD: 'secret' })
      .healthCmd('pg_isready --username postgres')
      .healthInterval('200ms')
      .healthStartPeriod('120s')
      .healthStartInterval('200ms')
    expect((await line(db))?.status).toMatch(/\(health: starting\)$|\(healthy\)$/)
    await db.waitFor('healthy', { timeoutMs: 120_000 })
    expect((await db.exec(['psql', '--username', 'postgres', '-Atc', 'select 42'])).stdout).toBe('42\n')
    expect((await line(db))?.status).toMatch(/^Up .* \(healthy\)$/)
    const { Health } = (await db.inspect()).State
    expect(Health).toMatchObject({ Status: 'healthy', FailingStreak: 0 })
    expect(Health?.Log.at(-1)).toMatchObject({ ExitCode: 0, Output: expect.stringContaining('accepting connections') })
    await db.stop({ timeoutMs: 60_000 })
    expect((await line(db))?.status).toMatch(/^Exited \(0\) /)
    await db.remove()
  })

  test('Redis become unhealthy when it answers nobody any more', async () => {
    const redis = await engine
      .run('redis:7')
      .healthCmd('redis-cli ping | grep PONG')
      .healthInterval('200ms')
      .healthStartPeriod('120s')
      .healthStartInterval('200ms')
      .healthRetries(2)
    await redis.waitFor('healthy', { timeoutMs: 120_000 })
    const story = untilEvent(redis, 'health_status: unhealthy')
    await redis.exec(['redis-cli', 'config', 'set', 'requirepass', 'secret'])
    expect((await story).at(-1)).toBe('health_status: unhealthy')
    const unhealthy = await engine.containers.list({ filters: { health: 'unhealthy' } })
    expect(unhealthy).toMatchObject([{ id: redis.id, status: expect.stringMatching(/\(unhealthy\)$/) }])
    await redis.stop()
    await redis.remove()
  })

  test('all that happens to a container, in order', async () => {
    const container = await engine.run('busybox', ['sleep', '1000']).name('watched').label({ stage: 'ci' }).create()
    const begin = { since: new Date(Date.now() - 60_000), until: new Date(Date.now() + 60_000) }
    const told = engine.events({ ...begin, filters: { type: 'container', label: 'stage=ci' } })
    await container.start()
    await container.exec(['true'])
    await container.pause()
    await container.unpause()
    await container.rename('seen')
    await container.restart({ timeoutMs: 0 })
    await container.kill()
    await container.remove()
    const actions: string[] = []
    for await (const { action, actor } of told) {
      actions.push(action)
      expect(actor).toMatchObject({ id: container.id, attributes: { image: 'busybox', stage: 'ci' } })
      if (action === 'destroy') break
    }
    const ofExec = ['exec_create: true ', 'exec_start: true ', 'exec_die']
    const ofRestart = ['kill', 'kill', 'die', 'stop', 'start', 'restart']
    expect(actions).toEqual([
      ...['create', 'start', ...ofExec, 'pause', 'unpause', 'rename'],
      ...[...ofRestart, 'kill', 'die', 'destroy'],
    ])
  })

  test('what a busy one uses', async () => {
    const busy = await engine.run('busybox', ['sh', '-c', 'while :; do :; done']).memory('32m').pidsLimit(10)
    const [first, second] = [await busy.stats(), await busy.stats()]
    await busy.remove({ force: true })
    expect(first).toMatchObject({ id: busy.id, name: busy.name, memoryLimit: 32 << 20, pids: 1 })
    expect(first.cpuPercent).toBeGreaterThan(0)
    expect(first.memoryUsage).toBeGreaterThan(0)
    const total = ({ document }: typeof first) => document.cpu_stats.cpu_usage.total_usage
    expect(total(second)).toBeGreaterThan(total(first))
  })

  test('nginx’s logs: both streams, the last lines, with times, and what comes', async ({ expect }) => {
    const nginx = await listening(await engine.run('nginx').publish('80'), 80)
    const url = `http://127.0.0.1:${await portOf(nginx, '80/tcp')}`
    await nginx.exec(['mkdir', '/var/www/html/empty'])
    const follows = logged(nginx, '"GET / HTTP/1.1" 200', 2)
    await body(`${url}/`)
    await body(`${url}/empty/`)
    const errors = () => nginx.logs({ stdout: false }).text()
    await expect.poll(errors).toContain('directory index of "/var/www/html/empty/" is forbidden')
    // Of several workers each writes when it comes to it.
    await expect.poll(() => nginx.logs().text()).toContain('"GET /empty/ HTTP/1.1" 403')
    await body(`${url}/`)
    expect((await follows).filter((one) => one.includes('"GET /empty/ HTTP/1.1" 403'))).toHaveLength(1)
    const [last, none] = await Promise.all([
      nginx.logs({ stderr: false, tail: 1 }).text({ timestamps: true }),
      nginx.logs({ since: new Date(Date.now() + 60_000) }).text(),
    ])
    expect(last).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z .*"GET \/ HTTP\/1.1" 200/)
    expect(none).toBe('')
    await nginx.remove({ force: true })
  })
})

test('a page is copied into nginx, running or not, and its files out of it', async () => {
  writeFileSync(join(here, 'index.html'), 'copied\n')
  const nginx = await engine.run('nginx').publish('80').create()
  await nginx.copyTo(join(here, 'index.html'), '/var/www/html/index.html')
  await nginx.start()
  await listening(nginx, 80)
  const url = `http://127.0.0.1:${await portOf(nginx, '80/tcp')}/`
  expect(await body(url)).toBe('copied\n')
  writeFileSync(join(here, 'index.html'), 'while it runs\n')
  await nginx.copyTo(join(here, 'index.html'), '/var/www/html/')
  expect(await body(url)).toBe('while it runs\n')
  await nginx.stop({ timeoutMs: 60_000 })
  await nginx.copyFrom('/etc/nginx/nginx.conf', join(here, 'nginx.conf'))
  expect(await readFile(join(here, 'nginx.conf'), 'utf8')).toContain('http {')
  expect(await statusOf(nginx)).toMatch(/^Exited \(0\) /)
  await nginx.remove()
})

test('all that have stopped are removed, with their volumes, and the rest is told of the engine', async () => {
  const up = await engine.run('busybox', ['sleep', '1000']).rm()
  const stopped = await Promise.all([1, 2].map(() => engine.run('busybox', ['true']).volume('/data')))
  await Promise.all(stopped.map((container) => container.wait()))
  const volumes = async () => (await engine.volumes.list()).length
  expect(await volumes()).toBe(2)
  expect(await engine.info()).toMatchObject({
    Containers: 3,
    ContainersRunning: 1,
    ContainersPaused: 0,
    ContainersStopped: 2,
    DockerRootDir: engine.root,
    OSType: 'linux',
    Driver: 'overlay',
  })
  expect(await engine.version()).toMatchObject({ Os: 'linux', Version: expect.stringMatching(/^\d+\.\d+\.\d+/) })
  const [exited] = await engine.containers.list({ all: true, filters: { status: 'exited' }, limit: 1 })
  await (await engine.containers.get(exited?.id ?? '')).remove({ volumes: true })
  expect(await volumes()).toBe(1)
  const { deleted } = await engine.containers.prune()
  expect(deleted).toHaveLength(1)
  expect((await engine.containers.list({ all: true })).map((one) => one.id)).toEqual([up.id])
  await engine.volumes.prune({ all: true })
  const gone = up.wait({ condition: 'removed' })
  await up.kill()
  await gone
  expect(await engine.containers.list({ all: true })).toEqual([])
})

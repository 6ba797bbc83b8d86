import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let host: TestEngine
let engine: Engine
beforeAll(async () => {
  host = await testEngine(['busybox'])
  engine = host.engine
})
afterAll(() => host[Symbol.asyncDispose]())

const sh = (script: string) => engine.run('busybox', ['sh', '-c', script]).rm()

describe('output', () => {
  test('gathers stdout and stderr apart, and the exit code', async () => {
    expect(await sh('echo out; echo err >&2; exit 3').output()).toEqual({
      exitCode: 3,
      signal: undefined,
      oomKilled: false,
      stdout: 'out\n',
      stderr: 'err\n',
    })
  })

  test('reports a program that a signal ended as 128 and the signal', async () => {
    const { exitCode, signal } = await engine
      .run('busybox', ['sh', '-c', 'kill -TERM $$; sleep 10'])
      .init()
      .rm()
      .output()
    expect({ exitCode, signal }).toEqual({ exitCode: 143, signal: undefined })
  })

  test('reports 137 and SIGKILL of a first process that was killed', async () => {
    const container = await engine.run('busybox', ['sleep', '100'])
    await container.kill()
    expect(await container.wait()).toEqual({ exitCode: 137, signal: 'SIGKILL', oomKilled: false })
    await container.remove()
  })

  test('passes stdin through and closes it', async () => {
    const { stdout } = await engine
      .run('busybox', ['wc', '-c'])
      .rm()
      .output({ stdin: 'x'.repeat(1_000_000) })
    expect(stdout.trim()).toBe('1000000')
  })

  test('loses no byte of a flood of both streams', async () => {
    const { stdout, stderr } = await sh('head -c 20000000 /dev/zero & head -c 10000000 /dev/zero >&2; wait').output()
    expect([stdout.length, stderr.length]).toEqual([20_000_000, 10_000_000])
  })

  test('kills the container and rejects with the reason when aborted', async () => {
    const abort = new AbortController()
    const output = engine.run('busybox', ['sleep', '1000']).name('aborted').rm().output({ signal: abort.signal })
    const failed = expect(output).rejects.toThrow('enough')
    while ((await engine.containers.list()).length === 0) await new Promise(setImmediate)
    abort.abort(new Error('enough'))
    await failed
    await expect(engine.containers.get('aborted')).rejects.toMatchObject({ code: 'CONTAINER_NOT_FOUND' })
  })
})

describe('options', () => {
  test('sets environment, with files first, and takes values of names alone from this process', async () => {
    const file = `${host.directory}/vars`
    writeFileSync(file, '# comment\nA=file\nB=from file\n')
    process.env.INBOARD_TEST_INHERITED = 'inherited'
    const { stdout } = await engine
      .run('busybox', ['env'])
      .envFile(file)
      .env({ A: 'given', INBOARD_TEST_INHERITED: undefined })
      .rm()
      .output()
    const lines = stdout.split('\n')
    expect(lines).toEqual(
      expect.arrayContaining(['A=given', 'B=from file', 'INBOARD_TEST_INHERITED=inherited', 'HOME=/root']),
    )
  })

  test('runs as a user by name or number, with Docker’s groups', async () => {
    const id = async (user: string) => (await engine.run('busybox', ['id']).user(user).rm().output()).stdout.trim()
    expect(await id('root')).toBe('uid=0(root) gid=0(root) groups=0(root),10(wheel)')
    expect(await id('1000')).toBe('uid=1000 gid=0(root) groups=0(root)')
    expect(await id('1000:2000')).toBe('uid=1000 gid=2000 groups=2000')
  })

  test('makes a missing working directory', async () => {
    const { stdout } = await engine.run('busybox', ['pwd']).workdir('/made/here').rm().output()
    expect(stdout).toBe('/made/here\n')
  })

  test('gives the hostname, and a file of it', async () => {
    const { stdout } = await engine
      .run('busybox', ['sh', '-c', 'hostname; cat /etc/hostname'])
      .hostname('box')
      .rm()
      .output()
    expect(stdout).toBe('box\nbox\n')
  })

  test('replaces the entrypoint, and the image’s command with it', async () => {
    const { stdout } = await engine.run('busybox', ['given']).entrypoint(['echo', 'entry']).rm().output()
    expect(stdout).toBe('entry given\n')
  })

  test('loads a seccomp profile of one’s own', async () => {
    const profile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }],
    }
    const { stdout } = await sh('mkdir /x 2>&1; grep Seccomp: /proc/self/status')
      .securityOpt(`seccomp=${JSON.stringify(profile)}`)
      .output()
    expect(stdout).toBe("mkdir: can't create directory '/x': No space left on device\nSeccomp:\t2\n")
  })

  test('no-new-privileges is set where it is asked for', async () => {
    const { stdout } = await sh('grep NoNewPrivs /proc/self/status').securityOpt('no-new-privileges').output()
    expect(stdout).toBe('NoNewPrivs:\t1\n')
  })

  test('makes a working directory that the image lacks, also on a root that is read-only', async () => {
    const { stdout } = await sh('pwd; touch file 2>&1; true').workdir('/made/for/it').readOnly().output()
    expect(stdout).toBe('/made/for/it\ntouch: file: Read-only file system\n')
  })

  test('makes the root read-only, and a tmpfs on it writable', async () => {
    const { stdout } = await engine
      .run('busybox', ['sh', '-c', 'touch /x 2>/dev/null || echo ro; touch /t/x && echo rw; grep " /t " /proc/mounts'])
      .readOnly()
      .tmpfs('/t', 'size=1m,mode=1777')
      .rm()
      .output()
    expect(stdout).toMatch(/^ro\nrw\ntmpfs \/t tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k 0 0\n$/)
  })

  test('binds host directories and files, read-only when asked', async () => {
    writeFileSync(`${host.directory}/file`, 'of the host\n')
    const { stdout } = await engine
      .run('busybox', ['sh', '-c', 'cat /f; echo changed > /f 2>/dev/null || echo ro; echo new > /d/new'])
      .mount({ type: 'bind', source: `${host.directory}/file`, target: '/f', readOnly: true })
      .volume(`${host.directory}/made:/d`)
      .rm()
      .output()
    expect(stdout).toBe('of the host\nro\n')
  })

  test('adds and drops capabilities', async () => {
    const caps = async (builder: ReturnType<typeof sh>) => (await builder.output()).stdout.trim()
    const script = 'grep CapEff /proc/self/status | cut -f2'
    expect(await caps(sh(script))).toBe('00000000a80425fb')
    expect(await caps(sh(script).capDrop('ALL').capAdd('NET_ADMIN'))).toBe('0000000000001000')
  })

  test('limits memory, processes and CPU', async () => {
    const { stdout } = await sh(
      'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us 2>/dev/null || cat memory.max pids.max cpu.max',
    )
      .memory('64m')
      .pidsLimit(32)
      .cpus(0.5)
      .output()
    expect(stdout.split('\n').slice(0, 3)).toEqual(['67108864', '32', '50000'])
  })

  test('reports OOMKilled and 137 when the memory limit is exceeded', async () => {
    const container = await engine
      .run('busybox', ['sh', '-c', 'tail /dev/zero'])
      .memory('8m')
      .memorySwap('8m')
      .init(false)
    const result = await container.wait()
    const { State } = await container.inspect()
    await container.remove()
    expect({ ...result, inspected: State.OOMKilled }).toMatchObject({ oomKilled: true, inspected: true })
  })

  test('sets ulimits and sysctls', async () => {
    const { stdout } = await sh('ulimit -n; ulimit -Hn; cat /proc/sys/net/ipv4/ip_forward')
      .ulimit('nofile=64:128')
      .sysctl({ 'net.ipv4.ip_forward': '1' })
      .output()
    expect(stdout).toBe('64\n128\n1\n')
  })

  test('gives a device that was asked for, and no other', async () => {
    const { stdout } = await engine
      .run('busybox', [
        'sh',
        '-c',
        'head -c 4 /dev/kmsg >/dev/null 2>&1; echo $?; mknod /m c 1 11; cat /m 2>&1 | head -c 60; ls -l /dev/kvm2',
      ])
      .device('/dev/null:/dev/kvm2')
      .rm()
      .output()
    expect(stdout).toMatch(/^1\ncat: can't open '\/m': Operation not permitted\ncrw-rw-rw- .* 1, +3 .* \/dev\/kvm2\n$/)
  })

  test('privileged has what the engine has, also where the engine lacks a capability', async () => {
    const { exitCode, stdout } = await sh(
      'grep CapEff /proc/self/status; mount -t tmpfs x /mnt 2>&1 || mkdir /mnt && mount -t tmpfs x /mnt && echo mounted',
    )
      .privileged()
      .output()
    expect(exitCode).toBe(0)
    expect(stdout).toContain('mounted')
  })

  test('shares the host’s network when asked, and has nothing but its own loopback with none', async () => {
    const own = await sh('ls /sys/class/net').network('none').output()
    const shared = await engine.run('busybox', ['readlink', '/proc/self/ns/net']).network('host').rm().output()
    const { readlinkSync } = await import('node:fs')
    expect(own.stdout).toBe('lo\n')
    expect(shared.stdout.trim()).toBe(readlinkSync('/proc/self/ns/net'))
  })

  test('runs an init that reaps orphans', async () => {
    const { stdout } = await sh(
      'cat /proc/1/comm; (sleep 0.01 & echo $! >/orphan); while test -d /proc/$(cat /orphan); do sleep 0.01; done; echo reaped',
    )
      .init()
      .output()
    expect(stdout).toBe('docker-init\nreaped\n')
  })
})

describe('errors', () => {
  test.each([
    ['nosuch', 127, 'PROGRAM_NOT_FOUND'],
    ['/etc/passwd', 126, 'PROGRAM_NOT_EXECUTABLE'],
    ['/nosuch', 127, 'PROGRAM_NOT_FOUND'],
  ])('a start of %s fails with Docker’s exit code %i', async (program, exitCode, code) => {
    await expect(engine.run('busybox', [program]).rm().output()).rejects.toMatchObject({ code, exitCode })
  })

  test('an unknown image is named', async () => {
    await expect(engine.run('nosuch:1').pull('never').create()).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' })
  })

  test('an unknown user is an error of creating', async () => {
    await expect(engine.run('busybox').user('nobody-here').create()).rejects.toMatchObject({ code: 'USER_NOT_FOUND' })
  })

  test.each(['a', '-a', 'a b', 'a/b', ''])('refuses the name %j', async (name) => {
    await expect(engine.run('busybox').name(name).create()).rejects.toMatchObject({ code: 'INVALID_NAME' })
  })

  test('a working directory that leads out of the root is refused', async () => {
    const attempts = Array.from({ length: 30 }, (_, fd) =>
      engine
        .run('busybox', ['pwd'])
        .workdir(`/proc/self/fd/${fd}`)
        .rm()
        .output()
        .then(
          ({ stdout }) => stdout,
          (error) => error.code,
        ),
    )
    expect(new Set(await Promise.all(attempts))).toEqual(new Set(['LAUNCH_FAILED']))
  })

  test('nothing is left behind of all this', async () => {
    expect(await engine.containers.list({ all: true })).toEqual([])
    expect(await host.leaks()).toEqual([])
  })
})

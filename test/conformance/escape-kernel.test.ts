import { readdirSync, readFileSync, statSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestEngine, testEngine } from '../support/engine.js'
import { Canary } from './support/canary.js'
import { Programs } from './support/programs.js'

let host: TestEngine
const canary = new Canary()
const programs = new Programs('chroot')
const before = canary.state()
beforeAll(async () => {
  host = await testEngine(['busybox'])
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  canary[Symbol.dispose]()
  programs[Symbol.dispose]()
})

const sh = (script: string) => host.engine.run('busybox', ['sh', '-c', `exec 2>&1; ${script}`]).rm()
const said = async (script: string) => (await sh(script).output()).stdout.trim()

/** The disk that holds the host's root, or any disk where that is on none. */
function hostDisk(): string {
  const { dev } = statSync('/', { bigint: true })
  const major = (dev >> 8n) & 0xfffn
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xfff00n)
  if (major !== 0n) return `${major} ${minor}`
  const [disk] = readdirSync('/sys/class/block')
  return disk === undefined ? '8 0' : readFileSync(`/sys/class/block/${disk}/dev`, 'utf8').trim().replace(':', ' ')
}

describe('a container with every default cannot', () => {
  test('mount a filesystem', async () => {
    expect(
      await said('mkdir /m; mount -t tmpfs x /m; mount -t proc x /m; mount --bind / /m; mount -o remount,rw /sys'),
    ).toBe(Array(4).fill('mount: permission denied (are you root?)').join('\n'))
  })

  test('open the host’s disk through a node of its own', async () => {
    expect(await said(`mknod /disk b ${hostDisk()}; dd if=/disk of=/dev/null bs=512 count=1`)).toBe(
      "dd: can't open '/disk': Operation not permitted",
    )
  })

  test('open the host’s disk from an exec', async () => {
    const container = await host.engine.run('busybox', ['sleep', '60'])
    const { stderr } = await container.exec([
      'sh',
      '-c',
      `mknod /disk b ${hostDisk()}; dd if=/disk of=/dev/null bs=512 count=1`,
    ])
    await container.remove({ force: true })
    expect(stderr).toBe("dd: can't open '/disk': Operation not permitted\n")
  })

  test.each(['1 1', '1 2', '1 4', '1 11', '4 1', '10 237', '10 229'])(
    'open the character device %s',
    async (numbers) => {
      expect(await said(`mknod /node c ${numbers}; head -c 1 /node`)).toBe('head: /node: Operation not permitted')
    },
  )

  test.each([
    '/proc/sys/kernel/core_pattern',
    '/proc/sys/kernel/modprobe',
    '/proc/sys/vm/drop_caches',
    '/proc/sys/fs/file-max',
    '/proc/sys/net/ipv4/ip_forward',
    '/proc/irq/default_smp_affinity',
    '/sys/kernel/uevent_helper',
    '/sys/power/state',
    '/sys/fs/cgroup/x',
  ])('open %s for writing', async (path) => {
    expect(await said(`: >${path}`)).toMatch(/^sh: can't create \S+: (Read-only file system|nonexistent directory)$/)
  })

  test('make these writable again', async () => {
    expect(
      await said(
        'mount -o remount,rw /proc/sys; mount -o remount,bind,rw /sys/fs/cgroup; umount /proc/sys; umount -l /proc/keys',
      ),
    ).toBe(
      [
        'mount: permission denied (are you root?)',
        'mount: permission denied (are you root?)',
        "umount: can't unmount /proc/sys: Operation not permitted",
        "umount: can't unmount /proc/keys: Operation not permitted",
      ].join('\n'),
    )
  })

  test('reach the magic system request key', async () => {
    expect(await said(': >/proc/sysrq-trigger')).toMatch(
      /^sh: can't create \/proc\/sysrq-trigger: (Read-only file system|nonexistent directory)$/,
    )
  })

  test('read the kernel’s memory, keys, timers or interrupts', async () => {
    expect(
      await said(
        'cat /proc/kcore /proc/keys /proc/timer_list /proc/interrupts /proc/sched_debug /dev/mem /dev/kmem 2>/dev/null | head -c 10 | wc -c',
      ),
    ).toBe('0')
  })

  test('list the host’s firmware', async () => {
    expect(
      await said(
        'ls -A /sys/firmware /proc/acpi /proc/scsi /sys/devices/virtual/powercap 2>/dev/null | grep -v : | wc -w',
      ),
    ).toBe('0')
  })

  test('see, signal or look into a process of the host', async () => {
    const script = `ls -d /proc/[0-9]* | wc -l; kill -0 ${process.pid}; ls /proc/${process.pid}; ls /proc/${process.ppid}/root`
    expect(await said(script)).toMatch(
      /^[23]\nsh: can't kill pid \d+: No such process\nls: \/proc\/\d+: No such file or directory\nls: \/proc\/\d+\/root: No such file or directory$/,
    )
  })

  test('have a user namespace, and with it capabilities', async () => {
    expect(await said('unshare -U true; unshare -Ur id; nsenter -t 1 -m true')).toMatch(
      /^unshare: unshare\(0x10000000\): Operation not permitted\nunshare: unshare\(0x10000000\): Operation not permitted\nnsenter: .*Operation not permitted$/,
    )
  })

  test('leave its root by chroot', async () => {
    const { stdout } = await host.engine
      .run('busybox', ['/p/chroot', canary.file])
      .volume(programs.volume)
      .rm()
      .output()
    expect(stdout.trim().split('\n')).toEqual([
      'fchdir out of a chroot: nothing, still in the container',
      'a second chroot below the working directory: nothing, still in the container',
      'openat of the parent: nothing, still in the container',
    ])
  })

  test('set a release agent', async () => {
    const script =
      'mount -t cgroup -o rdma x /tmp; for f in /sys/fs/cgroup/*/release_agent; do [ -e $f ] && (: >$f); done; for d in /sys/fs/cgroup/*; do mkdir $d/x; done; mkdir /sys/fs/cgroup/x; (: >/sys/fs/cgroup/devices/devices.allow); true'
    const answer = await said(script)
    expect(
      answer.split('\n').filter((line) => !/permission denied|Read-only file system|nonexistent directory/.test(line)),
    ).toEqual([])
  })

  test('see more of the cgroup hierarchies than its own part', async () => {
    expect(
      await said(
        'cut -d: -f3 /proc/self/cgroup | sort -u; grep -E " - cgroup2? " /proc/self/mountinfo | cut -d" " -f4 | sort -u',
      ),
    ).toBe('/\n/')
  })

  test('gain capabilities from a file with all of them', async () => {
    expect(await said('grep -E "Cap(Inh|Amb)" /proc/self/status | tr -d "\\t\\n"')).toBe(
      'CapInh:0000000000000000CapAmb:0000000000000000',
    )
  })
})

describe('inheritable and ambient capabilities are empty', () => {
  const caps = ['sh', '-c', 'grep -hE "Cap(Inh|Amb)" /proc/self/status /proc/1/status | cut -f2 | sort -u']

  test('in a privileged container', async () => {
    expect((await host.engine.run('busybox', caps).privileged().rm().output()).stdout).toBe('0000000000000000\n')
  })

  test('in an exec, a privileged one too', async () => {
    const container = await host.engine.run('busybox', ['sleep', '60'])
    const plain = await container.exec(caps)
    const privileged = await container.exec(caps).privileged()
    await container.remove({ force: true })
    expect([plain.stdout, privileged.stdout]).toEqual(['0000000000000000\n', '0000000000000000\n'])
  })

  test('for another user with added capabilities', async () => {
    expect((await host.engine.run('busybox', caps).user('1000').capAdd('SYS_ADMIN').rm().output()).stdout).toBe(
      '0000000000000000\n',
    )
  })
})

test('the host is as it was', () => {
  expect(canary.state()).toEqual(before)
})

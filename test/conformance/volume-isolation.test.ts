import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { RunBuilder } from '../../src/container/run-builder.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { Canary } from './support/canary.js'
import { importHostile } from './support/oracle-image.js'
import { Programs } from './support/programs.js'
import { directory, symlink } from './support/tar.js'

// CVE-2021-30465, CVE-2025-31133 with every kind of mount that volumes brought; CVE-2022-23648; what `ro` is worth.
const starts = 60
let host: TestEngine
const canary = new Canary()
const programs = new Programs('exchange')
const before = canary.state()
beforeAll(async () => {
  host = await testEngine(['busybox'])
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  canary[Symbol.dispose]()
  programs[Symbol.dispose]()
})

const unharmed = () => expect(canary.state()).toEqual(before)
const run = (script: string, image = 'busybox') => host.engine.run(image, ['sh', '-c', script]).rm()
const dataOf = async (name: string) => (await (await host.engine.volumes.create(name)).inspect()).Mountpoint

interface Race {
  readonly name: string
  readonly link: string
  /** What the swapped names are: a directory, or a file. */
  readonly place?: 'file'
  readonly mounts: (run: RunBuilder) => RunBuilder
}

const races: readonly Race[] = [
  {
    name: 'a volume, against a link to the host’s directory',
    link: canary.directory,
    mounts: (run) => run.volume('raced-own:/v/place/target'),
  },
  {
    name: 'a volume, against a link to /proc',
    link: '/proc/self',
    mounts: (run) => run.volume('raced-own:/v/place/fd'),
  },
  {
    name: 'an image, against a link upwards',
    link: '../../../../../../../..',
    mounts: (run) => run.mount({ type: 'image', source: 'busybox', target: '/v/place/target' }),
  },
  {
    name: 'a tmpfs, against a link to /proc',
    link: '/proc',
    mounts: (run) => run.tmpfs('/v/place/sys/kernel'),
  },
  {
    name: 'a file, against a link to a masked file of /proc',
    link: '/proc/kcore',
    place: 'file',
    mounts: (run) => run.volume(`${canary.file}:/v/place:ro`),
  },
  {
    name: 'a file, against a link to what may only be read',
    link: '/proc/sysrq-trigger',
    place: 'file',
    mounts: (run) => run.volume(`${canary.file}:/v/place:ro`),
  },
]

describe(`${starts} starts beside a neighbour that swaps links in a volume: nothing else is reached by`, () => {
  test.each(races)('$name', async ({ link, place, mounts }) => {
    const shared = await dataOf('raced')
    if (place === 'file') writeFileSync(join(shared, 'place'), '')
    else mkdirSync(join(shared, 'place'))
    symlinkSync(link, join(shared, 'link'))
    const racer = await host.engine
      .run('busybox', ['/p/exchange', '/v/place', '/v/link'])
      .volume(programs.volume, 'raced:/v')
    const victim = mounts(host.engine.run('busybox', ['cat', '/proc/self/mountinfo']).volume('raced:/v').rm())
    const tables: string[] = []
    for (let n = 0; n < starts; n++)
      tables.push(
        await victim.output().then(
          ({ stdout }) => stdout,
          () => '',
        ),
      )
    await racer.remove({ force: true })
    for (const name of ['raced', 'raced-own'])
      await (await host.engine.volumes.get(name).catch(() => host.engine.volumes.create(name))).remove()
    expect(tables.filter((table) => isOverKernelFiles(table))).toEqual([])
    unharmed()
  })
})

/** Whether anything but the kernel's filesystems, and what masks them, is mounted in /proc, /sys or /dev. */
function isOverKernelFiles(table: string): boolean {
  return table
    .split('\n')
    .map((line) => line.split(' '))
    .some(([, , , root, target]) => /^\/(proc|sys)(\/|$)/.test(target ?? '') && /raced|canary|secret/.test(root ?? ''))
}

describe('a part of a volume, swapped with a link by a neighbour while it is looked up,', () => {
  test.each([canary.directory, '/proc/self/cwd', '../../../../../../../../etc'])('is never %s', async (link) => {
    const shared = await dataOf('parts')
    mkdirSync(join(shared, 'place/inner'), { recursive: true })
    writeFileSync(join(shared, 'place/inner/own'), '')
    symlinkSync(link, join(shared, 'link'))
    const racer = await host.engine
      .run('busybox', ['/p/exchange', '/v/place', '/v/link'])
      .volume(programs.volume, 'parts:/v')
    const seen = new Set<string>()
    for (let n = 0; n < starts; n++) {
      const part = { type: 'volume', source: 'parts', target: '/data', volumeOptions: { subpath: 'place' } } as const
      seen.add(
        await run('ls /data')
          .mount(part)
          .output()
          .then(
            ({ stdout }) => stdout,
            () => 'refused',
          ),
      )
    }
    await racer.remove({ force: true })
    await (await host.engine.volumes.get('parts')).remove()
    expect([...seen].filter((listing) => !['inner\n', 'refused'].includes(listing))).toEqual([])
    unharmed()
  })
})

describe('an image whose volume is where it has a symlink', () => {
  test.each([canary.directory, `../../../../..${canary.directory}`, '/proc/self/root'])(
    'to %s has it inside, and copies nothing of the host',
    async (target) => {
      const name = await importHostile(
        host.engine,
        `copied-${target.length}`,
        [symlink('data', target)],
        ['VOLUME /data'],
      )
      const outcome = await run('find /data/', name)
        .volume('copied:/data')
        .output()
        .then(
          ({ stdout }) => stdout,
          ({ code }) => code,
        )
      expect(['/data/\n', 'LAUNCH_FAILED', 'VOLUME_FAILED']).toContain(outcome)
      expect(readdirSync(await dataOf('copied'))).toEqual([])
      await (await host.engine.volumes.get('copied')).remove()
    },
  )
})

describe('a volume that is mounted read-only', () => {
  test('stays so with its mounts below, whatever root in the container tries, down a chain of volumesFrom', async () => {
    await host.engine.volumes.create('written')
    const first = await host.engine.run('busybox', ['true']).volume('written:/data')
    const second = await host.engine.run('busybox', ['true']).volumesFrom(`${first.id}:ro`)
    const { stdout } = await run(
      'for how in "remount,rw" "remount,bind,rw"; do mount -o $how /data; done 2>/dev/null; touch /data/x 2>/dev/null || echo kept',
    )
      .volumesFrom(second.id)
      .output()
    expect(stdout).toBe('kept\n')
    await first.remove()
    await second.remove()
  })
})

// Two ways: what is mounted there later, on the host or by a container that may, the other sees too.
describe('a directory that is shared with the host', () => {
  let shared: string
  beforeEach(() => {
    shared = mkdtempSync('/tmp/ib-shared-')
    execFileSync('mount', ['-t', 'tmpfs', 'inboard-test', shared])
    execFileSync('mount', ['--make-shared', shared])
    for (const name of ['nested', 'tmp', 'etc', 'host', 'container']) mkdirSync(join(shared, name))
    writeFileSync(join(shared, 'file'), '')
    return () => {
      execFileSync('umount', ['--recursive', shared])
      rmSync(shared, { recursive: true })
    }
  })
  const mountsOnHost = () =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
      .filter((at) => at.startsWith(`${shared}/`))

  test('gets nothing of what the container has mounted in it', async () => {
    const script = 'cat /h/nested/own; touch /h/tmp/x /etc/hosts; echo; ls /h/tmp /h/image/bin/sh'
    writeFileSync(join(await dataOf('nested'), 'own'), 'own')
    const { stdout } = await run(script)
      .volume(`${shared}:/h:rshared`, `${shared}/etc:/etc:shared`, 'nested:/h/nested', `${canary.file}:/h/file:ro`)
      .mount({ type: 'image', source: 'busybox', target: '/h/image' })
      .tmpfs('/h/tmp')
      .output()
    expect(stdout).toBe('own\n/h/image/bin/sh\n\n/h/tmp:\nx\n')
    expect(mountsOnHost()).toEqual([])
    unharmed()
  })

  test('shows what is mounted there later, both ways', async () => {
    const container = await host.engine
      .run('busybox', ['sleep', '1000'])
      .privileged()
      .volume(`${shared}:/h:rshared`, 'nested:/h/nested')
    execFileSync('mount', ['-t', 'tmpfs', 'inboard-test', join(shared, 'host')])
    const { stdout } = await container.exec([
      'sh',
      '-c',
      'mount -t tmpfs inside /h/container && grep -c " /h/host " /proc/mounts',
    ])
    expect(stdout).toBe('1\n')
    expect(mountsOnHost()).toEqual([join(shared, 'host'), join(shared, 'container')])
    await container.remove({ force: true })
  })

  test('is not hidden on the host where it is in the container', async () => {
    const sysfs = join(shared, 'host')
    execFileSync('mount', ['--bind', '/sys', sysfs])
    execFileSync('mount', ['--make-shared', sysfs])
    const before = mountsOnHost()
    const { stdout } = await run('ls /sys/firmware; ls /sys').volume(`${sysfs}:/sys:shared`).output()
    expect(stdout).toContain('kernel\n')
    expect(mountsOnHost()).toEqual(before)
  })
})

test('the host’s /sys can be bound over the container’s, is masked there, and read-only', async () => {
  const { stdout } = await run('ls /sys/kernel | head -1; ls /sys/firmware; touch /sys/x 2>/dev/null || echo kept')
    .volume('/sys:/sys:ro')
    .output()
  expect(stdout).toMatch(/^\w+\nkept\n$/)
})

test('device nodes that an image has in the place of a volume are copied, and open nothing', async () => {
  const name = await importHostile(
    host.engine,
    'devices',
    [directory('data'), ['data/disk', { type: 'block-device', devmajor: 254, devminor: 0, mode: 0o666 }]],
    ['VOLUME /data'],
  )
  const { stdout, stderr } = await run('dd if=/data/disk bs=1 count=1', name).output()
  expect(stdout).toBe('')
  expect(stderr).toContain('Operation not permitted')
})

test('an image with as many volumes as fit nowhere is refused before any is made', async () => {
  const places = (some: number) => Array.from({ length: 1000 }, (_, at) => `/m/${some}/${at}`)
  const changes = Array.from({ length: 10 }, (_, some) => `VOLUME ${JSON.stringify(places(some))}`)
  const name = await importHostile(host.engine, 'many', [], changes)
  const started = performance.now()
  await expect(host.engine.run(name, ['true']).create()).rejects.toMatchObject({
    code: 'INVALID_OPTION',
    message: 'too many mounts: 10000: a container has at most 1000, with the volumes of its image',
  })
  expect(performance.now() - started).toBeLessThan(30_000)
  expect(await host.engine.containers.list({ all: true })).toEqual([])
  expect(readdirSync(join(host.engine.root, 'volumes')).filter((entry) => entry.length === 64)).toEqual([])
})

test('nothing of all this is left on the host', async () => {
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(canary.directory)
  expect(await host.leaks()).toEqual([])
})

import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { MS } from '../../src/host/index.js'
import { opcodes, type PlanWriter, treeFlags } from '../../src/launch/protocol.gen.js'
import { Trees } from '../../src/launch/trees.js'
import type { ReadOnlyRoot } from '../../src/snapshot/rootfs.js'
import type { Mount } from '../../src/spec/types.js'
import { Bench, buildTestPrograms, plainSupervisor, sanitizedSupervisor } from './driver.js'
import { run } from './start.js'

const ENOENT = 2
const EROFS = 30
const ELOOP = 40
const addon = new URL('../../build/Release/inboard.node', import.meta.url).pathname

let bench: Bench
let volume: string
beforeAll(() => {
  buildTestPrograms()
  bench = new Bench()
})
beforeEach(() => {
  volume = mkdtempSync(join(bench.directory, 'volume-'))
  return () => rmSync(volume, { recursive: true })
})
afterAll(() => bench.dispose())

/** A file in the volume, with its directories. */
function put(path: string, content: string): void {
  mkdirSync(join(volume, path, '..'), { recursive: true })
  writeFileSync(join(volume, path), content)
}

/** The volume's directories and files, as containers have them mounted. */
const bind = (destination: string, given: Partial<Mount> = {}): Mount => ({
  type: 'bind',
  source: volume,
  destination,
  options: ['rbind', 'rprivate'],
  ...given,
})
const imageMount = (source: string, destination: string, given: Partial<Mount> = {}): Mount => ({
  type: 'image',
  source,
  destination,
  options: ['ro'],
  ...given,
})

interface Mounting {
  readonly script: string
  readonly mounts: readonly Mount[]
  readonly images?: ReadonlyMap<string, ReadOnlyRoot>
  /** In the container's mount namespace, before anything is opened. */
  readonly before?: (plan: PlanWriter) => void
}

/** Runs a script in a container with these mounts, by what the engine plans for them. */
function mounting(executable: string, { script, mounts, images = new Map(), before }: Mounting) {
  let trees: Trees
  return run(bench, executable, {
    argv: ['sh', '-c', script],
    network: false,
    entrance: (plan) => {
      before?.(plan)
      trees = new Trees(
        plan,
        { mounts, images, directory: bench.directory, slots: 20, sharedMemory: undefined },
        new Map(),
      )
      trees.makeDirectories()
      trees.openBinds()
      trees.openImages()
    },
    extra: () => {
      for (const mount of mounts) trees.attach(mount)
      trees.share()
    },
  })
}

/** A filesystem of its own below the volume, which only the container has. */
const mountBelow = (plan: PlanWriter) => {
  plan.rootMount({
    directory: volume,
    source: 'tmpfs',
    target: 'below',
    fstype: 'tmpfs',
    flags: MS.NODEV,
    data: 'size=64k',
  })
}

const failureOf = async (started: ReturnType<typeof mounting>) => {
  const { status, directory } = await started
  expect(existsSync(directory)).toBe(false)
  return status.frames.find(({ type }) => type === 'failed')
}

describe.each([
  ['release', plainSupervisor],
  ['sanitized', sanitizedSupervisor],
])('a part of a directory, by the %s supervisor,', (_build, executable) => {
  it.each([
    ['real/part', ''],
    ['/real/part/', ''],
    ['absolute', '/real/part'],
    ['relative', 'real/part'],
    ['upwards', '../../../../../../real/part'],
    ['real/../../real/part/../part', ''],
  ])('is found at %s (a symlink to %j), as if it were the root', async (subpath, target) => {
    put('real/part/file', 'inside')
    if (target) symlinkSync(target, join(volume, subpath))
    const { status } = await mounting(executable, { script: 'cat /data/file', mounts: [bind('/data', { subpath })] })
    expect(status.output()).toBe('inside')
  })

  it('is a file where it is one', async () => {
    put('real/file', 'inside')
    const mounts = [bind('/data/settings', { subpath: 'real/file' })]
    const { status } = await mounting(executable, { script: 'cat /data/settings', mounts })
    expect(status.output()).toBe('inside')
  })

  it.each(['/etc', '../../../../../../../../etc', '/proc/self/root/etc'])(
    'is never the host’s %s, by a symlink to it',
    async (target) => {
      symlinkSync(target, join(volume, 'out'))
      const started = mounting(executable, { script: 'ls /data', mounts: [bind('/data', { subpath: 'out' })] })
      expect(await failureOf(started)).toMatchObject({ opcode: opcodes.tree_open, errno: ENOENT, text: volume })
    },
  )

  it.each(['root/etc', 'cwd', 'fd/0'])('is not what a process has open: /proc/self/%s', async (subpath) => {
    const mounts = [bind('/data', { source: '/proc/self', subpath })]
    const started = mounting(executable, { script: 'ls /data', mounts })
    expect(await failureOf(started)).toMatchObject({ opcode: opcodes.tree_open, errno: ELOOP })
  })

  it('is found inside while others exchange it for a symlink to the host', async () => {
    const outside = mkdtempSync(join(bench.directory, 'outside-'))
    writeFileSync(join(outside, 'file'), 'outside\n')
    put(join(outside, 'file'), 'inside\n')
    put('at/one/file', 'inside\n')
    symlinkSync(outside, join(volume, 'at/other'))
    const mounts = Array.from({ length: 900 }, (_, at) => bind(`/data/${at}`, { subpath: 'at/one' }))
    const stop = await exchanging(join(volume, 'at/one'), join(volume, 'at/other'))
    const { status } = await mounting(executable, { script: 'cat /data/*/file | uniq -c', mounts })
    await stop()
    expect(status.output().trim()).toBe('900 inside')
  })
})

/** Exchanges two names as fast as it can, until the returned function is called. */
async function exchanging(one: string, other: string): Promise<() => Promise<void>> {
  const program = `const native = require(${JSON.stringify(addon)})
    for (let at = 0; ; at++) {
      native.renameat2(-100, ${JSON.stringify(one)}, -100, ${JSON.stringify(other)}, 2)
      if (at === 100) process.stdout.write('exchanging')
    }`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve)
    child.once('exit', (code) => reject(new Error(`the exchanging process has ended with ${code}`)))
  })
  return () => {
    child.kill('SIGKILL')
    return ended
  }
}

describe.each([
  ['release', plainSupervisor],
  ['sanitized', sanitizedSupervisor],
])('mounts, by the %s supervisor,', (_build, executable) => {
  const writable = 'for at in /data /data/below; do touch $at/x 2>/dev/null && echo $at; done; true'

  it.each([
    ['rw', ['rbind', 'rprivate'], '/data\n/data/below\n'],
    ['ro, at the top only', ['rbind', 'ro', 'rprivate'], '/data/below\n'],
    ['rro, all of them', ['rbind', 'rro', 'rprivate'], ''],
    ['ro with other attributes, all of them', ['rbind', 'ro', 'nosuid', 'rprivate'], ''],
    ['ro, without what is below', ['bind', 'ro', 'private'], ''],
  ])('are %s', async (_what, options, output) => {
    mkdirSync(join(volume, 'below'))
    const { status } = await mounting(executable, {
      script: writable,
      mounts: [bind('/data', { options })],
      before: mountBelow,
    })
    expect(status.output()).toBe(output)
  })

  it('stay read-only where the source is, whatever is asked', async () => {
    mkdirSync(join(volume, 'below'))
    const { status } = await mounting(executable, {
      script: writable,
      mounts: [bind('/data', { options: ['rbind', 'rw', 'rprivate'] })],
      before: (plan) => {
        mountBelow(plan)
        plan.treeOpen({ slot: 19, path: join(volume, 'below'), below: '', recursive: 0 })
        plan.treeAttach({
          slot: 19,
          target: join(volume, 'below'),
          attrSet: 1,
          attrClear: 0,
          propagation: 0,
          recursive: treeFlags.attributes,
          targetFlags: 0,
        })
      },
    })
    expect(status.output()).toBe('/data\n')
  })

  it.each([
    ['rshared', { '/data': 'shared', '/data/below': 'shared' }],
    ['shared', { '/data': 'shared', '/data/below': 'private' }],
    ['rprivate', { '/data': 'private', '/data/below': 'private' }],
  ])('have the propagation %s, and what is below with them or not', async (propagation, expected) => {
    mkdirSync(join(volume, 'below'))
    const { status } = await mounting(executable, {
      script: 'cat /proc/self/mountinfo',
      mounts: [bind('/data', { options: ['rbind', 'ro', propagation] })],
      before: mountBelow,
    })
    const lines = status.output().split('\n')
    const found = lines.map((line) => line.split(' ')).filter(([, , , , at]) => at?.startsWith('/data'))
    expect(
      Object.fromEntries(found.map(([, , , , at, , tag]) => [at, tag?.startsWith('shared:') ? 'shared' : 'private'])),
    ).toEqual(expected)
  })

  it('are made inside of others, and not where those are read-only', async () => {
    put('nested/file', 'nested')
    const nested = bind('/data/made/here', { subpath: 'nested' })
    const { status } = await mounting(executable, {
      script: 'cat /data/made/here/file',
      mounts: [bind('/data'), nested],
    })
    expect(status.output()).toBe('nested')
    expect(readdirSync(join(volume, 'made'))).toEqual(['here'])
    rmSync(join(volume, 'made'), { recursive: true })
    const readOnly = bind('/data', { options: ['rbind', 'ro', 'rprivate'] })
    expect(await failureOf(mounting(executable, { script: 'true', mounts: [readOnly, nested] }))).toMatchObject({
      opcode: opcodes.tree_attach,
      errno: EROFS,
      text: '/data/made/here',
    })
    expect(readdirSync(volume)).toEqual(['nested'])
  })
})

describe.each([
  ['release', plainSupervisor],
  ['sanitized', sanitizedSupervisor],
])('the files of an image, by the %s supervisor,', (_build, executable) => {
  const layers = (...lowerdirs: string[]) => ({ kind: 'overlay', directory: volume, lowerdirs }) satisfies ReadOnlyRoot

  it('are those of its layers, from several mounts, in part, and cannot be written to', async () => {
    put('lower/etc/file', 'lower')
    put('lower/etc/other', 'other')
    put('upper/etc/file', 'upper')
    put('single/single', 'single')
    symlinkSync('/etc', join(volume, 'upper/link'))
    const { status } = await mounting(executable, {
      script: `cat /one/etc/file /one/etc/other /two/file /three; ls /four; ls -A /five
        for at in /one /two /four /five; do touch $at/x 2>/dev/null && echo written; done
        while read a b c d at rest; do case $at in *image-*) echo $at; esac; done < /proc/self/mountinfo`,
      mounts: [
        imageMount('sha256:a', '/one'),
        imageMount('sha256:a', '/two', { subpath: 'link' }),
        imageMount('sha256:a', '/three', { subpath: 'etc/other' }),
        imageMount('sha256:b', '/four'),
        imageMount('sha256:c', '/five'),
      ],
      images: new Map([
        ['sha256:a', layers('upper', 'lower')],
        ['sha256:b', layers('single')],
        ['sha256:c', layers()],
      ]),
    })
    expect(status.output()).toBe('upperotherupperothersingle\n')
    expect(readdirSync(join(bench.directory, 'image-0'))).toEqual([])
  })

  it('are a directory’s where the driver has them so, read-only all the same', async () => {
    put('whole/file', 'whole')
    const { status } = await mounting(executable, {
      script: 'cat /image/file; touch /image/x 2>/dev/null || echo " refused"',
      mounts: [imageMount('sha256:a', '/image')],
      images: new Map([['sha256:a', { kind: 'directory', path: join(volume, 'whole') }]]),
    })
    expect(status.output()).toBe('whole refused\n')
  })

  it('are not there when the part that is asked for is not', async () => {
    put('single/single', 'single')
    const started = mounting(executable, {
      script: 'true',
      mounts: [imageMount('sha256:a', '/image', { subpath: 'nosuch' })],
      images: new Map([['sha256:a', layers('single')]]),
    })
    expect(await failureOf(started)).toMatchObject({ opcode: opcodes.tree_open, errno: ENOENT })
  })
})

it('leaves no mount of all these on the host', () => {
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(bench.directory)
})

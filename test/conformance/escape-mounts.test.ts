import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { RunBuilder } from '../../src/container/run-builder.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { Canary } from './support/canary.js'
import { fact } from './support/facts.js'
import { expectedTable, mountTable } from './support/mount-table.js'
import { importHostile } from './support/oracle-image.js'
import { directory, type Entry, file, symlink } from './support/tar.js'

// CVE-2019-19921, CVE-2021-30465, CVE-2023-27561, CVE-2025-31133, CVE-2025-52565, CVE-2025-52881: places of mounts, and what
// is mounted there, that an image or a shared directory turns into something of the host.
let host: TestEngine
let shared: string
const canary = new Canary()
const before = canary.state()
beforeAll(async () => {
  host = await testEngine([])
})
beforeEach(() => {
  shared = mkdtempSync('/tmp/ib-shared-')
  return () => rmSync(shared, { recursive: true })
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  canary[Symbol.dispose]()
})

let images = 0

/** What a start from such an image came to: the container's mounts, or the operation that refused. */
async function started(entries: readonly Entry[], options = (run: RunBuilder) => run): Promise<string | string[]> {
  const name = await importHostile(host.engine, `hostile-${++images}`, entries)
  const run = options(host.engine.run(name, ['cat', '/proc/self/mountinfo']).rm())
  return run.output().then(({ stdout }) => mountTable(stdout), refusal)
}

function refusal(error: { code: string; details: { operation?: string; syscallError?: string } }): string {
  return `${error.details.operation ?? error.code} ${error.details.syscallError ?? ''}`
}

const docker = expectedTable(fact('mountinfo.txt'))
/** Without a /dev of its own a container has a null device that nobody sees but the masks. */
const maskedFiles = docker
  .filter((line) => line.includes(' /null '))
  .map((line) => expect.stringMatching(new RegExp(`^${line.split(' ')[0]} /null rw,nosuid`)))
const unharmed = () => expect(canary.state()).toEqual(before)

describe('an image in which a mount’s place is a symlink', () => {
  test.each([
    ['proc', canary.directory],
    ['proc', 'proc'],
    ['sys', canary.directory],
    ['sys', '/proc'],
    ['dev', canary.directory],
    ['dev', '/proc/self/fd'],
    ['.dockerenv', canary.file],
    ['etc', canary.directory],
  ])('/%s to %s gets the mounts of any other', async (name, target) => {
    expect(await started([symlink(name, target)])).toEqual(docker)
    unharmed()
  })

  test.each([
    ['proc', '/etc'],
    ['proc', '../../../../../..'],
    ['sys', '/bin'],
    ['dev', '/etc'],
    ['dev', '../../../../../..'],
  ])('/%s to %s is refused', async (name, target) => {
    expect(await started([symlink(name, target)])).toBe('mount ELOOP')
    unharmed()
  })

  test.each([
    ['etc/hosts', canary.file],
    ['etc/resolv.conf', '/proc/1/environ'],
    ['etc/hostname', '../../../../../../etc/hostname'],
    ['etc/mtab', canary.file],
  ])('/%s to %s gets the mounts of any other', async (name, target) => {
    expect(await started([directory('etc'), file('etc/passwd', 'root:x:0:0::/:\n'), symlink(name, target)])).toEqual(
      docker,
    )
    unharmed()
  })

  test('and the places of devices too is not followed', async () => {
    const links = ['null', 'console', 'pts', 'shm', 'mqueue', 'ptmx', 'full'].map((name) =>
      symlink(`dev/${name}`, canary.file),
    )
    expect(await started([directory('dev'), ...links])).toEqual(docker)
    unharmed()
  })
})

describe('a bind whose target in the image is a symlink', () => {
  test.each([canary.directory, `../../../../../../../..${canary.directory}`])(
    'to %s is mounted below the container’s root',
    async (target) => {
      const mounts = await started([symlink('data', target)], (run) => run.volume(`${shared}:/data`))
      expect(JSON.stringify(mounts)).toContain(canary.directory)
      unharmed()
    },
  )

  test.each(['/proc', '/proc/sys', '/proc/self', '/proc/1/root', '/proc/self/attr', '/proc/self/fd/3'])(
    'to %s does not get the kernel’s files out of the way',
    async (target) => {
      expect(await started([symlink('data', target)], (run) => run.tmpfs('/data'))).toMatch(/^mount (EXDEV|ELOOP)$/)
      expect(await started([symlink('data', target)], (run) => run.volume(`${shared}:/data`))).toMatch(
        /^tree_attach (EXDEV|ELOOP)$/,
      )
      expect(readdirSync(shared)).toEqual([])
      unharmed()
    },
  )

  test.each(['/sys', '/sys/fs/cgroup'])('to %s leaves nothing writable or unmasked below it', async (target) => {
    const mounts = await started([symlink('data', target)], (run) => run.volume(`${shared}:/data`))
    const cgroups = docker.filter((line) => line.startsWith('/sys/fs/cgroup'))
    expect(mounts).toEqual(expect.arrayContaining(cgroups))
    unharmed()
  })

  test('to a loop is refused', async () => {
    expect(await started([symlink('a', 'b'), symlink('b', 'a')], (run) => run.volume(`${shared}:/a/data`))).toMatch(
      /ELOOP$/,
    )
  })

  test('inside a bind cannot leave that one', async () => {
    symlinkSync(canary.directory, `${shared}/link`)
    mkdirSync(`${shared}/real`)
    const mounts = await started([], (run) => run.volume(`${shared}:/v`, `${shared}/real:/v/link/target`))
    expect(JSON.stringify(mounts)).toContain(`${canary.directory}/target`)
    unharmed()
  })
})

describe('a shared directory in place of a container’s own', () => {
  test('as /dev, with a null device that is a link, does not lend it to the masks', async () => {
    symlinkSync('/proc/sys/kernel/core_pattern', `${shared}/null`)
    expect(await started([], (run) => run.volume(`${shared}:/dev`))).toEqual(expect.arrayContaining(maskedFiles))
  })

  test('as /dev, with a file for a null device, does not lend it to the masks', async () => {
    writeFileSync(`${shared}/null`, 'what the container would read')
    expect(await started([], (run) => run.volume(`${shared}:/dev`))).toEqual(expect.arrayContaining(maskedFiles))
  })

  test('as /dev, with links for devices, writes through none of them', async () => {
    symlinkSync(canary.file, `${shared}/console`)
    symlinkSync(canary.directory, `${shared}/pts`)
    symlinkSync(canary.directory, `${shared}/shm`)
    await started([], (run) => run.volume(`${shared}:/dev`).tty())
    unharmed()
  })

  test('as /dev/pts does not hand its console to the container', async () => {
    symlinkSync('/proc/sys/kernel/core_pattern', `${shared}/ptmx`)
    symlinkSync('/proc/sys/kernel/core_pattern', `${shared}/0`)
    expect(await started([], (run) => run.volume(`${shared}:/dev/pts`).tty())).toBe('console EXDEV')
  })

  test('as /dev with a terminal and a console that is a link is refused', async () => {
    symlinkSync('/proc/sysrq-trigger', `${shared}/console`)
    expect(await started([], (run) => run.volume(`${shared}:/dev`).tty())).toMatch(/^(mask|console) /)
  })

  test.each(['/proc', '/proc/sys', '/proc/self/attr', '/'])(
    'at %s is refused before anything is done',
    async (target) => {
      expect(await started([], (run) => run.volume(`${shared}:${target}`))).toBe('INVALID_OPTION ')
    },
  )
})

test('nothing of all this is left on the host', async () => {
  expect(await host.leaks()).toEqual([])
})

import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunBuilder } from '../../src/container/run-builder.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { Canary } from './support/canary.js'
import { Programs } from './support/programs.js'

// CVE-2021-30465, CVE-2024-45310: a neighbour swaps a directory for a link, over and over, where a mount is being made.
const starts = 120
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

interface Race {
  readonly name: string
  /** Where the link that takes the directory's place leads. */
  readonly link: string
  readonly mounts: (shared: string, own: string) => (run: RunBuilder) => RunBuilder
}

const below = (shared: string, own: string) => (run: RunBuilder) => run.volume(`${shared}:/v`, `${own}:/v/place/target`)
const races: readonly Race[] = [
  { name: 'a bind, against a link to the host’s directory', link: canary.directory, mounts: below },
  { name: 'a bind, against a link to the root', link: '/', mounts: below },
  { name: 'a bind, against a link upwards', link: '../../../../../../../..', mounts: below },
  { name: 'a bind, against a link to /proc', link: '/proc/self/cwd', mounts: below },
  {
    name: 'a tmpfs, against a link to the host’s directory',
    link: canary.directory,
    mounts: (shared) => (run) => run.volume(`${shared}:/v`).tmpfs('/v/place/target'),
  },
  {
    name: 'a working directory, against a link to the host’s',
    link: canary.directory,
    mounts: (shared) => (run) => run.volume(`${shared}:/v`).workdir('/v/place/target'),
  },
]

describe(`${starts} starts beside a neighbour that swaps links: nothing of the host is reached by`, () => {
  test.each(races)('$name', async ({ link, mounts }) => {
    using place = new SharedPlace(link)
    const racer = await host.engine
      .run('busybox', ['/p/exchange', '/v/place', '/v/link'])
      .volume(programs.volume, `${place.shared}:/v`)
    const run = mounts(place.shared, place.own)(host.engine.run('busybox', ['cat', '/proc/self/mountinfo']).rm())
    const tables = await startMany(run)
    await racer.remove({ force: true })
    expect(
      new Set(tables.map((table) => placeOf(table, place.own))).size,
      'ways in which a start ended',
    ).toBeGreaterThan(1)
    expect(tables.filter((table) => outsideOf(table, place.own))).toEqual([])
    expect(canary.state()).toEqual(before)
    expect(readdirSync(place.own)).toEqual([])
  })
})

/** A directory `place` and a link `link` in a directory that containers share, and one that the victim alone binds. */
class SharedPlace implements Disposable {
  readonly directory = mkdtempSync('/tmp/ib-race-')
  readonly shared = join(this.directory, 'shared')
  readonly own = join(this.directory, 'own')

  constructor(link: string) {
    mkdirSync(join(this.shared, 'place'), { recursive: true })
    mkdirSync(this.own)
    symlinkSync(link, join(this.shared, 'link'))
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** A start that fails is as good as one that does not: what counts is where things were made. */
async function startMany(run: RunBuilder): Promise<string[]> {
  const tables: string[] = []
  for (let n = 0; n < starts; n++)
    tables.push(
      await run.output().then(
        ({ stdout }) => stdout,
        () => '',
      ),
    )
  return tables
}

/** Where the mount ended up: a neighbour that never was in time would show nothing. */
function placeOf(table: string, own: string): string {
  const mount = table.split('\n').find((line) => line.includes(own) || line.includes('/target '))
  return mount?.split(' ')[4] ?? (table === '' ? 'nowhere' : 'no mount')
}

/** Whether a mount of the victim's is anywhere but below its root or the shared directory: over the kernel's own files. */
function outsideOf(table: string, own: string): boolean {
  return table
    .split('\n')
    .filter((line) => line.includes(own))
    .some((line) => /^\/(proc|sys|dev)(\/|$)/.test(line.split(' ')[4] ?? ''))
}

test('nothing of all this is left on the host', async () => {
  expect(await host.leaks()).toEqual([])
})

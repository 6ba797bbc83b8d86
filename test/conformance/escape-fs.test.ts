import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { Canary } from './support/canary.js'
import { importHostile } from './support/oracle-image.js'
import { Programs } from './support/programs.js'
import { directory as dir, file, symlink } from './support/tar.js'

// CVE-2018-15664 for `container.fs`: a container swaps a directory and a symlink to the host's while files are read, written,
// made and removed, each as often as time allows.
const budgetMs = 1200
let host: TestEngine
let own: string
const canary = new Canary()
const programs = new Programs('exchange')
const before = canary.state()
beforeAll(async () => {
  host = await testEngine([])
  own = mkdtempSync('/tmp/ib-fs-race-')
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  canary[Symbol.dispose]()
  programs[Symbol.dispose]()
  rmSync(own, { recursive: true, force: true })
})

/** A container in which `/place` is now a directory, now what `link` is. */
async function swapping(name: string, link: ReturnType<typeof symlink>): Promise<Container> {
  const entries = [dir('place'), dir('place/target'), file('place/secret', 'of the container\n'), link, dir('tmp')]
  const image = await importHostile(host.engine, name, entries)
  return host.engine.run(image, ['/p/exchange', '/place', '/link']).volume(programs.volume)
}

/** What a single call meets, and refuses, does not matter. */
async function whileTimeAllows(call: (round: number) => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + budgetMs
  for (let round = 0; round < 8 || performance.now() < deadline; round++) await call(round).catch(() => {})
}

const links = {
  'an absolute path': () => canary.directory,
  'the root and more': () => `../../../../../../..${canary.directory}`,
  'a magic link': () => `/proc/1/root${canary.directory}`,
}

describe.each(Object.entries(links))('beside a container that swaps a directory for a link by %s', (how, target) => {
  test('nothing of the host is read, written, made or removed', async () => {
    const container = await swapping(`swap-${how.length}`, symlink('link', target()))
    const { fs } = container
    const seen = new Set<string>()
    const calls = [
      () => fs.writeFile('/place/planted', 'x'),
      () => fs.writeFile('/place/secret', 'x', { flag: 'a' }),
      () => fs.mkdir('/place/target/made/deep', { recursive: true }),
      () => fs.rm('/place/target', { recursive: true }),
      () => fs.rm('/place/secret'),
      () => fs.rename('/place/secret', '/place/target/secret'),
      () => fs.symlink('x', '/place/made'),
      () => fs.chmod('/place', 0o777),
      () => fs.chown('/place/secret', 7, 7),
      () => fs.mkdir('/place/target'),
      async () => seen.add(await fs.readFile('/place/secret', 'utf8')),
      async () => seen.add((await fs.readdir('/place', { recursive: true })).join()),
    ]
    await whileTimeAllows((round) => (calls[round % calls.length] as (typeof calls)[number])())
    expect([...seen].filter((content) => content.includes(readFileSync(canary.file, 'utf8').trim()))).toEqual([])
    expect(canary.state()).toEqual(before)
    await container.remove({ force: true })
  })
})

test('what becomes a device while it is written is not opened', async () => {
  const image = await importHostile(host.engine, 'devices', [dir('tmp'), dir('d')])
  const disk = join(own, 'disk')
  writeFileSync(disk, 'untouched')
  // The device is one that nothing has: were it opened, that failed with ENXIO.
  const swap = 'cd /d; while :; do rm -f f; mknod f b 4095 77; rm -f f; ln -s g f; rm -f f g; done'
  const container = await host.engine.run(image, ['sh', '-c', swap])
  const codes = new Set<unknown>()
  const write = (round: number) =>
    container.fs.writeFile('/d/f', `${round}`).catch((error: { code?: unknown }) => codes.add(error.code))
  await whileTimeAllows(write)
  expect([...codes].filter((code) => !['EINVAL', 'ELOOP', 'ENOENT', 'ESTALE'].includes(String(code)))).toEqual([])
  await container.remove({ force: true })
})

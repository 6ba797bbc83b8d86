import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { archive } from '../../src/layer/fixture.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { Canary } from './support/canary.js'
import { importHostile } from './support/oracle-image.js'
import { Programs } from './support/programs.js'
import { directory as dir, file, symlink } from './support/tar.js'

// CVE-2018-15664: a container swaps a directory and a symlink while files are copied. CVE-2019-14271: it brings libraries that
// a program with its root would load.
const budgetMs = 1200
let host: TestEngine
let own: string
const canary = new Canary()
const programs = new Programs('exchange')
const before = canary.state()
beforeAll(async () => {
  host = await testEngine([])
  own = mkdtempSync('/tmp/ib-copied-')
  writeFileSync(join(own, 'payload'), 'payload\n')
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  canary[Symbol.dispose]()
  programs[Symbol.dispose]()
  rmSync(own, { recursive: true, force: true })
})

/** A container in which `/place` is now a directory, now a link to the canary. */
async function swapping(name: string): Promise<Container> {
  const image = await importHostile(host.engine, name, [
    dir('place'),
    dir('place/target'),
    file('place/secret', 'of the container\n'),
    symlink('link', canary.directory),
    // Where the link leads in the container.
    dir('tmp'),
  ])
  return host.engine.run(image, ['/p/exchange', '/place', '/link']).volume(programs.volume)
}

/** Copies as often as time allows, and until there is something to show; what a single copy meets, and refuses, does not matter. */
async function whileTimeAllows(copy: (round: number) => Promise<unknown>, isEnough = () => true): Promise<void> {
  const deadline = performance.now() + budgetMs
  for (let round = 0; round < 4 || !isEnough() || performance.now() < deadline; round++)
    await copy(round).catch(() => {})
}

describe('beside a container that swaps a directory for a link to the host’s', () => {
  test('nothing of the host is written to', async () => {
    const container = await swapping('swap-in')
    const tar = archive({ name: 'target', kind: 'directory' }, { name: 'target/planted', content: 'planted' })
    await whileTimeAllows(async (round) => {
      if (round % 2 === 0) await container.copyTo(join(own, 'payload'), '/place/target/planted')
      else await container.extract(tar, '/place', { noOverwriteDirNonDir: false })
    })
    expect(canary.state()).toEqual(before)
    await container.remove({ force: true })
  })

  test('nothing of the host is read', async () => {
    const container = await swapping('swap-out')
    const seen = new Set<string>()
    const copyOut = async (round: number) => {
      const target = join(own, `out-${round}`)
      if (round % 2 === 0) {
        mkdirSync(target)
        await container.copyFrom('/place/.', target, { followLink: true })
        for (const name of readdirSync(target, { recursive: true }) as string[])
          if (statSync(join(target, name)).isFile()) seen.add(readFileSync(join(target, name), 'utf8'))
      } else seen.add((await buffer(await container.archive('/place/secret'))).toString('latin1').slice(512, 530))
    }
    await whileTimeAllows(copyOut, () => seen.size > 0)
    const secret = readFileSync(canary.file, 'utf8')
    expect([...seen].filter((content) => content.includes(secret.trim()))).toEqual([])
    expect(canary.state()).toEqual(before)
    await container.remove({ force: true })
  })
})

test('nothing of a container is loaded or executed, be it running or not', async () => {
  // A program that chroots to look up a name loads libnss from there, and any program of it its loader.
  const trap = file('trap', `#!/bin/sh\ntouch ${canary.directory}/loaded\n`, 0o755)
  const libraries = ['lib', 'lib64', 'lib/x86_64-linux-gnu', 'usr', 'usr/lib'].map((name) => dir(name))
  const traps = ['libnss_files.so.2', 'libnss_compat.so.2', 'ld-linux-x86-64.so.2', 'libc.so.6'].flatMap((name) =>
    ['lib', 'lib64', 'lib/x86_64-linux-gnu', 'usr/lib'].map((path) => file(`${path}/${name}`, 'not a library', 0o755)),
  )
  const nss = [
    dir('etc'),
    file('etc/nsswitch.conf', 'passwd: files compat\n'),
    file('etc/passwd', 'app:x:7:8::/:/trap\n'),
  ]
  const image = await importHostile(host.engine, 'libnss', [
    trap,
    ...libraries,
    ...traps,
    ...nss,
    file('etc/group', ''),
  ])
  const builder = host.engine.run(image, ['sleep', '1000']).user('app')
  for (const container of [await builder, await builder.create()]) {
    await container.copyTo(join(own, 'payload'), '/payload', { archive: true })
    await container.copyFrom('/payload', join(own, 'back'), { archive: true })
    expect(statSync(join(own, 'back'))).toMatchObject({ uid: 7, gid: 8 })
    rmSync(join(own, 'back'))
    await container.remove({ force: true })
  }
  expect(canary.state()).toEqual(before)
})

test('a container that names the host’s files by magic links and mounts of procfs reaches its own', async () => {
  const image = await importHostile(host.engine, 'magic', [
    symlink('out', `/proc/1/root${canary.directory}`),
    symlink('cwd', '/proc/self/cwd'),
    symlink('fd', '/proc/self/fd'),
  ])
  const container = await host.engine.run(image, ['sleep', '1000'])
  for (const path of ['/out/secret', '/cwd/secret', '/fd/0', '/out/.'])
    await expect(container.archive(path)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
  for (const path of ['/out/', '/cwd/x', '/fd/', '/out/target/x'])
    await expect(container.copyTo(join(own, 'payload'), path)).rejects.toThrow()
  expect(canary.state()).toEqual(before)
  await container.remove({ force: true })
})

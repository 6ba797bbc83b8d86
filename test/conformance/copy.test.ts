import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container } from '../../src/index.js'
import { archive } from '../../src/layer/fixture.js'
import { copyCases, makeDestinations, makeSource, outcomes } from '../support/copy-matrix.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact } from './support/facts.js'

const facts = JSON.parse(fact('copy.json'))
const NAME = 'copied'
let host: TestEngine
let container: Container
const directory = mkdtempSync('/dev/shm/inboard-copy-')
const to = (...names: string[]) => join(directory, ...names)

beforeAll(async () => {
  host = await testEngine(['busybox'])
  makeSource(to('from'))
  makeDestinations(to('inwards'))
  makeDestinations(to('outwards'))
  mkdirSync(to('back'))
  writeFileSync(to('f'), 'f\n')
  container = await host.engine
    .run('busybox', ['sleep', '1000'])
    .name(NAME)
    .volume(`${to('from')}:/from`)
    .volume(`${to('inwards')}:/c`)
    .volume('copied-data:/rovol:ro')
    .volume(`${directory}:/robind:ro`)
    .volume(`${to('f')}:/bf`)
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

const inDockersWords = (message: string) => expect.objectContaining({ message: message.replaceAll('NAME', NAME) })

describe('to a container, as Docker does, is copied what is', () => {
  test.each(copyCases)('$name', async (one) => {
    const copy = (place: string, destination: string) =>
      container.copyTo(`${to('from')}/${one.source}`, `/c/${place}/${destination}`, one)
    const names = (place: string) => ({ HOST: to('from'), BOX: `/c/${place}`, NAME })
    expect(await outcomes('in', one, to('inwards'), copy, names)).toEqual([])
  })
})

describe('from a container, as Docker does, is copied what is', () => {
  test.each(copyCases)('$name', async (one) => {
    const copy = (place: string, destination: string) =>
      container.copyFrom(`/from/${one.source}`, `${to('outwards', place)}/${destination}`, one)
    const names = (place: string) => ({ HOST: to('outwards', place), BOX: '/from', NAME })
    expect(await outcomes('out', one, to('outwards'), copy, names)).toEqual([])
  })
})

test.each([
  ['to a volume mounted read-only', '/rovol/'],
  ['to a bind mounted read-only', '/robind/f'],
])('a copy %s is refused', async (name, target) => {
  await expect(container.copyTo(to('f'), target)).rejects.toEqual(inDockersWords(facts.refused[name]))
})

test.each([
  ['over /etc/hosts', '/etc/hosts'],
  ['over a file that is mounted', '/bf'],
])('a copy %s fails', async (name, target) => {
  await expect(container.copyTo(to('f'), target)).rejects.toMatchObject({ details: { errno: 'EBUSY' } })
  expect(facts.refused[name]).toContain('device or resource busy')
})

describe.each(['running', 'created'])('of a %s container whose root is read-only', (state) => {
  test('files are copied only to its volumes', async () => {
    const builder = host.engine
      .run('busybox', ['sleep', '1000'])
      .name(`read-only-${state}`)
      .readOnly()
      .volume('copied-data:/vol')
    const readOnly = state === 'running' ? await builder : await builder.create()
    const copied = (target: string) => readOnly.copyTo(to('f'), target)
    await expect(copied('/f')).rejects.toThrow(facts.refused['to a read-only root'])
    await expect(copied('/nowhere/f')).rejects.toThrow('Could not find the file /nowhere in container')
    await copied('/vol/')
    await readOnly.copyFrom('/bin/busybox', to('back', state))
    expect(statSync(to('back', state)).size).toBeGreaterThan(100_000)
    await readOnly.remove({ force: true })
  })
})

test('who gets what is copied', async () => {
  const { ownership } = facts
  writeFileSync(to('owned'), 'x')
  chownSync(to('owned'), 1234, 5678)
  chmodSync(to('owned'), 0o4755)
  const daemon = await host.engine.run('busybox', ['true']).name('of-daemon').user('1:1').create()
  const owner = async (of: Container, path: string, archived: boolean) => {
    await of.copyFrom(path, to('back', 'owner'), { archive: archived })
    const { uid, gid, mode } = statSync(to('back', 'owner'))
    rmSync(to('back', 'owner'))
    return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`
  }
  await container.copyTo(to('owned'), '/o')
  await container.copyTo(to('owned'), '/oa', { archive: true })
  await daemon.copyTo(to('owned'), '/oa', { archive: true })
  expect(await owner(container, '/o', true)).toBe(ownership.to)
  expect(await owner(container, '/oa', true)).toBe(ownership['to with -a'])
  expect(await owner(daemon, '/oa', true)).toBe(ownership['to with -a, user daemon'])
  // Docker keeps setuid for whoever calls it.
  expect(await owner(container, '/o', false)).toBe(ownership.from.replace('4755', '755'))
})

test('what is at a path', async () => {
  const { links, stat } = facts.archive
  const found = await host.engine.run('busybox', ['true']).create()
  const script = Object.entries(links).map(([path, target]) => ({ name: path.slice(1), linkname: target as string }))
  await found.extract(archive(...script.map((link) => ({ ...link, kind: 'symlink' as const }))), '/')
  for (const [path, expected] of Object.entries(stat as Record<string, Record<string, unknown>>)) {
    const told = await found.archive(path).then(
      (tar) => {
        tar.destroy()
        return tar.stat
      },
      (error) => ({ status: error.code }),
    )
    const status = { 400: 'INVALID_OPTION', 404: 'FILE_NOT_FOUND', 500: 'INVALID_OPTION' }[String(expected.status)]
    const { mode, ...rest } = expected
    if (path !== '/f/') expect([path, told]).toEqual([path, status ? { status } : expect.objectContaining(rest)])
  }
})

test('an archive is extracted, or refused', async () => {
  const { put } = facts.archive
  const file = archive({ name: 'f', content: 'x' })
  await container.extract(file, 'relative/../')
  await expect(container.extract(file, '/nope')).rejects.toEqual(inDockersWords(put['/nope'].message))
  await expect(container.extract(file, '/f')).rejects.toEqual(inDockersWords(put['/f'].message))
  await expect(container.extract(file, '/rovol')).rejects.toEqual(inDockersWords(put['/rovol'].message))
  const overDirectory = archive({ name: 'bin', content: 'x' })
  await expect(container.extract(overDirectory, '/')).rejects.toEqual(
    inDockersWords(put['file over directory'].message),
  )
  const overFile = archive({ name: 'f', kind: 'directory' })
  await expect(container.extract(overFile, '/')).rejects.toEqual(inDockersWords(put['directory over file'].message))
  await container.extract(overFile, '/', { noOverwriteDirNonDir: false })
  await container.extract(archive({ name: 'etc', content: 'gone' }), '/c', { noOverwriteDirNonDir: false })
  await expect(container.extract(Buffer.from('no archive'), '/')).rejects.toMatchObject({ code: 'LAYER_INVALID' })
})

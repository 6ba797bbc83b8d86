import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { failpoints } from '../errors/failpoint.js'
import { native } from '../host/index.js'
import {
  addNames,
  forgetNames,
  recordLine,
  removeNames,
  removeRecordFile,
  replaceNames,
  viewContent,
  writeView,
} from './name-records.js'

const network = { id: 'n'.repeat(64), name: 'mine' }
const id = (digit: string) => digit.repeat(64)
const record = (digit: string, ...names: readonly string[]) => ({
  container: id(digit),
  ipv4: `10.0.0.${digit}`,
  names,
})

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'inboard-names-'))
})
afterEach(() => {
  failpoints.clear()
  rmSync(directory, { recursive: true })
})

const content = (name = network.id) => readFileSync(join(directory, name), 'utf8')

test('a line names the container, its addresses and its names, each once', () => {
  const names = ['Web', 'a1b2c3d4e5f6', 'web', 'api']
  expect(recordLine({ container: id('a'), ipv4: '10.0.0.2', names })).toBe(`${id('a')} 10.0.0.2 - Web a1b2c3d4e5f6 api`)
  expect(recordLine({ container: id('a'), ipv6: 'fd00::2', names: ['b'] })).toBe(`${id('a')} - fd00::2 b`)
})

test('a view names networks, links and servers, or that there is no outside', () => {
  const view = {
    networks: [id('1'), id('2')],
    aliases: [{ alias: 'db', container: id('3') }],
    servers: ['10.0.0.1', '::5'],
  }
  const known = `network ${id('1')}\nnetwork ${id('2')}\nalias db ${id('3')}\n`
  expect(viewContent({ ...view, internal: false, ndots: false })).toBe(`${known}server 10.0.0.1\nserver ::5\n`)
  expect(viewContent({ ...view, internal: true, ndots: true })).toBe(`${known}internal\nndots\n`)
})

test.each([['a b'], ['a\nnetwork x'], [''], ['a\0']])('no name can be %j', (name) => {
  expect(() => recordLine(record('1', name))).toThrow(RangeError)
})

test('names are added, replaced and removed; the first line is the network’s', async () => {
  await addNames(directory, network, record('1', 'web'))
  await addNames(directory, network, record('2', 'db'))
  await replaceNames(directory, network.id, record('1', 'renamed', 'web'))
  expect(content()).toBe(`network mine\n${id('2')} 10.0.0.2 - db\n${id('1')} 10.0.0.1 - renamed web\n`)
  await addNames(directory, network, record('2', 'pg'))
  await removeNames(directory, network.id, id('1'))
  expect(content()).toBe(`network mine\n${id('2')} 10.0.0.2 - pg\n`)
})

test('a container that has no line any more gets none by being renamed', async () => {
  await addNames(directory, network, record('1', 'web'))
  const { ino } = statSync(join(directory, network.id))
  await replaceNames(directory, network.id, record('2', 'db'))
  await removeNames(directory, network.id, id('2'))
  expect(statSync(join(directory, network.id)).ino).toBe(ino)
  expect(content()).toBe(`network mine\n${id('1')} 10.0.0.1 - web\n`)
})

test('a change is a new file, which everyone may read', async () => {
  const umask = process.umask(0o077)
  try {
    await addNames(directory, network, record('1', 'web'))
    const first = statSync(join(directory, network.id))
    await addNames(directory, network, record('2', 'db'))
    const second = statSync(join(directory, network.id))
    expect(second.ino).not.toBe(first.ino)
    expect(second.mode & 0o777).toBe(0o644)
  } finally {
    process.umask(umask)
  }
})

test('all names of a container go with its view, also those that it does not tell of', async () => {
  const other = { id: 'm'.repeat(64), name: 'other' }
  await addNames(directory, network, record('1', 'web'))
  await addNames(directory, other, record('1', 'web'))
  await addNames(directory, other, record('2', 'db'))
  writeView(directory, id('1'), {
    networks: [network.id],
    aliases: [],
    servers: [],
    internal: true,
    ndots: false,
  })
  const networks = [network.id, other.id, 'gone']
  await forgetNames(directory, id('1'), networks)
  await forgetNames(directory, id('1'), networks)
  expect(content()).toBe('network mine\n')
  expect(content(other.id)).toBe(`network other\n${id('2')} 10.0.0.2 - db\n`)
  expect(readdirSync(directory).sort()).toEqual([other.id, `${other.id}.lock`, network.id, `${network.id}.lock`])
})

test('a network’s file goes with its lock, and is not made again by a container that leaves', async () => {
  await addNames(directory, network, record('1', 'web'))
  await removeRecordFile(directory, network.id)
  await removeNames(directory, network.id, id('1'))
  expect(readdirSync(directory)).toEqual([])
})

test('waits for whoever holds the lock; when the lock was removed meanwhile, takes the new one', async () => {
  const lock = openSync(join(directory, `${network.id}.lock`), 'w')
  native().flock(lock, 'exclusive', true)
  const added = addNames(directory, network, record('1', 'web'))
  expect(readdirSync(directory)).toEqual([`${network.id}.lock`])
  rmSync(join(directory, `${network.id}.lock`))
  closeSync(lock)
  await added
  expect(content()).toBe(`network mine\n${id('1')} 10.0.0.1 - web\n`)
  expect(readdirSync(directory)).toContain(`${network.id}.lock`)
})

test('what a writer that died has left aside is written over', async () => {
  failpoints.set('names.rename', () => {
    throw new Error('dies here')
  })
  await expect(addNames(directory, network, record('1', 'web', 'a-very-long-alias'))).rejects.toThrow('dies here')
  failpoints.clear()
  await addNames(directory, network, record('2', 'db'))
  expect(content()).toBe(`network mine\n${id('2')} 10.0.0.2 - db\n`)
  expect(readdirSync(directory).sort()).toEqual([network.id, `${network.id}.lock`])
})

test('a hundred at once in this process all get their line', async () => {
  const records = Array.from({ length: 100 }, (_, at) => ({
    container: String(at).padStart(64, '0'),
    names: [`c${at}`],
  }))
  await Promise.all(records.map((one) => addNames(directory, network, one)))
  expect(content().split('\n').slice(1, -1).sort()).toEqual(records.map(recordLine).sort())
})

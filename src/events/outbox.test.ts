import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { native } from '../host/index.js'
import { type Database, openDatabase } from '../store/database.js'
import { openJournal } from './journal.js'
import { lineHead, parseLine, positionOf } from './line.js'
import { type Outbox, openOutbox } from './outbox.js'

let root: string
let database: Database
let outbox: Outbox
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'outbox-'))
  database = openDatabase(`${root}/inboard.sqlite`)
  outbox = openOutbox(database, openJournal(root))
})
afterEach(() => {
  outbox.close()
  database.close()
  rmSync(root, { recursive: true })
})

const record = (id: string, to = outbox) => to.record({ type: 'volume', action: 'create', id, attributes: {} })
const lines = () =>
  readFileSync(`${root}/events.jsonl`, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
const idsIn = () => lines().map((line) => parseLine(line)?.Actor.ID)
const numbers = () => lines().map((line) => positionOf(line)?.outbox)
const waiting = () => database.prepare<[], { sequence: number }>('SELECT sequence FROM event_outbox').all()

/** Somebody takes the lock of the journal, and stands still; returns what lets him go on. */
function kept(): () => void {
  const lock = openSync(`${root}/events.lock`, 'r+')
  expect(native().flock(lock, 'exclusive', false)).toBe(true)
  return () => closeSync(lock)
}

function recordAndTakeBack(): void {
  expect(() =>
    database.transaction(() => {
      record('never')
      throw new Error('taken back')
    }),
  ).toThrow('taken back')
}

describe('appending what is new', () => {
  it('puts it into the journal a microtask later, and nothing waits', async () => {
    record('a')
    record('b')
    await Promise.resolve()
    expect(idsIn()).toEqual(['a', 'b'])
    expect(outbox.told()).toBe(undefined)
  })

  it('leaves out what was rolled back', async () => {
    record('a')
    recordAndTakeBack()
    record('b')
    await Promise.resolve()
    expect([idsIn(), numbers()]).toEqual([
      ['a', 'b'],
      [1, 2],
    ])
  })

  it('leaves out what was rolled back last', async () => {
    record('a')
    recordAndTakeBack()
    await Promise.resolve()
    record('b')
    await Promise.resolve()
    expect(idsIn()).toEqual(['a', 'b'])
  })

  it('tells what another outbox was killed with before what is new', async () => {
    const insert = database.prepare<[string], never>("INSERT INTO event_outbox (at, event) VALUES ('1', ?)")
    insert.run(lineHead({ type: 'volume', action: 'create', id: 'killed', attributes: {} }))
    record('b')
    await Promise.resolve()
    expect(idsIn()).toEqual(['killed', 'b'])
  })

  it('tells nothing twice that another outbox has told', async () => {
    const other = openOutbox(database, openJournal(root))
    record('a')
    other.flush()
    await Promise.resolve()
    record('b', other)
    record('c')
    await Promise.resolve()
    other.close()
    expect(idsIn()).toEqual(['a', 'b', 'c'])
  })

  it('forgets what is told with what comes next, and when it is closed', async () => {
    record('a')
    await Promise.resolve()
    record('b')
    await Promise.resolve()
    expect(waiting()).toEqual([{ sequence: 2 }])
    outbox.close()
    expect(waiting()).toEqual([])
  })
})

describe('telling before something is done', () => {
  it('tells at once what was just recorded', () => {
    record('a')
    expect(outbox.told()).toBe(undefined)
    expect(idsIn()).toEqual(['a'])
  })

  it('tells what another outbox could not', () => {
    const other = openOutbox(database, openJournal(root))
    const letGo = kept()
    record('a', other)
    expect(other.told()).toBeInstanceOf(Promise)
    letGo()
    expect(outbox.told()).toBe(undefined)
    expect(idsIn()).toEqual(['a'])
    other.close()
  })

  it('waits for who has the lock, while other things happen', async () => {
    const letGo = kept()
    record('a')
    setImmediate(letGo)
    await outbox.told()
    expect(idsIn()).toEqual(['a'])
  })

  it('waits for one that stands still only once, and is told when he goes on', async () => {
    const letGo = kept()
    record('a')
    await outbox.told()
    expect([outbox.told(), idsIn()]).toEqual([undefined, []])
    letGo()
    await expect.poll(() => idsIn(), { timeout: 20_000 }).toEqual(['a'])
    expect(outbox.told()).toBe(undefined)
  })

  it('does not wait for a disk, nor for one that was closed', async () => {
    rmSync(`${root}/events.jsonl`)
    mkdirSync(`${root}/events.jsonl`)
    record('a')
    expect(outbox.told()).toBe(undefined)
    rmdirSync(`${root}/events.jsonl`)
    const letGo = kept()
    outbox.close()
    expect(outbox.told()).toBe(undefined)
    letGo()
  })
})

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Database, openDatabase } from './database.js'

let directory: string
let database: Database
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'database-'))
  database = openDatabase(join(directory, 'inboard.sqlite'))
})
afterEach(() => {
  database.close()
  rmSync(directory, { recursive: true })
})

const fail = () => {
  throw new Error('taken back')
}

test('counts the transactions that were rolled back', () => {
  database.transaction(() => {})
  expect(database.rollbacks()).toBe(0)
  expect(() => database.transaction(fail)).toThrow('taken back')
  expect(() => database.durable(fail)).toThrow('taken back')
  expect(database.rollbacks()).toBe(2)
})

test('counts one within another that goes on', () => {
  database.transaction(() => {
    expect(() => database.transaction(fail)).toThrow('taken back')
  })
  expect(database.rollbacks()).toBe(1)
})

test('counts for all who have it open', () => {
  const other = openDatabase(join(directory, 'inboard.sqlite'))
  expect(() => other.transaction(fail)).toThrow('taken back')
  other.close()
  expect(database.rollbacks()).toBe(1)
})

test('has another version once anybody has changed something, or was about to, and the same until then', () => {
  const version = (of: Database = database) => of.read(() => of.version())
  const sql = "INSERT INTO event_outbox (at, event) VALUES ('0', '{}')"
  const seen = [version()]
  const changes = [
    () => database.prepare(sql).run(),
    // Another process has a connection of its own.
    () => execFileSync(process.execPath, ['-e', another, join(directory, 'inboard.sqlite'), sql]),
    () => {
      const taken = database.prepare(sql)
      expect(() => database.transaction(() => [taken.run(), seen.push(version()), fail()])).toThrow('taken back')
    },
  ]
  for (const change of changes) {
    expect(version()).toBe(seen.at(-1))
    change()
    expect(seen).not.toContain(version())
    seen.push(version())
  }
})

const another = "const [, file, sql] = process.argv; require('better-sqlite3')(file).exec(sql)"

import { execFile } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useContainers } from '../../src/testing/index.js'
import { type TestEngine, testEngine } from '../support/engine.js'

let root: TestEngine

beforeAll(async () => {
  root = await testEngine(['busybox'])
})

afterAll(() => root[Symbol.asyncDispose]())

/** Runs the text of a module with node:test in a process of its own; its TAP. */
function runNodeTests(text: string): Promise<{ exitCode: number | null; tap: string }> {
  const entry = (name: string) => JSON.stringify(new URL(`../../dist/${name}.js`, import.meta.url).href)
  const program = text.replace("'inboard/testing'", entry('testing'))
  const { NODE_TEST_CONTEXT: _, ...own } = process.env
  const env = { ...own, INBOARD_ROOT: `${root.directory}/root`, INBOARD_RUN_ROOT: `${root.directory}/run` }
  return new Promise((resolve) => {
    const options = ['--test-reporter=tap', '--input-type=module', '--eval', program]
    const child = execFile(process.execPath, options, { env }, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, tap: stdout + stderr }),
    )
  })
}

test('node:test: makes fixtures before the tests of a file, which find each other, and removes them after', async () => {
  const { exitCode, tap } = await runNodeTests(`
    import assert from 'node:assert/strict'
    import { after, before, test } from 'node:test'
    import { useContainers } from 'inboard/testing'
    const serve = 'mkdir /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www'
    const fixtures = useContainers({
      db: (e) => e.run('busybox', ['sh', '-c', serve]),
      client: async (e, { db }) => (await db, e.run('busybox', ['sleep', '1000'])),
    }, { before, after })
    assert.throws(() => fixtures.db, { code: 'INVALID_STATE' })
    let id
    test('one', async () => {
      const { stdout } = await fixtures.client.exec(['sh', '-c', 'until wget -qO- http://db/; do sleep 0.05; done'])
      assert.equal(stdout, 'hello\\n')
      id = fixtures.db.id
    })
    test('two', () => assert.equal(fixtures.db.id, id))
  `)
  expect(tap).toContain('# pass 2')
  expect(exitCode).toBe(0)
  expect(await root.leaks()).toEqual([])
})

test('node:test: makes new fixtures for each test with the scope test', async () => {
  const { exitCode, tap } = await runNodeTests(`
    import assert from 'node:assert/strict'
    import * as hooks from 'node:test'
    import { useContainers } from 'inboard/testing'
    const fixtures = useContainers({ db: (e) => e.run('busybox', ['sleep', '1000']) }, { ...hooks, scope: 'test' })
    const ids = new Set()
    for (const name of ['one', 'two', 'three'])
      hooks.test(name, async () => {
        assert.equal((await fixtures.db.exec(['true'])).exitCode, 0)
        ids.add(fixtures.db.id)
      })
    hooks.test('all were different', () => assert.equal(ids.size, 3))
  `)
  expect(tap).toContain('# pass 4')
  expect(exitCode).toBe(0)
  expect(await root.leaks()).toEqual([])
})

test('node:test: a fixture that cannot be made fails the tests with its error, and leaves nothing', async () => {
  const { exitCode, tap } = await runNodeTests(`
    import { after, before, describe, test } from 'node:test'
    import { useContainers } from 'inboard/testing'
    describe('all', () => {
      useContainers({
        other: (e) => e.run('busybox', ['sleep', '1000']),
        db: () => { throw new Error('never ready') },
      }, { before, after })
      test('one', () => {})
    })
  `)
  expect(tap).toContain('never ready')
  expect(exitCode).toBe(1)
  expect(await root.leaks()).toEqual([])
})

test('finds the global hooks of jest and mocha', async () => {
  const hooks = new Map<string, () => Promise<void>>()
  const global = globalThis as Record<string, unknown>
  for (const name of ['beforeAll', 'afterAll']) global[name] = (run: () => Promise<void>) => hooks.set(name, run)
  try {
    const engine = { root: root.engine.root, runRoot: root.engine.runRoot }
    const fixtures = useContainers({ db: (e) => e.run('busybox', ['sleep', '1000']) }, { engine })
    await hooks.get('beforeAll')?.()
    expect((await fixtures.db.inspect()).State.Status).toBe('running')
    await hooks.get('afterAll')?.()
    expect(() => fixtures.db).toThrow('while the tests run')
  } finally {
    for (const name of ['beforeAll', 'afterAll']) delete global[name]
  }
  expect(await root.leaks()).toEqual([])
})

test('says which hook is missing', () => {
  expect(() => useContainers({})).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', details: { option: 'before' } }),
  )
})

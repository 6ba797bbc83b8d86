import type { test as base, TestContext } from 'vitest'
import type { EngineOptions } from '../index.js'
import { abortable } from '../testing/abortable.js'
import type { Definitions, Fixtures } from '../testing/definitions.js'
import { FixtureSet } from '../testing/fixture-set.js'
import { attachLogs } from './attach-logs.js'

/** Options of {@link containers}. */
export interface ContainersOptions {
  /**
   * Who has the fixtures to itself. `'test'` (default): each test has new ones. `'file'`: the tests of a file share them.
   * `'worker'`: all files do that a worker runs one after the other, which is one file unless vitest's `isolate` is false.
   */
  readonly scope?: 'test' | 'file' | 'worker'
  /** As `Engine.open()` takes them. Default: its defaults, and so `INBOARD_ROOT` and `INBOARD_RUN_ROOT`. */
  readonly engine?: EngineOptions
  /** How many of the last lines of each container's log are shown with the error of a test that has failed. Default 100; 0: none. */
  readonly logs?: number
}

type Task = TestContext['task']

/** Of the fixtures of files and workers it has nothing. */
type Context = Partial<Pick<TestContext, 'task' | 'signal'>>

type Use = (value: unknown) => Promise<void>

/** What `test.extend` takes, for fixtures of these types. */
export type VitestFixtures<T extends object> = Parameters<typeof base.extend<T>>[0]

let sets = 0

/**
 * Containers, networks and volumes as fixtures of vitest, for `test.extend()`: made when a test, a hook or another fixture first
 * names them, and gone after the test, the file or the worker, whatever happens to it.
 *
 * Containers of one set find each other by their fixtures' names, on a network of their own: parallel tests and files do not meet.
 * All sets of a process share one engine, and all workers of a run share its root, and so its images.
 *
 * When a test fails, the last lines of the logs of the containers that it has used are the deepest cause of its last error: every
 * reporter that prints causes shows them, the default one and JUnit's among them.
 *
 * A fixture of scope `'test'` is started within the test's timeout, of the others in that of the first who asks; images that
 * have to be pulled are better pulled before, in a global setup.
 *
 * @param definitions by the fixture's name, how it is made
 *
 * @example
 * ```ts
 * import { containers } from 'inboard/vitest'
 * import { port } from 'inboard/wait'
 * import { test as base, expect } from 'vitest'
 *
 * const test = base.extend(containers({ redis: (e) => e.run('redis:7').waitFor(port(6379)) }, { scope: 'file' }))
 *
 * test('answers', async ({ redis }) => {
 *   expect((await redis.exec(['redis-cli', 'ping'])).stdout).toBe('PONG\n')
 * })
 * ```
 */
export function containers<const D extends Definitions>(
  definitions: D,
  { scope = 'test', engine, logs = 100 }: ContainersOptions = {},
): VitestFixtures<Fixtures<D>> {
  const set = new FixtureSet(definitions, engine, logs)
  // A test, or all the tests of a file or a worker: their fixtures have no task.
  const keyOf = (task: Task | undefined) => (scope === 'test' ? task : set)
  // Names that no test says; those of several sets must not be the same.
  const auto = `inboard:${++sets}`
  const own = {
    [`${auto}:engine`]: [
      // biome-ignore lint/correctness/noEmptyPattern: vitest reads from the text of the function what it needs.
      async ({}, use: Use) => {
        set.engine.hold()
        await use(undefined)
        await set.engine.release()
      },
      { scope: 'worker', auto: true },
    ],
    [`${auto}:place`]: [
      async ({ task }: Context, use: Use) => {
        set.hold(keyOf(task))
        await use(undefined)
        await set.release(keyOf(task))
      },
      { scope, auto: true },
    ],
    // Its end comes before that of the place.
    [`${auto}:logs`]: [
      async ({ task }: Context, use: Use) => {
        await use(undefined)
        if (task && logs > 0) await attachLogs(task, set.at(keyOf(task)))
      },
      { scope: 'test', auto: true },
    ],
  }
  const fixtureOf =
    (name: string) =>
    async ({ task, signal }: Context, use: Use) =>
      use(await abortable(set.at(keyOf(task)).get(name), signal))
  const named = set.names.map((name) => [name, [fixtureOf(name), { scope }]])
  return { ...own, ...Object.fromEntries(named) }
}

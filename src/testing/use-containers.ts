import { InvalidOptionError, InvalidStateError } from '../errors/index.js'
import type { EngineOptions } from '../index.js'
import type { Definitions, Fixtures } from './definitions.js'
import { FixtureSet } from './fixture-set.js'

/** Registers a function that the runner calls before or after, such as `before` of node:test or `afterAll` of jest. */
export type Hook = (run: () => Promise<void>) => unknown

/** Options of {@link useContainers}: the hooks of the runner, and more. */
export interface UseContainersOptions {
  /** node:test's or mocha's `before`, jest's `beforeAll`. Default: the global of such a name. */
  readonly before?: Hook
  /** node:test's or mocha's `after`, jest's `afterAll`. Default: the global of such a name. */
  readonly after?: Hook
  /** Default: the global of that name. */
  readonly beforeEach?: Hook
  /** Default: the global of that name. */
  readonly afterEach?: Hook
  /** `'file'` (default): made by `before`, gone with `after`. `'test'`: made by `beforeEach`, gone with `afterEach`, for each test. */
  readonly scope?: 'test' | 'file'
  /** As `Engine.open()` takes them. Default: its defaults, and so `INBOARD_ROOT` and `INBOARD_RUN_ROOT`. */
  readonly engine?: EngineOptions
}

/**
 * Containers, networks and volumes for tests of node:test, jest, mocha and others that have hooks: made before the tests of a
 * file, or of a `describe` in which it is called, and gone after them, whatever happens to the process.
 *
 * Containers of one set find each other by their fixtures' names, on a network of their own. What needs nothing of another is
 * made at the same time.
 *
 * @param definitions by the fixture's name, how it is made
 * @returns the fixtures, while the tests run. Before and after that, reading one throws.
 * @throws {InvalidOptionError} INVALID_OPTION when there are no hooks
 *
 * @example
 * ```ts
 * import { after, before, test } from 'node:test'
 * import { useContainers } from 'inboard/testing'
 * import { port } from 'inboard/wait'
 *
 * const fixtures = useContainers({ redis: (e) => e.run('redis:7').waitFor(port(6379)) }, { before, after })
 *
 * test('answers', async () => {
 *   await fixtures.redis.exec(['redis-cli', 'ping'])
 * })
 * ```
 */
export function useContainers<const D extends Definitions>(
  definitions: D,
  { scope = 'file', engine, ...hooks }: UseContainersOptions = {},
): Readonly<Fixtures<D>> {
  const set = new FixtureSet(definitions, engine)
  const made = new Map<string, unknown>()
  const [before, after] =
    scope === 'file'
      ? [hookOf(hooks, 'before', 'beforeAll'), hookOf(hooks, 'after', 'afterAll')]
      : [hookOf(hooks, 'beforeEach'), hookOf(hooks, 'afterEach')]
  if (scope === 'test') keepEngine(set, hooks)
  before(async () => {
    const place = set.hold(set)
    await Promise.all(set.names.map(async (name) => made.set(name, await place.get(name))))
  })
  after(async () => {
    made.clear()
    await set.release(set)
  })
  return accessor(set.names, made) as Fixtures<D>
}

/** The engine stays open from one test to the next. */
function keepEngine(set: FixtureSet, hooks: Hooks): void {
  hookOf(hooks, 'before', 'beforeAll')(async () => set.engine.hold())
  hookOf(hooks, 'after', 'afterAll')(() => set.engine.release())
}

type Hooks = Pick<UseContainersOptions, 'before' | 'after' | 'beforeEach' | 'afterEach'>

function hookOf(hooks: Hooks, name: keyof Hooks, alias: string = name): Hook {
  const { [name]: ofRunner, [alias]: byAlias } = globalThis as unknown as Readonly<Record<string, Hook | undefined>>
  const hook = hooks[name] ?? ofRunner ?? byAlias
  if (hook) return hook
  throw new InvalidOptionError(
    `there is no global function ${name}: give it as an option, useContainers(…, { ${name} })`,
    {
      code: 'INVALID_OPTION',
      details: { option: name },
    },
  )
}

function accessor(names: readonly string[], made: ReadonlyMap<string, unknown>): object {
  const get = (name: string) => {
    if (made.has(name)) return made.get(name)
    throw new InvalidStateError(`the fixture ${name} is there while the tests run`, {
      code: 'INVALID_STATE',
      details: { fixture: name },
    })
  }
  const properties = names.map((name) => [name, { enumerable: true, get: () => get(name) }])
  return Object.defineProperties({}, Object.fromEntries(properties))
}

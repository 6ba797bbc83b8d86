import type { Scope } from '../index.js'

/**
 * How a fixture is made: with the scope that owns it, and the other fixtures of the set by their names, each a promise of which
 * the awaiting starts it. What it gives, or resolves to, is the fixture: a container, a network, a volume, anything. Of what can
 * be disposed of the scope disposes.
 *
 * Containers that it runs are on the set's own network, and are found there by the fixture's name.
 *
 * TypeScript does not tell the parameter of one property from the results of the others: without its type the second
 * parameter's values are `any`.
 *
 * @example
 * ```ts
 * const definitions = {
 *   db: (e: Scope) => e.run('redis:7').waitFor(port(6379)),
 *   web: async (e: Scope, { db }: { db: Promise<Container> }) => e.run('app').env({ DB: `redis://${(await db).name}` }),
 * }
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: what the other definitions give, which a definition may say the types of.
export type Definition<T = unknown> = (scope: Scope, others: any) => T | PromiseLike<T>

/** Fixtures by their names, which are the names that containers find each other by. */
export type Definitions = Readonly<Record<string, Definition>>

/** What a test gets: the containers, networks and others that definitions resolve to. */
export type Fixtures<D extends Definitions> = { [K in keyof D]: Awaited<ReturnType<D[K]>> }

/**
 * Containers as fixtures of vitest.
 *
 * @module inboard/vitest
 */
export type { Definition, Definitions, Fixtures } from '../testing/definitions.js'
export { perTest } from '../testing/per-test.js'
export { type ContainersOptions, containers, type VitestFixtures } from './containers.js'

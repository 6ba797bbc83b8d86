/**
 * Containers for the hooks of node:test, jest and mocha.
 *
 * @module inboard/testing
 */
export type { Definition, Definitions, Fixtures } from './definitions.js'
export { perTest } from './per-test.js'
export { type Hook, type UseContainersOptions, useContainers } from './use-containers.js'

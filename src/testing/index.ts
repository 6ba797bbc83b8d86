/**
 * Containers for the hooks of node:test, jest and mocha.
 *
 * @module inboard/testing
 */
export {}

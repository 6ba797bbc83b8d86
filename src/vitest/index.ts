/**
 * Containers as fixtures of vitest.
 *
 * @module inboard/vitest
 */
export {}

/**
 * Conditions that a container is ready by, for `waitFor()`.
 *
 * @module inboard/wait
 */
export {}

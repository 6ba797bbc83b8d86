/**
 * Services that tests want, as data: image, environment, readiness, connection string.
 *
 * @module inboard/services
 */
export {}

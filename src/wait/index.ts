/**
 * Conditions that a container is ready by, for `waitFor()`.
 *
 * @module inboard/wait
 */
export type { Readiness, WaitStrategy, WaitTarget } from '../container/wait-strategy.js'
export { type ExecWaitOptions, exec } from './exec.js'
export { exit } from './exit.js'
export { file } from './file.js'
export { healthy } from './healthy.js'
export { type HttpOptions, http } from './http.js'
export { type LogWaitOptions, log } from './log.js'
export { type PortOptions, port } from './port.js'
export { all, any } from './together.js'

export type * from './messages.js'
export { traced, traceNames } from './traced.js'

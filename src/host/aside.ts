import { statSync } from 'node:fs'

/**
 * Whether a directory entry was made aside, as `.new-NAME-PID`, by a process that is gone before it got its name. Making and
 * renaming are one turn of the event loop: what has this process's own number is of an earlier one that had the same.
 */
export function isAbandoned(name: string): boolean {
  const maker = Number(/^\.new-.*-(\d+)$/.exec(name)?.[1])
  return maker > 0 && (maker === process.pid || statSync(`/proc/${maker}`, { throwIfNoEntry: false }) === undefined)
}

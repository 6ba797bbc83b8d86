import { closeSync, readSync } from 'node:fs'
import type { Journal } from './journal.js'
import { parseLine } from './line.js'
import { linesOf } from './lines.js'

/** Whether the journal has the start of a container's program, and not its end. */
export type IsRunning = (container: string) => boolean

/** Reads the journal once, when it is asked for the first time, and then what has come. */
export function openRunning(journal: Journal): IsRunning {
  const running = new Set<string>()
  let lastNs = 0n
  const readOn = () => {
    for (const { line, timeNs } of linesAfter(journal, lastNs)) {
      lastNs = timeNs
      const action = actionIn(line)
      const id = action && parseLine(line)?.Actor.ID
      if (!id) continue
      if (action === 'start') running.add(id)
      else running.delete(id)
    }
  }
  return (container) => {
    try {
      readOn()
    } catch {
      // Who could not read it could not write it, either: no end is in it.
      return true
    }
    return running.has(container)
  }
}

/** Most lines need not be parsed. */
function actionIn(line: string): 'start' | 'die' | undefined {
  if (line.startsWith('{"status":"start"')) return 'start'
  return line.startsWith('{"status":"die"') ? 'die' : undefined
}

const blockBytes = 256 * 1024

function* linesAfter(journal: Journal, afterNs: bigint) {
  for (let lastNs = afterNs; ; ) {
    const file = journal.openAfter(lastNs)
    if (!file) return
    try {
      const isLast = journal.isCurrent(file.fd)
      for (const line of linesIn(file.fd, file.offset)) {
        if (line.timeNs <= lastNs) continue
        lastNs = line.timeNs
        yield line
      }
      if (isLast) return
    } finally {
      closeSync(file.fd)
    }
  }
}

function* linesIn(fd: number, from: number) {
  let block = Buffer.allocUnsafe(blockBytes)
  for (let offset = from; ; ) {
    const length = readSync(fd, block, 0, block.length, offset)
    const end = block.subarray(0, length).lastIndexOf(10) + 1
    if (end === 0 && length < block.length) return
    if (end === 0) block = Buffer.allocUnsafe(2 * block.length)
    offset += end
    yield* linesOf(block.subarray(0, end))
  }
}

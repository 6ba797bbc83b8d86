import { getOrMake } from '../records.js'
import { aarch64 } from './tables/aarch64.js'
import { arm } from './tables/arm.js'
import { i386 } from './tables/i386.js'
import { x32 } from './tables/x32.js'
import { x86_64 } from './tables/x86-64.js'

const tables = { x86_64, i386, x32, aarch64, arm }

/** A system call interface that a filter of ours can tell apart. */
export type Abi = keyof typeof tables

const parsed = new Map<Abi, ReadonlyMap<string, number>>()

/** An interface's system calls: numbers by name. Numbers of x32 are without their bit 30. */
export function syscallNumbers(abi: Abi): ReadonlyMap<string, number> {
  return getOrMake(parsed, abi, () => parse(tables[abi]))
}

function parse(table: string): Map<string, number> {
  const numbers = new Map<string, number>()
  let next = 0
  for (const word of table.trim().split(/\s+/)) {
    if (word.startsWith('@')) next = Number(word.slice(1))
    else numbers.set(word, next++)
  }
  return numbers
}

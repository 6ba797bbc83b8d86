#!/usr/bin/env node
// Writes both sides of the plan protocol from `operations.mjs`; with `--check` only says whether they are current.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { emitC } from './emit-c.mjs'
import { emitTypeScript } from './emit-typescript.mjs'
import * as table from './operations.mjs'

/** FNV-1a of everything that changes what bytes mean; documentation does not. */
function fingerprint() {
  const shape = (value) => JSON.stringify(value, (key, part) => (key === 'doc' ? undefined : part))
  const text = Object.entries(table)
    .map(([name, value]) => `${name}=${shape(value)}`)
    .sort()
    .join('\n')
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}

function checkTable() {
  const seen = new Set()
  for (const { code, name, fields, in: allowed = [] } of table.operations) {
    if (seen.has(code) || seen.has(name)) throw new Error(`operation ${name} (${code}) is defined twice`)
    seen.add(code).add(name)
    if (code < 1 || code > 255) throw new Error(`operation ${name}: code ${code} is out of range`)
    if (Object.keys(fields).length > table.limits.fields) throw new Error(`operation ${name} has too many fields`)
    for (const type of Object.values(fields)) {
      if (!['u64', 'str', 'bytes', 'list'].includes(type)) throw new Error(`operation ${name}: unknown type ${type}`)
    }
    for (const section of allowed) if (!(section in table.sections)) throw new Error(`operation ${name}: ${section}?`)
  }
}

checkTable()
const outputs = {
  '../../src/launch/protocol.gen.ts': emitTypeScript(table, fingerprint()),
  '../supervisor/protocol.gen.h': emitC(table, fingerprint()),
}
for (const [relative, text] of Object.entries(outputs)) {
  const path = fileURLToPath(new URL(relative, import.meta.url))
  if (!process.argv.includes('--check')) {
    writeFileSync(path, text)
    continue
  }
  let current = ''
  try {
    current = readFileSync(path, 'utf8')
  } catch {}
  if (current !== text) {
    console.error(`${path} is not what operations.mjs describes: run \`node native/protocol/generate.mjs\``)
    process.exitCode = 1
  }
}

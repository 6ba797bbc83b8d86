// Run by images.ts in a fresh process: pulls one image and tells its own memory before, and the most it has had, in bytes.
// argv: root, runRoot, reference.
import { readFileSync } from 'node:fs'
import { Engine } from 'inboard'

const [root, runRoot, reference] = process.argv.slice(2)
const memory = (field) => {
  const status = readFileSync('/proc/self/status', 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)[1]) * 1024
}
const engine = await Engine.open({ root, runRoot })
const idle = memory('VmRSS')
const start = performance.now()
await engine.pull(reference)
console.log(JSON.stringify({ idle, peak: memory('VmHWM'), ms: performance.now() - start }))
await engine.close()

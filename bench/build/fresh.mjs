// Run by own.ts in a fresh process: one build, in milliseconds from its call to its first step that has files, and to its end;
// and all that the program took before it, and with it. argv: root, runRoot, context, cached|uncached.
import { Engine } from 'inboard'

const [root, runRoot, context, how] = process.argv.slice(2)
const engine = await Engine.open({ root, runRoot })
const began = performance.now()
let firstStepMs = Number.NaN
const building = engine
  .build(context)
  .tag('bench')
  .noCache(how === 'uncached')
for await (const event of building) {
  const isFirst = Number.isNaN(firstStepMs) && event.kind === 'step' && !event.step.name.includes('FROM')
  if (isFirst) firstStepMs = performance.now() - began
}
await building
const ms = performance.now() - began
await engine.close()
console.log(JSON.stringify({ firstStepMs, ms, openedMs: began }))

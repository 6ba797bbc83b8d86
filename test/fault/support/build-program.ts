import { Engine } from '../../../src/index.js'
import type { Roots } from './scenario.js'

/** A build that a process of its own does. */
export interface Building {
  readonly roots: Roots
  readonly context: string
  /** The image's name. */
  readonly name: string
}

/** Says that the build begins, each of its steps, and last the image and how long it took. */
export async function buildOnce({ roots, context, name }: Building, say: (fact: unknown) => void): Promise<void> {
  const engine = await Engine.open(roots)
  say({ begun: name })
  const began = performance.now()
  const building = engine.build(context).tag(name)
  for await (const event of building) if (event.kind === 'step') say({ step: event.step.id, status: event.status })
  const { id } = await building
  say({ built: id, tookMs: performance.now() - began })
  await engine.close()
}

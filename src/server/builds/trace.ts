import { createHash } from 'node:crypto'
import type { BuildEvent, BuildStep, PullEvent } from '../../build/progress.js'
import { encode, type WireValue } from '../sessions/wire.js'

type Fields = readonly (readonly [field: number, value: WireValue])[]

/** Of BuildKit's `StatusResponse`. @see https://github.com/moby/buildkit/blob/master/api/services/control/control.proto */
const responseFields = { vertex: 1, status: 2, log: 3 } as const

/** What is shown of a vertex: something that a build does. */
interface Vertex {
  readonly digest: string
  readonly name: string
  readonly started: Buffer
}

/** What happens in a build, as BuildKit tells it: messages of vertices, and what comes of them. */
export class Trace {
  readonly #build: string
  readonly #vertices = new Map<string, Vertex>()
  #failed: string | undefined

  /** @param build vertices of another build are others */
  constructor(build: string) {
    this.#build = build
  }

  /** The message of an event; undefined for what BuildKit does not tell. */
  of(event: BuildEvent): Buffer | undefined {
    switch (event.kind) {
      case 'context':
        return this.#whole(`[internal] load build ${event.name}`)
      case 'step':
        return this.#step(event)
      case 'log': {
        const stream = event.stream === 'stdout' ? 1 : 2
        const { digest } = this.#vertexOf(event.step)
        return response(responseFields.log, [
          [1, digest],
          [2, now()],
          [3, stream],
          [4, event.data],
        ])
      }
      case 'pull':
        return this.#pull(event)
      case 'export':
        return event.status === 'started' ? this.#begin('export', 'exporting to image') : this.#end('export')
      case 'warning':
        return this.#whole(`[internal] warning: ${event.finding.rule}: ${event.finding.message}`)
      default:
        return undefined
    }
  }

  /** The message of the step that has failed; undefined when none has. */
  failure(message: string): Buffer | undefined {
    return this.#failed === undefined ? undefined : this.#end(this.#failed, { error: message })
  }

  #step(event: Extract<BuildEvent, { kind: 'step' }>): Buffer | undefined {
    const { step, status } = event
    const key = `step ${step.id} ${step.platform ?? ''}`
    this.#vertexOf(step)
    if (status === 'started') return this.#begin(key, step.name)
    // What it has failed of is not known yet; those that are stopped for it fail later.
    if (status === 'failed') this.#failed ??= key
    return status === 'failed' ? undefined : this.#end(key, { isCached: status === 'cached' })
  }

  #vertexOf(step: BuildStep): Vertex {
    return this.#vertex(`step ${step.id} ${step.platform ?? ''}`, step.name)
  }

  #vertex(key: string, name: string): Vertex {
    const known = this.#vertices.get(key)
    if (known) return known
    const digest = `sha256:${createHash('sha256').update(`${this.#build} ${key}`).digest('hex')}`
    const vertex = { digest, name, started: now() }
    this.#vertices.set(key, vertex)
    return vertex
  }

  #begin(key: string, name: string): Buffer {
    const { digest, started } = this.#vertex(key, name)
    return response(responseFields.vertex, [
      [1, digest],
      [3, name],
      [5, started],
    ])
  }

  #end(key: string, { isCached = false, error = '' } = {}): Buffer {
    const { digest, name, started } = this.#vertex(key, key)
    return response(responseFields.vertex, [
      [1, digest],
      [3, name],
      [4, isCached],
      [5, started],
      [6, now()],
      [7, error],
    ])
  }

  /** Something that is over when it is told. */
  #whole(name: string): Buffer {
    this.#vertex(name, name)
    return this.#end(name)
  }

  /** Layers of a base image. */
  #pull({ reference, progress }: PullEvent): Buffer | undefined {
    const key = `pull ${reference}`
    if (progress.kind === 'manifest') return this.#begin(key, `[internal] load metadata for ${reference}`)
    if (progress.kind === 'image') return this.#end(key)
    if (progress.kind !== 'layer') return undefined
    const { digest } = this.#vertex(key, `[internal] load metadata for ${reference}`)
    const { layer, status, current, total } = progress
    return response(responseFields.status, [
      [1, `${status} ${layer}`],
      [2, digest],
      [3, status],
      [4, current],
      [5, total],
      [6, now()],
      [7, now()],
      [8, status === 'done' || status === 'exists' ? now() : undefined],
    ])
  }
}

function response(field: number, fields: Fields): Buffer {
  return encode([[field, encode(fields)]])
}

/** A `google.protobuf.Timestamp`. */
function now(): Buffer {
  const ms = Date.now()
  return encode([
    [1, Math.floor(ms / 1000)],
    [2, (ms % 1000) * 1_000_000],
  ])
}

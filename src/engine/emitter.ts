import { EventEmitter } from 'eventemitter3'
import {
  actionName,
  type BuilderAction,
  type ContainerAction,
  type EngineEvent,
  type ImageAction,
  type NetworkAction,
  type VolumeAction,
} from '../events/event.js'
import { type EventsContext, eventsOf } from './events.js'

type WithoutArgument<Action extends string> = Action extends `${infer Verb}: ${string}` ? Verb : Action

/**
 * What listeners are told of: a type and an action without its argument (`container.die`, `container.health_status`,
 * `network.connect`), all of a type (`container`), or everything (`event`).
 */
export type EventName =
  | 'event'
  | EngineEvent['type']
  | `container.${WithoutArgument<ContainerAction>}`
  | `image.${ImageAction}`
  | `network.${NetworkAction}`
  | `volume.${VolumeAction}`
  | `builder.${BuilderAction}`

/** The events that come under a name. */
export type EventNamed<Name extends EventName> = Name extends 'event'
  ? EngineEvent
  : Extract<EngineEvent, { type: Name extends `${infer Type}.${string}` ? Type : Name }>

export type EventListener<Name extends EventName> = (event: EventNamed<Name>) => void

type Listener = (event: EngineEvent) => void

/** Tells listeners what happens, from the first of them on, as long as there is one. */
export class Emitter {
  readonly #emitter = new EventEmitter<string>()
  readonly #context: EventsContext
  #stop: AbortController | undefined

  constructor(context: EventsContext) {
    this.#context = context
  }

  on<Name extends EventName>(name: Name, listener: EventListener<Name>): void {
    this.#follow()
    this.#emitter.on(name, listener as Listener)
  }

  once<Name extends EventName>(name: Name, listener: EventListener<Name>): void {
    this.#follow()
    this.#emitter.once(name, listener as Listener)
  }

  off<Name extends EventName>(name: Name, listener: EventListener<Name>): void {
    this.#emitter.off(name, listener as Listener)
    this.#restIfAlone()
  }

  #follow(): void {
    this.#context.closing.throwIfAborted()
    if (this.#stop) return
    const stop = new AbortController()
    this.#stop = stop
    const events = eventsOf(this.#context, { signal: stop.signal }, false)
    void this.#emitAll(events).catch((error: unknown) => {
      if (stop.signal.aborted || this.#context.closing.aborted) return
      this.#stop = undefined
      process.emitWarning(error instanceof Error ? error : String(error))
    })
  }

  async #emitAll(events: AsyncIterable<EngineEvent>): Promise<void> {
    for await (const event of events) {
      for (const name of ['event', event.type, `${event.type}.${actionName(event.action)}`]) this.#emit(name, event)
      this.#restIfAlone()
    }
  }

  /** What a listener throws is nobody's to catch, and what comes is told all the same. */
  #emit(name: string, event: EngineEvent): void {
    try {
      this.#emitter.emit(name, event)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  #restIfAlone(): void {
    if (this.#emitter.eventNames().length > 0) return
    this.#stop?.abort()
    this.#stop = undefined
  }
}

import { type ExpandedInstruction, ImageDraft, type Scope } from '../dockerfile/index.js'
import type { HistoryEntry } from '../image/index.js'
import type { ImageRunConfig } from '../spec/options.js'
import { describe } from './describe.js'
import type { Filesystem } from './filesystem.js'
import { keyOf } from './key.js'

/** How much of a stage is of the image that it began with. */
export interface BaseExtent {
  /** The image's ID. */
  readonly image: string
  readonly layers: number
  readonly history: number
}

/** What a stage has come to when all of its instructions are done. */
export interface StageResult {
  /** Of the image that it began with, and all that was done since; '' at the beginning of nothing. */
  readonly id: string
  readonly filesystem: Filesystem
  readonly config: ImageRunConfig
  readonly author: string
  readonly history: readonly HistoryEntry[]
  /** Its variables: a stage that is built from it inherits the ARGs. */
  readonly scope: Scope
  readonly platform: string
  /** Undefined: it began with nothing. */
  readonly base?: BaseExtent | undefined
}

/** What a stage begins with. */
export type StageOrigin = Omit<StageResult, 'scope'>

const comment = 'buildkit.dockerfile.v0'

/** What a stage is at one of its lines. */
export class StageState {
  readonly scope: Scope
  readonly platform: string
  readonly draft: ImageDraft
  filesystem: Filesystem
  #id: string
  readonly #author: string
  readonly #history: HistoryEntry[]
  readonly #base: BaseExtent | undefined

  constructor({ id, filesystem, config, author, history, platform, base }: StageOrigin, scope: Scope) {
    this.#id = id
    this.scope = scope
    this.platform = platform
    this.draft = new ImageDraft(config)
    this.filesystem = filesystem
    this.#author = author
    this.#history = [...history]
    this.#base = base
  }

  /** What it has come to: another one after every instruction. */
  get id(): string {
    return this.#id
  }

  /** An instruction is done that has changed no file. */
  advance(instruction: ExpandedInstruction): void {
    const createdBy = describe(instruction, this.draft)
    this.#history.push({ created_by: createdBy, comment, ...this.#by(), empty_layer: true })
    this.#identify(createdBy)
  }

  /** An instruction is done that has left these files. */
  advanceTo(createdBy: string, filesystem: Filesystem, createdAtMs: number): void {
    const isEmpty = filesystem.layers.length === this.filesystem.layers.length
    this.filesystem = filesystem
    const created = new Date(createdAtMs).toISOString()
    const entry = { created_by: createdBy, comment, ...this.#by() }
    this.#identify(createdBy)
    this.#history.push(isEmpty ? { ...entry, empty_layer: true } : { created, ...entry })
  }

  result(): StageResult {
    const { filesystem, scope, platform, draft } = this
    const author = draft.author ?? this.#author
    return {
      id: this.#id,
      filesystem,
      scope,
      platform,
      author,
      config: draft.config,
      history: this.#history,
      base: this.#base,
    }
  }

  #identify(createdBy: string): void {
    this.#id = keyOf({ on: this.#id, createdBy, files: this.filesystem.key })
  }

  #by(): { author?: string } {
    const author = this.draft.author ?? this.#author
    return author === '' ? {} : { author }
  }
}

import type { Digest } from '../content/digest.js'
import type { ImageRunConfig } from '../spec/options.js'

/** What an image is: everything that its ID stands for. Frozen, and shared between callers. */
export interface ImageContent {
  /** Docker's image ID: the digest of the configuration document. */
  readonly id: Digest
  /** Bytes of all layers' files. */
  readonly size: number
  /** RFC 3339; '' when the image does not say. */
  readonly createdAt: string
  /** Go's names: amd64, arm64, ... */
  readonly architecture: string
  /** Such as v8; '' when the image does not say. */
  readonly variant: string
  readonly os: string
  readonly author: string
  readonly comment: string
  readonly config: ImageRunConfig
  /** Bottom first. */
  readonly layers: readonly ImageLayer[]
  /** Chain ids of the layers' snapshots, top first. */
  readonly chain: readonly string[]
  readonly history: readonly HistoryEntry[]
}

export interface ImageLayer {
  readonly diffId: Digest
  readonly chainId: string
  /** The layer as it came, compressed or not. */
  readonly blob: Digest | undefined
  readonly mediaType: string | undefined
}

/** A step of the image's making, as its configuration tells it. */
export interface HistoryEntry {
  readonly created?: string
  readonly created_by?: string
  readonly author?: string
  readonly comment?: string
  /** The step made no layer. */
  readonly empty_layer?: boolean
}

/** An image and the names it has now. */
export interface ImageRecord extends ImageContent {
  /** As Docker shows them: `redis:7`. Sorted. */
  readonly references: readonly string[]
  /** `redis@sha256:...`: names by the digest of a manifest. Sorted. */
  readonly digests: readonly string[]
  /** The local image that it was committed from. */
  readonly parent: Digest | undefined
  /** When it was last given a name here, in ms; undefined when its names came with it. */
  readonly taggedAtMs: number | undefined
}

export interface LoadedImage {
  readonly id: Digest
  /** The names that the archive gave it, as Docker shows them. */
  readonly references: readonly string[]
}

/** What `remove` did, in order: Docker's list. */
export type RemovedItem = { readonly untagged: string } | { readonly deleted: string }

/** What manifests and indexes say of themselves, by names. */
export interface SortedAnnotations {
  /** Undefined: nothing. */
  readonly manifest: Readonly<Record<string, string>> | undefined
  /** Of the index that joins several platforms, or names the image in a layout. */
  readonly index: Readonly<Record<string, string>> | undefined
}

/**
 * What is said of what: `key` and `manifest:key` of each manifest, `index:key` of the index, `manifest,index:key` of both.
 *
 * @see https://docs.docker.com/build/metadata/annotations/
 */
export function sortAnnotations(annotations: Readonly<Record<string, string>>): SortedAnnotations {
  const manifest = new Map<string, string>()
  const index = new Map<string, string>()
  for (const [name, value] of Object.entries(annotations)) {
    const colon = name.indexOf(':')
    const key = name.slice(colon + 1)
    const types = colon < 0 ? ['manifest'] : name.slice(0, colon).split(',')
    if (types.includes('manifest')) manifest.set(key, value)
    if (types.includes('index')) index.set(key, value)
  }
  return { manifest: textsOf(manifest), index: textsOf(index) }
}

function textsOf(texts: ReadonlyMap<string, string>): Readonly<Record<string, string>> | undefined {
  return texts.size === 0 ? undefined : Object.fromEntries(texts)
}

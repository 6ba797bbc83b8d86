/** What is left of a record without its undefined members. */
export type Compact<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Drops undefined members, so that a record says the same before and after JSON. */
export function compact<T extends object>(record: T): Compact<T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Compact<T>
}

/** Freezes data and all it holds. */
export function deepFreeze<T>(data: T): T {
  if (typeof data !== 'object' || data === null || Object.isFrozen(data)) return data
  Object.values(data).forEach(deepFreeze)
  return Object.freeze(data)
}

/** What a map has for a key, made and kept when it is missing. */
export function getOrMake<K, V>(
  map: { get(key: K): V | undefined; set(key: K, value: V): unknown },
  key: K,
  make: () => V,
): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

/** What was found out about paths of images, which never change. */
export class ImageCache<Value> {
  readonly #known = new Map<string, Value>()
  readonly #isWorthKeeping: (value: Value) => boolean

  constructor(isWorthKeeping: (value: Value) => boolean = () => true) {
    this.#isWorthKeeping = isWorthKeeping
  }

  get(chain: readonly string[], path: string, find: () => Value): Value {
    const key = `${chain[0] ?? ''} ${path}`
    if (this.#known.has(key)) return this.#known.get(key) as Value
    const value = find()
    if (this.#isWorthKeeping(value)) this.#known.set(key, value)
    if (this.#known.size > 256) this.#known.delete(this.#known.keys().next().value as string)
    return value
  }

  clear(): void {
    this.#known.clear()
  }
}

import type { Database } from './database.js'

/** What a step of a build has come to. */
export interface BuildStepRow {
  /** 32 hex digits. */
  readonly id: string
  /** An image with its files, which nobody sees. */
  readonly image: string
  /** run, copy, add, workdir */
  readonly kind: string
  readonly description: string
  /** Bytes of the files of its own layer; 0: it has changed nothing. */
  readonly size: number
  /** ms */
  readonly created_at: number
  /** ms */
  readonly used_at: number
  /** How often it was found. */
  readonly uses: number
}

/** A step, and what it is about: for who decides which are to go. */
export interface BuildStepLine extends BuildStepRow {
  /** Chain ids of its files' layers, bottom first. */
  readonly chain: readonly string[]
  /** A build under way uses it. */
  readonly in_use: boolean
  /** An image that somebody sees has its layer. */
  readonly shared: boolean
}

/** The tables of what builds have done, and of what they are doing. */
export interface BuildStepStore {
  find(key: string): BuildStepRow | undefined
  /** All that it is found under. */
  keysOf(id: string): string[]
  /** All of its keys lead to it from now on; steps that no key leads to any more are forgotten. */
  put(step: BuildStepRow, keys: readonly string[]): void
  /** It was found: by more keys than are known so far, maybe. */
  use(id: string, at: number, keys: readonly string[]): void
  /** Those that were used last first. */
  list(): BuildStepLine[]
  /** Whether there was one. */
  remove(id: string): boolean
  /** The image stays as long as the build is under way. */
  pin(build: string, image: string): void
  /** The build is over. */
  unpin(build: string): void
  /** All builds that images are kept for. */
  pinning(): string[]
  /** When an image with this content was built first: at `now`, if none was. */
  imageTime(key: string, now: number): number
  /** Forgets the times of images that were not built since. */
  forgetImageTimes(before: number): void
}

export function openBuildStepStore(database: Database): BuildStepStore {
  const { prepare, transaction } = database
  const byKey = prepare<[string], BuildStepRow>(
    'SELECT build_steps.* FROM build_step_keys JOIN build_steps ON id = step WHERE key = ?',
  )
  const keysOf = prepare<[string], { key: string }>('SELECT key FROM build_step_keys WHERE step = ? ORDER BY key')
  const insert = prepare<[BuildStepRow], never>(
    `INSERT INTO build_steps (id, image, kind, description, size, created_at, used_at, uses)
       VALUES ($id, $image, $kind, $description, $size, $created_at, $used_at, $uses)`,
  )
  const lead = prepare<[string, string], never>(
    'INSERT INTO build_step_keys (key, step) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET step = excluded.step',
  )
  const leadAlso = prepare<[string, string], never>('INSERT OR IGNORE INTO build_step_keys (key, step) VALUES (?, ?)')
  const use = prepare<[number, string], never>(
    'UPDATE build_steps SET used_at = max(used_at, ?), uses = uses + 1 WHERE id = ?',
  )
  const removeKeyless = prepare<[string], never>(
    'DELETE FROM build_steps WHERE id = ? AND NOT EXISTS (SELECT 1 FROM build_step_keys WHERE step = id)',
  )
  const remove = prepare<[string], never>('DELETE FROM build_steps WHERE id = ?')
  const pin = prepare<[string, string], never>('INSERT OR IGNORE INTO build_uses (build, image) VALUES (?, ?)')
  const unpin = prepare<[string], never>('DELETE FROM build_uses WHERE build = ?')
  const pinning = prepare<[], { build: string }>('SELECT DISTINCT build FROM build_uses')
  const imageTime = prepare<[string, number, number], { created_at: number }>(
    `INSERT INTO build_images (key, created_at, used_at) VALUES (?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET used_at = excluded.used_at RETURNING created_at`,
  )
  const forgetImageTimes = prepare<[number], never>('DELETE FROM build_images WHERE used_at < ?')
  const list = openStepList(database)

  const put = (step: BuildStepRow, keys: readonly string[]) => {
    const before = new Set(keys.map((key) => byKey.get(key)?.id))
    insert.run(step)
    for (const key of keys) lead.run(key, step.id)
    for (const id of before) if (id !== undefined) removeKeyless.run(id)
  }

  return {
    find: (key) => byKey.get(key),
    keysOf: (id) => keysOf.all(id).map(({ key }) => key),
    put: (step, keys) => transaction(() => put(step, keys)),
    use: (id, at, keys) =>
      transaction(() => {
        use.run(at, id)
        for (const key of keys) leadAlso.run(key, id)
      }),
    list,
    remove: (id) => remove.run(id).changes > 0,
    pin: (build, image) => void pin.run(build, image),
    unpin: (build) => void unpin.run(build),
    pinning: () => pinning.all().map(({ build }) => build),
    imageTime: (key, now) => (imageTime.get(key, now, now) as { created_at: number }).created_at,
    forgetImageTimes: (before) => void forgetImageTimes.run(before),
  }
}

function openStepList({ prepare, read }: Database): () => BuildStepLine[] {
  const steps = prepare<[], BuildStepRow>('SELECT * FROM build_steps ORDER BY used_at DESC, id')
  const chains = prepare<[], { image: string; chain_id: string }>(
    'SELECT image, chain_id FROM image_layers WHERE image IN (SELECT image FROM build_steps) ORDER BY image, position',
  )
  const pinned = prepare<[], { chain_id: string }>(
    `SELECT DISTINCT chain_id FROM image_layers WHERE image IN (
       SELECT image FROM build_uses UNION SELECT image FROM workspaces JOIN containers ON containers.id = workspaces.container)`,
  )
  const seen = prepare<[], { chain_id: string }>(
    'SELECT DISTINCT chain_id FROM image_layers JOIN images ON images.id = image WHERE NOT is_removed',
  )
  const setOf = (rows: readonly { chain_id: string }[]) => new Set(rows.map(({ chain_id }) => chain_id))
  return () =>
    read(() => {
      const chainOf = new Map<string, string[]>()
      for (const { image, chain_id } of chains.all()) chainOf.set(image, [...(chainOf.get(image) ?? []), chain_id])
      const [inUse, visible] = [setOf(pinned.all()), setOf(seen.all())]
      return steps.all().map((step) => {
        const chain = chainOf.get(step.image) ?? []
        const top = chain.at(-1) ?? ''
        return { ...step, chain, in_use: inUse.has(top), shared: visible.has(top) }
      })
    })
}

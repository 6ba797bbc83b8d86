/**
 * A name and a tag, or digest, that came apart, as one reference. The tag counts for more than one that the name has; a digest that
 * the name has for more than a tag.
 */
export function withTag(name: string, tag: string | undefined): string {
  if (tag === undefined || name.includes('@')) return name
  const bare = withoutTag(name)
  return isDigest(tag) ? `${bare}@${tag}` : `${bare}:${tag}`
}

/** `localhost:5000/app:1` is `localhost:5000/app`; digests go too. */
export function withoutTag(name: string): string {
  const [beforeDigest = ''] = name.split('@')
  return beforeDigest.replace(/:[^:/]*$/, '')
}

/** The tag of a name; of one with a digest, the whole name: what Docker shows in front of `Pulling from`. */
export function tagOf(name: string): string {
  return name.includes('@') ? name : (/:([^:/]*)$/.exec(name)?.[1] ?? name)
}

/** Whether a name says which image of the repository it is. */
export function isWhole(name: string): boolean {
  return name.includes('@') || /:[^:/]+$/.test(name)
}

const isDigest = (text: string) => text.includes(':')

/** Docker's short form of a digest. */
export function short(digest: string): string {
  return digest.replace(/^\w+:/, '').slice(0, 12)
}

import type { Shown, Step } from './docker-script.js'

/** One kind of thing that is another one each time. */
type Kind = readonly [what: RegExp, name: (found: string, numbers: Numbers) => string]

/** Gives things numbers, the same thing always the same. */
class Numbers {
  readonly #known = new Map<string, Map<string, number>>()

  of(kind: string, thing: string): number {
    const known = this.#known.get(kind) ?? new Map<string, number>()
    this.#known.set(kind, known)
    const number = known.get(thing) ?? known.size + 1
    known.set(thing, number)
    return number
  }
}

const numbered = (kind: string) => (found: string, numbers: Numbers) => `<${kind} ${numbers.of(kind, found)}>`
const id = (found: string, numbers: Numbers) =>
  `<${found.length === 12 ? 'id' : 'full id'} ${numbers.of('id', found.slice(0, 12))}>`
const unless = (kept: (found: string) => boolean, name: Kind[1]) => (found: string, numbers: Numbers) =>
  kept(found) ? found : name(found, numbers)

const kinds: readonly Kind[] = [
  [/\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b/g, id],
  [/\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b/g, numbered('mac')],
  [
    /\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| ?[+-]\d\d:?\d\d(?: UTC)?)/g,
    unless(
      (found) => found.startsWith('0001-'),
      () => '<time>',
    ),
  ],
  [/\d\d\/[A-Z][a-z]{2}\/\d{4}[ :]\d\d:\d\d:\d\d(?: \+0000)?/g, () => '<time>'],
  [
    /\b(?:Less than a second|About an? (?:minute|hour)|\d+ (?:second|minute|hour|day|week|month|year)s?)\b/g,
    () => '<while>',
  ],
  [/\b\d+(?:\.\d+)?(?:e\+\d+)? ?(?:B|[kKMG]B|[KMG]iB)\b/g, () => '<size>'],
  [/\b172\.\d+\.\d+\.\d+\b/g, numbered('address')],
  [/(?<=[:"]|^)\d{5}\b/gm, unless((found) => Number(found) < 32_768, numbered('port'))],
  [/\b[a-z]{3,}_[a-z]{3,}\b(?= *$)|(?<="\/)[a-z]{3,}_[a-z]{3,}(?=")/gm, numbered('name')],
]

const escapes = new RegExp(['\\x1b\\[[?0-9;]*[A-Za-z]', '\\x1b\\][^\\x07]*\\x07', '\\x07'].join('|'), 'g')

/** Names what is another one each time in what the steps of one script show; the same thing has the same name in all of them. */
export class Names {
  readonly #numbers = new Numbers()
  readonly #places: readonly (readonly [string, string])[]

  constructor(places: Readonly<Record<string, string>>) {
    this.#places = Object.entries(places).sort(([one], [other]) => other.length - one.length)
  }

  /** What a step has shown, to be compared. */
  named(step: Step, { code, stdout, stderr }: Shown): Shown {
    if (step.compared === 'no') return { code, stdout: '', stderr: '' }
    return { code, stdout: this.#comparable(step, stdout), stderr: this.#text(step, stderr) }
  }

  #comparable(step: Step, stdout: string): string {
    const text = this.#text(step, stdout)
    return step.compared === 'document' ? fieldsOf(text) : text
  }

  #text({ masks = [] }: Step, shown: string): string {
    let text = asSeen(shown)
    for (const [path, name] of this.#places) text = text.replaceAll(path, name)
    for (const [what, name] of masks) text = text.replace(what, name)
    for (const [what, name] of kinds) text = text.replace(what, (found) => name(found, this.#numbers))
    // Columns are as wide as what is in them.
    return text.replace(/ {2,}/g, '  ').replace(/ +$/gm, '')
  }
}

/** What a terminal shows, without what moves and colours it. */
export const onScreen = (text: string): string => text.replace(escapes, '').replaceAll('\r', '')

/** What is written over is not seen. */
function asSeen(text: string): string {
  return text
    .replace(escapes, '')
    .replace(/\r+\n/g, '\n')
    .replace(/\r+$/, '')
    .replace(/[^\n]*\r/g, '')
}

/** A line for each field of a document. */
function fieldsOf(text: string): string {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return text
  }
  return [...fields(document, '')].sort().join('\n')
}

function* fields(value: unknown, path: string): Generator<string> {
  const entries = value === null || typeof value !== 'object' ? [] : Object.entries(value)
  if (entries.length === 0) yield `${path} = ${JSON.stringify(value)}`
  for (const [name, inner] of entries) yield* fields(inner, path === '' ? name : `${path}.${name}`)
}

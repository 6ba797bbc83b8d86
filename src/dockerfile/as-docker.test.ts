// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Docker's to replace.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ImageRunConfig } from '../spec/options.js'
import { expandInstruction, GlobalScope, ImageDraft, parseDockerfile, Scope } from './index.js'

/** What test/conformance/facts/dockerfile.mjs has recorded of Docker's classic builder; FROM scratch stands before each. */
interface Fact {
  readonly text: string
  readonly buildArgs: Readonly<Record<string, string>>
  readonly config?: ImageRunConfig
  readonly author?: string
  readonly error?: string
}

const facts: Fact[] = JSON.parse(
  readFileSync(new URL('../../test/conformance/facts/dockerfile.json', import.meta.url), 'utf8'),
)

/** What BuildKit makes of it, which is newer than the builder that was asked. */
const newer: Readonly<Record<string, ImageRunConfig>> = {
  // Its substitutions without a colon.
  'ENV a=1\nLABEL x=${a:-d} y=${b:-d} z=${b-d} w=${a-d}': { Env: ['a=1'], Labels: { x: '1', y: 'd', z: 'd', w: '1' } },
  // An argument sees those before it on its line; one without a value keeps the one that it has.
  'ARG a=1 b=$a c\nLABEL x=$a$b$c': { Labels: { x: '113' } },
  'ARG a=1\nARG a\nLABEL x=$a': { Labels: { x: '1' } },
  // A default that is not needed is not expanded.
  'ARG a=${b:?missing}\nLABEL x=$a': { Labels: { x: '1' } },
  // Absolute paths are made clean as well.
  'WORKDIR /a/./b/../c/': { WorkingDir: '/a/c' },
  'WORKDIR //a//b': { WorkingDir: '/a/b' },
}

const path = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']

function build({ text, buildArgs }: Fact): { config: ImageRunConfig; author?: string } {
  const dockerfile = parseDockerfile(`FROM scratch\n${text}\n`)
  const scope = new Scope(new GlobalScope(dockerfile, { buildArgs }), { env: path })
  const draft = new ImageDraft({ Env: path })
  for (const instruction of dockerfile.stages[0]?.instructions ?? [])
    draft.apply(expandInstruction(instruction, scope).instruction)
  const { config, author } = draft
  return { config, ...(author !== undefined && { author }) }
}

const newerFacts = Object.entries(newer).map(([text, { Env = [], ...config }]) => {
  const fact = facts.find((one) => one.text === text) as Fact
  return { ...fact, wanted: { ...config, Env: [...path, ...(Env ?? [])] } }
})

/** Messages differ in case and in small words from version to version. */
const comparable = (message: string) => message.toLowerCase().replace(/ (?:on )?line \d+/, '')

describe('what BuildKit makes of it', () => {
  it.each(newerFacts)('$text', ({ wanted, ...fact }) => {
    expect(build(fact).config).toEqual(wanted)
  })
})

describe('what Docker makes of it', () => {
  const configs = facts.filter(({ config, text }) => config !== undefined && !(text in newer))
  it.each(configs)('$text $buildArgs', (fact) => {
    const { text: _, buildArgs: __, ...wanted } = fact
    expect(build(fact)).toEqual(wanted)
  })

  const errors = facts.filter(({ error, text }) => error !== undefined && !(text in newer))
  it.each(errors)('refuses $text $buildArgs', (fact) => {
    let message = ''
    try {
      build(fact)
    } catch (error) {
      message = (error as Error).message
    }
    expect(comparable(message)).toContain(comparable(fact.error as string))
  })
})

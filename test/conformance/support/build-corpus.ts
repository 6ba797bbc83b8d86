import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Image } from '../../../src/index.js'
import type { BuildCase } from '../../support/build-cases/build-case.js'
import { type BuildGroupName, buildCases } from '../../support/build-cases/index.js'
import { makeContext } from '../../support/build-cases/make-context.js'
import { factOf } from '../../support/build-cases/saved-image.js'
import { type TestEngine, testEngine } from '../../support/engine.js'
import { differencesOf, shareOf, wantedOf } from './build-differences/index.js'
import { type BuildFact, readFacts } from './build-facts.js'
import { failureOf } from './build-failures.js'

/** Builds all cases of a group, and compares each with what Docker made of it, or with how that is explained to differ. */
export function compareWithDocker(group: BuildGroupName): void {
  const cases = buildCases(group)
  const facts = readFacts(new URL(`../facts/build/${group}.jsonl`, import.meta.url))
  const differences = differencesOf(group)
  let host: TestEngine
  let base: Buffer
  let directory: string

  describe.concurrent(`${group}: what Docker makes of it`, () => {
    beforeAll(async () => {
      host = await testEngine(['busybox'])
      const image = await host.engine.images.get('busybox')
      await image.tag('corpus')
      base = await archiveOf(host, image)
      directory = mkdtempSync('/tmp/build-corpus-')
    })
    afterAll(async () => {
      rmSync(directory, { recursive: true, force: true })
      expect(await host.leaks()).toEqual([])
      await host[Symbol.asyncDispose]()
    })

    it('is on record for each case, and only what differs is explained', () => {
      expect(Object.keys(facts)).toEqual(cases.map(({ name }) => name))
      const same = Object.entries(differences).filter(([name, other]) => {
        const fact = facts[name] as BuildFact
        return fact === undefined || isDeepStrictEqual(wantedOf(fact, other), wantedOf(fact, undefined))
      })
      expect(same).toEqual([])
      console.log(`builds, ${group}: ${shareOf([group])}`)
    })

    it.each(cases)('$name', async (one) => {
      const context = mkdtempSync(join(directory, 'context-'))
      await makeContext(context, one)
      const wanted = wantedOf(facts[one.name] as BuildFact, differences[one.name])
      expect(await built(host, one, context, base)).toEqual(wanted)
    })
  })
}

/** Cases run beside each other, and each has parents of its own. */
let count = 0

async function built(host: TestEngine, one: BuildCase, context: string, base: Buffer): Promise<unknown> {
  const number = count++
  const own = (text: string) => text.replaceAll(/corpus-(parent|child)/g, `$&-${number}`)
  for (const [name, text] of Object.entries(one.parents ?? {}))
    await host.engine.build(undefined, { dockerfile: own(text), tag: [own(name)] })
  const build = host.engine.build(context, {
    ...(one.parents === undefined ? { file: one.file ?? 'Dockerfile' } : { dockerfile: own(one.dockerfile) }),
    ...(one.target !== undefined && { target: one.target }),
    buildArg: one.buildArgs ?? {},
  })
  try {
    return await factOf(await archiveOf(host, await build), base)
  } catch (error) {
    return { error: failureOf(error) }
  }
}

const archiveOf = ({ engine }: TestEngine, { id }: Image) => buffer(engine.images.saveStream(id))

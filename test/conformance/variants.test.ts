import { mkdtempSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestEngine, testEngine } from '../support/engine.js'
import { fact, lines } from './support/facts.js'
import { expectedTable, mountTable } from './support/mount-table.js'
import { oracleRootfs } from './support/oracle-image.js'
import { answers, probeScript } from './support/probe.js'
import { variants } from './support/variants.js'

const shared = mkdtempSync('/tmp/ib-shared-')
let host: TestEngine
beforeAll(async () => {
  host = await testEngine([])
  await host.engine.images.import(await oracleRootfs(), { reference: 'oracle' })
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  rmSync(shared, { recursive: true })
})

describe('every option changes what Docker’s changes, and nothing else', () => {
  test.each(variants(shared))('$name', async ({ name, inboard }) => {
    const { stdout } = await inboard(host.engine.run('oracle', ['sh', '-c', probeScript]).rm()).output()
    const { mounts, status } = answers(stdout)
    expect(mountTable(mounts)).toEqual(expectedTable(fact(`variants/${name}.mountinfo.txt`)))
    expect(lines(status)).toEqual(lines(fact(`variants/${name}.status.txt`)))
  })
})

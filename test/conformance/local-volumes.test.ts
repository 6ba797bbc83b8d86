import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LocalVolumes, makeImage, mountDirectory, mountsBelow } from '../../src/volume/local-fixture.js'
import { fact } from './support/facts.js'

interface Answer {
  readonly asked: { readonly DriverOpts?: Readonly<Record<string, string>> }
  /** Of `volume create`. */
  readonly message?: string
  /** Of the start of a container with the volume. */
  readonly use?: { readonly start: { readonly message?: string } }
}

const answers: Readonly<Record<string, Answer>> = JSON.parse(fact('volumes.json')).volumes.create
const withOptions = Object.entries(answers).filter(([title]) => title.startsWith('options {'))

/** What works here, and not with Docker. */
const better = new Set([
  'options {"type": "tmpfs", "device": "tmpfs", "size": "1m"}',
  'options {"type": "ext4", "device": "<HOST>/file"}',
  'options {"type": "ext4", "device": "<HOST>/file", "o": "loop"}',
])

/** The driver's part of what Docker says: whoever asks it says the rest. */
const said = ({ message, use }: Answer, root: string, host: string) =>
  (message ?? use?.start.message ?? '')
    .replace(/^create opt: |^error while mounting volume '[^']*': /, '')
    .replaceAll('<ROOT>/volumes', root)
    .replaceAll('<HOST>', host)

async function use(volumes: LocalVolumes, host: string, { asked }: Answer): Promise<string> {
  const given = Object.entries(asked.DriverOpts ?? {})
  try {
    await volumes.create('opt', Object.fromEntries(given.map(([key, value]) => [key, value.replace('<HOST>', host)])))
    await volumes.mount('opt', 'use')
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

test.each(withOptions.filter(([title]) => !better.has(title)))(
  'a volume with %s is answered in Docker’s words',
  async (_title, answer) => {
    const host = mountDirectory()
    writeFileSync(join(host, 'file'), '')
    const volumes = new LocalVolumes(host)
    const expected = said(answer, volumes.directory, host)
    const actual = await use(volumes, host, answer)
    expect({ isRefused: actual !== '', words: actual.slice(0, expected.length) }).toEqual({
      isRefused: expected !== '',
      words: expected,
    })
  },
)

test.each(withOptions.filter(([title]) => better.has(title)))('a volume with %s is mounted', async (_title, answer) => {
  const host = mountDirectory()
  makeImage(join(host, 'file'), 'ext4', 16)
  const volumes = new LocalVolumes(host)
  expect(await use(volumes, host, answer)).toBe('')
  expect(mountsBelow(host)).toHaveLength(1)
})

test('all that Docker was asked about is compared', () => {
  expect(withOptions.length).toBeGreaterThan(15)
})

import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { mountDirectory } from './local-fixture.js'
import { readOptions, writeOptions } from './local-record.js'

const options = { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=7' }

describe('the options beside a volume', () => {
  it('are read as they were written, the last ones, by root alone', () => {
    const home = mountDirectory()
    writeOptions(home, { type: 'nfs', device: ':/x', o: 'addr=192.0.2.1,password=secret' })
    writeOptions(home, options)
    expect(readOptions(home)).toEqual(options)
    expect(statSync(join(home, 'opts.json')).mode & 0o777).toBe(0o600)
    expect(readdirSync(home)).toEqual(['opts.json'])
  })

  it('are none where there is no file', () => {
    expect(readOptions(mountDirectory())).toEqual({})
  })

  const hostile: Readonly<Record<string, (path: string) => void>> = {
    'nothing, as a power cut leaves it': (path) => writeFileSync(path, ''),
    'a list': (path) => writeFileSync(path, '[]'),
    null: (path) => writeFileSync(path, 'null'),
    'a number for a text': (path) => writeFileSync(path, '{"type":"tmpfs","device":1}'),
    'an option that the driver has not': (path) => writeFileSync(path, '{"type":"tmpfs","device":"tmpfs","x":"y"}'),
    'an option without the one it needs': (path) => writeFileSync(path, '{"type":"tmpfs"}'),
    'a prototype': (path) => writeFileSync(path, '{"__proto__":"x"}'),
    'more than there can be': (path) => writeFileSync(path, JSON.stringify({ ...options, o: 'x'.repeat(70_000) })),
    'a link to good ones': (path) => {
      writeFileSync(`${path}.good`, JSON.stringify(options))
      symlinkSync(`${path}.good`, path)
    },
    'a directory': (path) => mkdirSync(path),
    'a pipe that nobody writes to': (path) => execFileSync('mkfifo', [path]),
  }
  it.each(Object.keys(hostile))('are not taken from %s', (what) => {
    const home = mountDirectory()
    hostile[what]?.(join(home, 'opts.json'))
    expect(readOptions(home)).toBeUndefined()
  })
})

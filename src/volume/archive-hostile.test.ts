import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { archive, describeTree, hardlink, type Member, paxHeader, symlink } from '../layer/fixture.js'
import { exportTree, importTree } from './archive.js'
import { besideCanary, makeTree, swapForever } from './copy-fixture.js'
import { copyIn } from './copy-in.js'
import { copyOut } from './copy-out.js'

const volumeAt = (directory: string) => ({ root: { directory }, kind: 'volume', name: 'v' }) as const

/** A volume in which a process exchanges a directory with a symlink to the outside, and a file with another, without end. */
async function swapped() {
  const files = 'for i in $(seq 50); do echo inside >$i; done; mkdir sub; echo inside >sub/canary; echo inside >canary'
  const place = besideCanary(
    `mkdir -p d top; cd d; ${files}; cd ..; ln -s $OUTSIDE link; echo inside >file; ln -s $OUTSIDE/canary file-link`,
  )
  await swapForever(place.volume, 'd', 'link')
  await swapForever(place.volume, 'file', 'file-link')
  return place
}

const rounds = 60

describe('while a container exchanges a directory with a symlink to the outside', () => {
  test('nothing from outside gets into an export, and all that is exported is a tar', async () => {
    const { volume, verify } = await swapped()
    let filled = 0
    for (let round = 0; round < rounds; round++) {
      const bytes = await buffer(exportTree({ directory: volume }))
      expect(bytes.includes('secret-canary')).toBe(false)
      if (bytes.includes('inside')) filled++
      execFileSync('tar', ['-tf', '-'], { input: bytes })
    }
    expect(filled).toBeGreaterThan(0)
    verify()
  }, 120_000)

  test('nothing from outside gets into an export of the directory itself', async () => {
    const { volume, verify } = await swapped()
    const outcomes = new Set<string>()
    for (let round = 0; round < rounds * 3; round++) {
      const bytes = await buffer(exportTree({ directory: volume }, { path: 'd' })).catch((error) => error)
      outcomes.add(Buffer.isBuffer(bytes) ? 'exported' : bytes.details.errno)
      if (Buffer.isBuffer(bytes)) expect(bytes.includes('secret-canary')).toBe(false)
    }
    expect([...outcomes].sort()).toEqual(['ENOENT', 'exported'])
    verify()
  }, 120_000)

  test('an import writes nothing outside', async () => {
    const { volume, verify } = await swapped()
    const members: Member[] = [{ name: 'd', kind: 'directory', mode: 0o777 }]
    for (let i = 0; i < 20; i++)
      members.push({ name: `d/${i}`, content: 'imported' }, { name: 'd/canary', content: 'imported', mode: 0o666 })
    members.push(
      { name: 'd/in/canary', content: 'imported' },
      { name: 'file', content: 'imported' },
      { name: 'file', mode: 0o777 },
    )
    const bytes = archive(...members, hardlink('d/hard', 'd/canary'), { name: 'd/fifo', kind: 'fifo', mode: 0o666 })
    const outcomes = new Set<string>()
    for (let round = 0; round < rounds; round++)
      await importTree({ directory: volume }, bytes).then(
        () => outcomes.add('imported'),
        (error) => outcomes.add(error.code),
      )
    expect(outcomes.size).toBeGreaterThan(0)
    expect(
      [...outcomes].filter((outcome) => !['imported', 'LAYER_INVALID', 'LAYER_ESCAPES'].includes(outcome)),
    ).toEqual([])
    verify()
  }, 120_000)

  test('copies into it write nothing outside', async () => {
    const { volume, verify } = await swapped()
    const host = makeTree(
      temporaryDirectory(),
      'mkdir -p d/sub; echo copied >d/canary; echo copied >d/sub/canary; echo copied >file',
    )
    const codes = new Set<string>()
    for (let round = 0; round < rounds; round++)
      for (const [source, path] of [
        ['d', '/'],
        ['d/.', '/d'],
        ['file', '/d/canary'],
        ['file', '/file'],
        ['d', '/link/new'],
      ] as const)
        await copyIn(`${host}/${source}`, volumeAt(volume), path).catch((error) => codes.add(error.code))
    expect(
      [...codes].filter((code) => !/^(FILE_NOT_FOUND|LAYER_INVALID|INVALID_OPTION|SYSCALL_FAILED)$/.test(code)),
    ).toEqual([])
    verify()
  }, 120_000)

  test('copies out of it bring nothing from outside, and write nothing but the target', async () => {
    const { volume, verify } = await swapped()
    const host = makeTree(temporaryDirectory(), 'mkdir target; echo precious >precious')
    let copied = 0
    for (let round = 0; round < rounds; round++)
      for (const path of ['/', '/d', '/d/', '/d/canary', '/file', '/link/sub']) {
        const target = join(host, 'target', `${round}`)
        await copyOut(volumeAt(volume), path, target, { followLink: round % 2 === 0 }).then(
          () => copied++,
          () => {},
        )
        if (existsSync(target)) expect(grep('secret-canary', target)).toBe('')
        rmSync(target, { recursive: true, force: true })
      }
    expect(copied).toBeGreaterThan(rounds)
    expect(readFileSync(join(host, 'precious'), 'utf8')).toBe('precious\n')
    verify()
  }, 120_000)
})

/** Files that have a word, symlinks not followed. */
function grep(word: string, directory: string): string {
  return execFileSync('sh', ['-c', 'find "$2" -type f -exec grep -q -- "$1" {} \\; -print', 'sh', word, directory], {
    encoding: 'utf8',
  })
}

test('what takes the place of a directory that is being made does not get its owner and mode', async () => {
  const volume = makeTree(
    temporaryDirectory(),
    'echo mine >program; chown 1000:1000 program; chmod 777 program; mkdir x',
  )
  await swapForever(volume, 'program', 'x')
  const bytes = archive({ name: 'x', kind: 'directory', mode: 0o6755, uid: 0, gid: 0 })
  for (let round = 0; round < 200; round++) await importTree({ directory: volume }, bytes).catch(() => {})
  const programs = describeTree(volume).filter((line) => line.includes(' 100'))
  // Either it is there as it was, or tar's own rule has replaced it.
  for (const line of programs) expect(line).toContain(' 100777 1000:1000 ')
}, 60_000)

describe('an archive reaches nothing outside of the volume', () => {
  const attacks: Record<string, readonly (Member | Buffer)[]> = {
    'by a symlink to an absolute path': [symlink('l', '/'), { name: 'l/tmp/x', content: 'dead' }],
    'by a symlink that climbs': [symlink('l', '../outside'), { name: 'l/canary', content: 'dead', mode: 0o666 }],
    'by a chain of symlinks': [symlink('a', '..'), symlink('b', 'a/outside'), { name: 'b/canary', content: 'dead' }],
    'by a symlink that becomes a file': [
      symlink('f', '../outside/canary'),
      { name: 'f', content: 'dead', mode: 0o666 },
    ],
    'by a symlink that becomes a directory': [
      symlink('f', '../outside'),
      { name: 'f', kind: 'directory', mode: 0o777 },
    ],
    'by a hard link through a symlink': [
      symlink('l', '../outside'),
      hardlink('h', 'l/canary'),
      { name: 'h', content: 'dead' },
    ],
    'by a hard link to an absolute path': [hardlink('h', '/etc/passwd'), { name: 'h', content: 'dead' }],
    'by a symlink of the volume': [{ name: 'way-out/canary', content: 'dead', mode: 0o666 }],
    'by a hard link through a symlink of the volume': [hardlink('h', 'way-out/canary')],
    'by an absolute name': [{ name: '/etc/hosts', content: 'inside' }],
    'by a name of an extended header': [paxHeader([['path', '../outside/canary']]), { name: 'f', content: 'dead' }],
    'by the time of a directory that became a symlink': [
      { name: 'd', kind: 'directory', mode: 0o755 },
      symlink('d', '../outside'),
    ],
    'by /proc': [symlink('p', '/proc/self/cwd'), { name: 'p/x', content: 'dead' }],
  }

  test.each(Object.entries(attacks))('%s', async (_, members) => {
    const { volume, verify } = besideCanary('ln -s $OUTSIDE way-out')
    const hosts = statSync('/etc/passwd')
    await importTree({ directory: volume }, archive(...members)).catch((error) =>
      expect(error.code).toMatch(/^LAYER_(INVALID|ESCAPES)$/),
    )
    verify()
    expect(statSync('/etc/passwd')).toMatchObject({ mtimeMs: hosts.mtimeMs, nlink: hosts.nlink, size: hosts.size })
    expect(grep('secret-canary', volume)).toBe('')
  })

  test('by a device either: one is made, and nothing is written to it', async () => {
    const { volume, verify } = besideCanary('true')
    const members = [
      { name: 'null', kind: 'character', major: 1, minor: 3 },
      { name: 'null', content: 'x' },
    ] as const
    await importTree({ directory: volume }, archive(...members))
    expect(readFileSync(join(volume, 'null'), 'utf8')).toBe('x')
    verify()
  })

  test('nor by trusted attributes, which a container could not set', async () => {
    const { volume } = besideCanary('true')
    const xattrs = new Map([
      ['trusted.overlay.redirect', Buffer.from('/etc')],
      ['security.selinux', Buffer.from('x')],
      ['user.kept', Buffer.from('y')],
    ])
    await importTree({ directory: volume }, archive({ name: 'f', xattrs }))
    expect(describeTree(volume)[0]).toContain('[user.kept=79]')
  })
})

test('a directory that is moved away and replaced in the middle of an export stays inside', async () => {
  const { volume, outside, verify } = besideCanary(
    'mkdir a d; head -c 20000000 /dev/zero >a/big; echo inside >d/canary',
  )
  const stream = exportTree({ directory: volume })
  const chunks = stream[Symbol.asyncIterator]()
  const all = [(await chunks.next()).value as Buffer]
  renameSync(join(volume, 'd'), join(volume, 'was'))
  symlinkSync(outside, join(volume, 'd'))
  mkdirSync(join(volume, 'late'))
  for await (const chunk of chunks) all.push(chunk)
  const bytes = Buffer.concat(all)
  expect(bytes.includes('secret-canary')).toBe(false)
  const copy = temporaryDirectory()
  await importTree({ directory: copy }, bytes)
  expect(statSync(join(copy, 'a/big')).size).toBe(20_000_000)
  verify()
})

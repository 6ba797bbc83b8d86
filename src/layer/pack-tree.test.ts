import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { native } from '../host/index.js'
import { extractLayer } from './extract.js'
import { bytesOf, describeTree } from './fixture.js'
import { compare, packChanges, packTree } from './pack-tree.js'

function makeTree(directory: string, script: string): string {
  mkdirSync(directory, { recursive: true })
  execFileSync('bash', ['-ec', script], { cwd: directory })
  return directory
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const long = 'n'.repeat(200)

/** One of everything that a root filesystem can have. */
const everything = `
  mkdir -p usr/bin etc/empty ${long}/${long}; echo program >usr/bin/su; chmod 4755 usr/bin/su; ln usr/bin/su usr/bin/same; ln usr/bin/su zz
  setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 usr/bin/su
  echo 1 >etc/passwd; setfattr -n user.comment -v "0x00ff80" etc/passwd; chown 3000000:70000 etc/passwd; chmod 0 etc/passwd
  chmod 1777 etc/empty
  ln -s ../../nowhere usr/link; ln -s /${long} ${long}/link; ln usr/link usr/link2; touch -hd '2001-02-03 04:05:06.789012345 UTC' usr/link
  mkfifo fifo; mknod null c 1 3; mknod big b 259 1048575; chmod 640 big; echo x >${long}/${long}/deep
  truncate -s 300M sparse; echo start | dd of=sparse conv=notrunc status=none; echo middle | dd of=sparse bs=1 seek=200000000 conv=notrunc status=none
  truncate -s 5M hollow; echo end >tail; truncate -s 3M tail
  touch "$(printf 'not-utf8-\\377\\300')" "$(printf 'new\\nline')" 'ünï—€' '.wh' ; mkdir "$(printf 'd\\222')"; echo in >"$(printf 'd\\222/f')"
  touch -d '1960-01-01 00:00:00.5 UTC' etc/passwd; touch -d '2100-01-01 UTC' tail; touch -d '2020-01-01 00:00:00.123456789 UTC' usr/bin/su etc usr .`

/** An access and a default list, as acl(5) keeps them. */
const acl = '0200000001000600ffffffff02000400e803000004000400ffffffff10000600ffffffff20000400ffffffff'
const withAcls = `${everything}; setfattr -n system.posix_acl_access -v 0x${acl} etc/passwd; setfattr -n system.posix_acl_default -v 0x${acl} etc/empty`

test('a tree that is packed and extracted is the same in everything, and packs to the same bytes again', async () => {
  const directory = temporaryDirectory()
  const tree = makeTree(join(directory, 'tree'), withAcls)
  const archive = await buffer(packTree([tree]))
  const copy = makeTree(join(directory, 'copy'), 'true')
  await extractLayer(bytesOf(archive), copy, { format: 'merged' })
  const again = await buffer(packTree([copy]))
  expect(describeTree(copy)).toEqual(describeTree(tree))
  expect(sha256(again)).toBe(sha256(archive))
  expect(execFileSync('cmp', [join(tree, 'sparse'), join(copy, 'sparse')], { encoding: 'utf8' })).toBe('')
  expect(statSync(join(copy, 'sparse')).blocks).toBeLessThan(1000)
  expect(archive.length).toBeLessThan(1_000_000)
}, 120_000)

test('GNU tar reads it as we do', async () => {
  const directory = temporaryDirectory()
  const tree = makeTree(join(directory, 'tree'), everything)
  writeFileSync(join(directory, 'archive.tar'), await buffer(packTree([tree])))
  const copy = makeTree(
    join(directory, 'copy'),
    `tar --xattrs --xattrs-include='*' --numeric-owner -xpf ../archive.tar; touch -d '2020-01-01 00:00:00.123456789 UTC' .`,
  )
  expect(describeTree(copy)).toEqual(describeTree(tree))
})

test('layers are packed as overlayfs merges them', async () => {
  const directory = temporaryDirectory()
  const below = makeTree(
    join(directory, 'below'),
    'mkdir a b c; echo 1 >a/x; echo 1 >b/x; echo 1 >c/x; echo 1 >f; echo 1 >g',
  )
  const middle = makeTree(
    join(directory, 'middle'),
    'mkdir a b; echo 2 >a/y; echo 2 >b/y; setfattr -n trusted.overlay.opaque -v y b; mknod f c 0 0',
  )
  const top = makeTree(
    join(directory, 'top'),
    'mkdir a; mknod a/x c 0 0; echo 3 >c; mknod g c 0 0; mkdir d; mknod d/never c 0 0',
  )
  const copy = makeTree(join(directory, 'copy'), 'true')
  await extractLayer(packTree([top, middle, below, join(directory, 'missing')]), copy, { format: 'merged' })
  expect(
    execFileSync('sh', ['-c', 'find . -type f -exec tail -n +1 {} +; find . -type d'], { cwd: copy, encoding: 'utf8' })
      .trim()
      .split('\n')
      .sort(),
  ).toEqual(['', '', '.', './a', './b', './d', '2', '2', '3', '==> ./a/y <==', '==> ./b/y <==', '==> ./c <=='].sort())
})

test('a layer of changes, extracted over what it was made from, is what was changed', async () => {
  const directory = temporaryDirectory()
  const base = makeTree(
    join(directory, 'base'),
    'mkdir a b gone swap; echo 1 >a/x; echo 1 >a/y; echo 1 >b/z; echo 1 >swap/old; echo k >kept; echo 1 >file',
  )
  const own = makeTree(
    join(directory, 'own'),
    `cp -a ../base/. .; rm a/x; rm -r gone swap; echo now >swap; echo 2 >a/y; rm file; mkdir file; echo 3 >file/in; chmod 700 b
     touch -r ../base/kept kept; setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 kept`,
  )
  const comparison = { own, format: 'merged', base: [base] } as const
  const changes = (await compare(comparison)).map(({ kind, path }) => `${kind} ${path}`)
  const { diffId, size } = await packChanges(comparison, join(directory, 'layer.tar'))
  const copy = makeTree(join(directory, 'copy'), 'cp -a ../base/. .')
  await extractLayer(join(directory, 'layer.tar'), copy, { format: 'merged', diffId })
  expect(changes).toEqual([
    'C /a',
    'D /a/x',
    'C /a/y',
    'C /b',
    'C /file',
    'A /file/in',
    'D /gone',
    'C /kept',
    'C /swap',
  ])
  expect(describeTree(copy)).toEqual(describeTree(own))
  expect(size).toBe(readFileSync(join(directory, 'layer.tar')).length)
})

test('a file that becomes shorter while it is packed is filled up with zeros', async () => {
  const directory = temporaryDirectory()
  const tree = makeTree(join(directory, 'tree'), 'head -c 50000000 /dev/urandom >big; echo last >z')
  const chunks = packTree([tree])
  const first = (await chunks.next()).value as Buffer
  execFileSync('truncate', ['-s', '20000000', join(tree, 'big')])
  const rest = await buffer(chunks)
  const copy = makeTree(join(directory, 'copy'), 'true')
  await extractLayer(bytesOf(first, rest), copy, { format: 'merged' })
  expect(statSync(join(copy, 'big')).size).toBe(50_000_000)
  expect(readFileSync(join(copy, 'z'), 'utf8')).toBe('last\n')
})

test('a tree that is deeper than any path is refused, and nothing is left', async () => {
  const directory = temporaryDirectory()
  const script = 'import os, sys\nfor _ in range(3000): os.mkdir("d"); os.chdir("d")\nopen("f", "w")'
  const tree = makeTree(join(directory, 'tree'), `python3 -c '${script.replaceAll("'", '"')}'`)
  await expect(buffer(packTree([tree]))).rejects.toMatchObject({ code: 'LAYER_INVALID' })
  await expect(compare({ own: tree, format: 'merged', base: [] })).rejects.toMatchObject({ code: 'LAYER_INVALID' })
  await native().removeTree(tree)
})

test('many files take little memory', async () => {
  const directory = temporaryDirectory()
  const script = `
import os
for d in range(20):
    os.mkdir(str(d))
    for f in range(500): os.mknod(f'{d}/file-with-a-longer-name-{f}')`
  const tree = makeTree(join(directory, 'tree'), `python3 -c "${script.replaceAll('"', "'")}"`)
  const before = process.memoryUsage().rss
  let most = 0
  let bytes = 0
  for await (const chunk of packTree([tree])) {
    bytes += chunk.length
    most = Math.max(most, process.memoryUsage.rss())
  }
  expect(bytes).toBeGreaterThan(10_000 * 512)
  expect(most - before).toBeLessThan(60 * 1024 * 1024)
}, 120_000)

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../host/fixture.js'
import { extractLayer } from './extract.js'
import { bytesOf, describeTree } from './fixture.js'
import { packTree } from './pack-tree.js'

/** Everything that a file can have. */
function makeTree(): string {
  const base = temporaryDirectory()
  const script = `
    mkdir -p tree/dir/sub tree/empty tree/sticky; cd tree
    echo hello > dir/file; ln dir/file dir/hard; ln dir/file dir/sub/hard; ln -s ../dir/file empty/link; ln -s /nowhere "$(printf 'link-\\351')"
    : > nothing; head -c 300000 /dev/urandom > big
    mknod null c 1 3; mknod disk b 259 70000; mkfifo fifo; printf x > "$(printf 'bad-\\351\\377')"; printf x > 'snow-☃'
    truncate -s 30M sparse; printf data | dd of=sparse bs=1 seek=10000000 conv=notrunc status=none; truncate -s 5M hole
    printf end | dd of=sparse bs=1 seek=25000000 conv=notrunc status=none
    long=$(printf 'n%.0s' $(seq 200)); mkdir -p $long/$long; echo deep > $long/$long/file; ln -s $long/$long/$long long-link
    cp /bin/true ping; chown 5:6 ping; setcap cap_net_raw+ep ping; cp /bin/true su; chmod 6755 su; chown 0:42 su; chmod 4711 su
    setfattr -n user.note -v hi big; setfattr -n user.bytes -v 0x00ff0a3d big; setfattr -n user.dir -v d dir
    setfattr -n system.posix_acl_access -v 0x0200000001000600ffffffff020004000c000000040004000000ffff10000400ffffffff20000400ffffffff big 2>/dev/null || true
    chown 300000:70000 dir/sub; chown 4000000000:4000000001 nothing; chown -h 7:8 empty/link; chmod 1777 sticky; chmod 000 hole
    touch -d '2001-02-03 04:05:06.123456789 UTC' dir empty big null; touch -h -d '1969-12-31 23:59:58.5 UTC' empty/link nothing; touch -d '2255-01-01 00:00:00.000000001 UTC' sticky`
  execFileSync('sh', ['-ec', script], { cwd: base, stdio: ['ignore', 'ignore', 'inherit'] })
  return join(base, 'tree')
}

async function pack(tree: string): Promise<{ bytes: Buffer; diffId: string }> {
  const chunks: Buffer[] = []
  for await (const chunk of packTree([tree])) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  return { bytes, diffId: `sha256:${createHash('sha256').update(bytes).digest('hex')}` }
}

async function unpack(bytes: Buffer): Promise<{ tree: string; diffId: string }> {
  const tree = temporaryDirectory()
  const { diffId } = await extractLayer(bytesOf(bytes), tree, { format: 'overlay' })
  return { tree, diffId }
}

test('what is packed, extracted and packed again is the same, bit for bit', async () => {
  const original = makeTree()
  const first = await pack(original)
  const copy = await unpack(first.bytes)
  const second = await pack(copy.tree)
  expect(describeTree(copy.tree)).toEqual(describeTree(original))
  expect([copy.diffId, second.diffId]).toEqual([first.diffId, first.diffId])
  expect(first.bytes.length).toBeLessThan(4_000_000)
})

test('what GNU tar packs is the same tree, and what is packed GNU tar extracts to the same', async () => {
  const original = makeTree()
  const xattrs = ['--xattrs', '--xattrs-include=*', '--numeric-owner']
  const tar = execFileSync('tar', ['-C', original, '--format=pax', '--sparse', ...xattrs, '-cf', '-', '.'], {
    maxBuffer: 1 << 28,
  })
  const copy = await unpack(tar)
  expect(describeTree(copy.tree)).toEqual(describeTree(original))
  const packed = await pack(copy.tree)
  expect(packed.diffId).toBe((await pack(original)).diffId)
  const base = temporaryDirectory()
  mkdirSync(join(base, 'tree'))
  writeFileSync(join(base, 'packed.tar'), packed.bytes)
  execFileSync('tar', [
    '-C',
    join(base, 'tree'),
    '-p',
    '--warning=no-timestamp',
    ...xattrs,
    '-xf',
    join(base, 'packed.tar'),
  ])
  expect(describeTree(join(base, 'tree'))).toEqual(describeTree(original))
})

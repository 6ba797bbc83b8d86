import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openDescriptors, temporaryDirectory } from '../../host/fixture.js'
import { AT_FDCWD, native, RENAME_EXCHANGE } from '../../host/index.js'
import { describeTree } from '../../layer/fixture.js'
import { done, filesOf, tryInstruction } from './fixture.js'

/** A container's root beside what nobody may reach from it. */
function besideCanary() {
  const base = temporaryDirectory('/dev/shm')
  const [root, outside] = [join(base, 'root'), join(base, 'outside')]
  for (const path of [root, outside]) mkdirSync(path)
  writeFileSync(join(outside, 'canary'), 'alive')
  const before = describeTree(outside)
  onTestFinished(() => {
    expect(describeTree(outside)).toEqual(before)
    expect(readdirSync(base).sort()).toEqual(['outside', 'root'])
  })
  return { root, outside, base }
}

it.each([
  ['/data', '../../outside'],
  ['/data', '/../../outside'],
  ['/data', '../../../../../../../../../dev/shm'],
])('a symlink %s -> %s of the image leads to a place within the container', async (name, target) => {
  const { root } = besideCanary()
  symlinkSync(target, join(root, name))
  await done('COPY canary /data/', { context: { canary: 'taken' }, root })
  await done('COPY canary /data/sub/canary', { context: { canary: 'taken' }, root })
  await done('WORKDIR /data/made/here', { root })
  expect(Object.values(filesOf(root)).filter((content) => content === 'taken')).toHaveLength(2)
})

it('symlinks of the image are not followed where a file is replaced, nor in a directory that is copied', async () => {
  const { root, outside } = besideCanary()
  mkdirSync(join(root, 'd'))
  symlinkSync(join(outside, 'canary'), join(root, 'd/canary'))
  symlinkSync(outside, join(root, 'd/link'))
  await done('COPY d /d/', { context: { 'd/canary': 'taken' }, root })
  expect(readFileSync(join(root, 'd/canary'), 'utf8')).toBe('taken')
  await expect(done('COPY d /d/', { context: { 'd/link/canary': 'taken' }, root })).rejects.toThrow(
    'cannot copy to non-directory: /d/link',
  )
})

it('symlinks that circle are refused', async () => {
  const { root } = besideCanary()
  symlinkSync('two', join(root, 'one'))
  symlinkSync('one', join(root, 'two'))
  await expect(done('COPY a /one/', { context: { a: '' }, root })).rejects.toMatchObject({ code: 'SYSCALL_FAILED' })
})

it('symlinks of the context that lead out of it are copied as they are, and not followed', async () => {
  const { root, outside } = besideCanary()
  const context = { 'd/link': `-> ${outside}/canary`, 'd/up': '-> ../../outside', top: `-> ${outside}/canary` }
  await done('COPY d /d/', { context, root })
  expect(filesOf(root)).toEqual({ 'd/': '', 'd/link': `-> ${outside}/canary`, 'd/up': '-> ../../outside' })
  await expect(done('COPY top /', { context, root })).rejects.toThrow('not found')
  await expect(done('COPY d/up/canary /', { context, root })).rejects.toThrow('not found')
})

it('what is put in the place of a file while it is copied is never copied', async () => {
  const { root, outside } = besideCanary()
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`d/${index}`, `content ${index}`]))
  const trial = await tryInstruction('COPY d /d', { context: files, root })
  await trial.step.key()
  symlinkSync(outside, join(trial.context, 'link'))
  native().renameat2(AT_FDCWD, join(trial.context, 'd'), AT_FDCWD, join(trial.context, 'link'), RENAME_EXCHANGE)
  await expect(trial.execute()).rejects.toThrow('was changed while it was copied')
  expect(filesOf(root)).not.toHaveProperty('d/canary')
})

it('somebody who exchanges files for symlinks all the time gets nothing from outside into a container', async () => {
  const { outside, base } = besideCanary()
  const context = temporaryDirectory('/dev/shm')
  mkdirSync(join(context, 'd/e'), { recursive: true })
  for (const name of ['d/canary', 'd/e/canary']) writeFileSync(join(context, name), 'harmless')
  const script = `const { renameSync, symlinkSync } = require('node:fs'); process.chdir(${JSON.stringify(context)})
    symlinkSync(${JSON.stringify(`${outside}/canary`)}, 'link'); symlinkSync(${JSON.stringify(outside)}, 'directory')
    console.log('ready')
    for (;;) for (const [one, two] of [['d/canary', 'link'], ['d/e', 'directory']]) for (let turn = 0; turn < 2; turn++) {
      renameSync(one, 'aside'); renameSync(two, one); renameSync('aside', two) }`
  const swapper = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    const gone = once(swapper, 'exit')
    swapper.kill('SIGKILL')
    await gone
  })
  await once(swapper.stdout, 'data')
  const outcomes = new Set<string>()
  // Until it was noticed at least once, and at least once was not there to be noticed: there was a race.
  const isRace = () => outcomes.has('copied') && outcomes.size > 1
  for (let turn = 0; turn < 100 || !isRace(); turn++) {
    const made = join(base, 'root', `${turn}`)
    mkdirSync(made)
    outcomes.add(
      await done('COPY . /', { context, root: made }).then(
        () => 'copied',
        (error) => error.code,
      ),
    )
    expect(Object.values(filesOf(made))).not.toContain('alive')
  }
})

it('no fifo that has the name of a file is ever opened', async () => {
  const trial = await tryInstruction('COPY d /d', { context: { 'd/f': 'x' } })
  await trial.step.key()
  native().unlinkat(AT_FDCWD, join(trial.context, 'd/f'), false)
  native().mknodat(AT_FDCWD, join(trial.context, 'd/f'), 0o010644, 0, 0)
  await expect(trial.execute()).rejects.toThrow('was changed while it was copied')
})

it('keeps no descriptor, whether it can or cannot', async () => {
  const { root } = besideCanary()
  const files = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`d/${index % 20}/${index}`, 'x']))
  const good = await tryInstruction('COPY d /d', { context: files, root })
  const bad = await tryInstruction('COPY d /d/0/0', { context: files, root })
  await Promise.all([good.step.key(), bad.step.key()])
  await good.execute()
  const before = openDescriptors()
  await good.execute()
  await expect(bad.execute()).rejects.toThrow('cannot copy to non-directory')
  expect(openDescriptors()).toBe(before)
})

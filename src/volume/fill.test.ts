import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { failpoints } from '../errors/failpoint.js'
import { openDescriptors, temporaryDirectory } from '../host/fixture.js'
import { AT_FDCWD, native, withFileLock } from '../host/index.js'
import { fill, finishFill, isToBeFilled } from './fill.js'
import { describeVolume, emptyVolume, fillSource, imageWithData } from './fill-fixture.js'

const points = ['fill.stage', 'fill.publish', 'fill.entries', 'fill.attributes', 'fill.done'] as const

afterEach(() => failpoints.clear())

const failAt = (point: string) =>
  failpoints.set(point, () => {
    throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO', syscall: 'failpoint' })
  })

/** A directory that is mounted by `mount` with the arguments while a test lasts. */
function mounted(...args: readonly string[]): string {
  const path = mkdtempSync(join(tmpdir(), 'inboard-fill-'))
  execFileSync('mount', [...args, path])
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', path])
    rmSync(path, { recursive: true })
  })
  return path
}

/** What a volume is to look like, made by a fill that nothing disturbs. */
async function expected(layers: readonly string[]): Promise<string[]> {
  const volume = emptyVolume(temporaryDirectory())
  await fill({ source: fillSource(layers, 'data'), ...volume })
  return describeVolume(volume.target)
}

describe('fill', () => {
  it('copies what layers have merged, with the attributes of the directory itself', async () => {
    const base = temporaryDirectory()
    const layers = imageWithData(base)
    const volume = emptyVolume(base)
    const inode = statSync(volume.target).ino
    expect(await fill({ source: fillSource(layers, 'data'), ...volume })).toBe(true)
    expect(volume.names()).toEqual(
      ['.hidden', 'above', 'below', 'conf', 'conf/linked', 'conf/new', 'conf/old', 'fifo', 'link'].sort(),
    )
    expect(readFileSync(join(volume.target, 'conf/old'), 'utf8')).toBe('data/conf/old')
    expect(statSync(join(volume.target, 'above')).ino).toBe(statSync(join(volume.target, 'conf/linked')).ino)
    expect(statSync(volume.target)).toMatchObject({ ino: inode, mode: 0o42750, uid: 999, gid: 1000 })
    expect(native().statAt(AT_FDCWD, volume.target)?.mtime).toEqual([1_400_000_000, 5])
    expect(native().statAt(AT_FDCWD, join(volume.target, 'conf'))?.mtime).toEqual([1_500_000_000, 7])
    expect(native().listxattrAt(AT_FDCWD, volume.target)).toEqual(['trusted.top'])
    expect(readdirSync(volume.staging)).toEqual(['_data'])
  })

  it('gives an empty directory of the image its owner, mode and times', async () => {
    const base = temporaryDirectory()
    mkdirSync(join(base, 'layer/empty'), { recursive: true })
    native().chownAt(AT_FDCWD, join(base, 'layer/empty'), 55, 66)
    native().chmodAt(AT_FDCWD, join(base, 'layer/empty'), 0o700)
    native().utimesAt(AT_FDCWD, join(base, 'layer/empty'), [1, 0], [1_444_444_444, 0])
    const volume = emptyVolume(base)
    expect(await fill({ source: fillSource([join(base, 'layer')], 'empty'), ...volume })).toBe(true)
    expect(describeVolume(volume.target)).toEqual([expect.stringMatching(/^ 40700 55:66 .* 1444444444\.0+ /)])
    expect(isToBeFilled(volume.target, volume.staging)).toBe(true)
  })

  it('leaves a volume alone that has anything', async () => {
    const base = temporaryDirectory()
    const layers = imageWithData(base)
    const volume = emptyVolume(base)
    mkdirSync(join(volume.target, 'lost+found'))
    const before = describeVolume(volume.target)
    expect(isToBeFilled(volume.target, volume.staging)).toBe(false)
    expect(await fill({ source: fillSource(layers, 'data'), ...volume })).toBe(false)
    expect(describeVolume(volume.target)).toEqual(before)
  })

  it('goes to the directory that a symlink of the volume leads to', async () => {
    const base = temporaryDirectory()
    const layers = imageWithData(base)
    const volume = emptyVolume(base)
    symlinkSync(volume.target, join(base, 'symlink'))
    await fill({ source: fillSource(layers, 'data'), target: join(base, 'symlink'), staging: volume.staging })
    expect(volume.names()).toContain('conf/new')
  })

  it('copies what is large on another thread', async () => {
    const base = temporaryDirectory()
    mkdirSync(join(base, 'layer/data'), { recursive: true })
    for (let n = 0; n < 200; n++) writeFileSync(join(base, 'layer/data', `file-${n}`), `${n}`)
    const source = fillSource([join(base, 'layer')], 'data')
    expect(source.isSmall).toBe(false)
    const volume = emptyVolume(base)
    await fill({ source, ...volume })
    expect(volume.names()).toHaveLength(200)
    expect(readFileSync(join(volume.target, 'file-199'), 'utf8')).toBe('199')
    expect(readdirSync(volume.staging)).toEqual(['_data'])
  })

  it('keeps what somebody has made in the volume meanwhile', async () => {
    const base = temporaryDirectory()
    const layers = imageWithData(base)
    const volume = emptyVolume(base)
    failpoints.set('fill.publish', () => {
      writeFileSync(join(volume.target, 'above'), 'theirs')
      mkdirSync(join(volume.target, 'conf'))
    })
    await fill({ source: fillSource(layers, 'data'), ...volume })
    expect(readFileSync(join(volume.target, 'above'), 'utf8')).toBe('theirs')
    expect(readdirSync(join(volume.target, 'conf'))).toEqual([])
    expect(volume.names()).toContain('below')
    expect(readdirSync(volume.staging)).toEqual(['_data'])
  })

  it('is done once by several who come together, each under the lock', async () => {
    const base = temporaryDirectory()
    const layers = imageWithData(base)
    const volume = emptyVolume(base)
    const once = () => withFileLock(join(base, 'lock'), () => fill({ source: fillSource(layers, 'data'), ...volume }))
    const outcomes = await Promise.all([once(), once(), once()])
    expect(outcomes.filter((isFilled) => isFilled)).toHaveLength(1)
    expect(describeVolume(volume.target)).toEqual(await expected(layers))
  })

  it('leaves an empty volume and no descriptor when it is aborted', async () => {
    const base = temporaryDirectory()
    mkdirSync(join(base, 'layer/data'), { recursive: true })
    for (let n = 0; n < 200; n++) writeFileSync(join(base, 'layer/data', `file-${n}`), `${n}`)
    const volume = emptyVolume(base)
    const before = openDescriptors()
    const stop = new AbortController()
    const filling = fill({ source: fillSource([join(base, 'layer')], 'data'), ...volume, signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(filling).rejects.toThrow('enough')
    expect([volume.names(), readdirSync(volume.staging), openDescriptors()]).toEqual([[], ['_data'], before])
  })

  it('fails with a missing layer, and leaves the volume as it was', async () => {
    const base = temporaryDirectory()
    const layers = imageWithData(base)
    const volume = emptyVolume(base)
    const before = describeVolume(volume.target)
    const source = fillSource(layers, 'data')
    rmSync(layers[1] as string, { recursive: true })
    await expect(fill({ source, ...volume })).rejects.toMatchObject({ name: 'VolumeError', code: 'VOLUME_FAILED' })
    expect([describeVolume(volume.target)[0]?.split(' ')[1], volume.names()]).toEqual([before[0]?.split(' ')[1], []])
    expect(readdirSync(volume.staging)).toEqual(['_data'])
  })
})

describe.each([
  ['beside the volume', false],
  ['inside of it', true],
])('a fill that is staged %s', (_, isInside) => {
  it.each(points)('and fails at %s is finished by the next one', async (point) => {
    const base = temporaryDirectory()
    const layers = imageWithData(base)
    const volume = emptyVolume(base)
    const request = {
      source: fillSource(layers, 'data'),
      target: volume.target,
      staging: isInside ? volume.target : volume.staging,
    }
    failAt(point)
    await expect(fill(request)).rejects.toMatchObject({ code: 'VOLUME_FAILED', details: { errno: 'EIO' } })
    failpoints.clear()
    expect(isToBeFilled(request.target, request.staging)).toBe(true)
    expect(await fill(request)).toBe(true)
    expect(describeVolume(volume.target)).toEqual(await expected(layers))
    expect(readdirSync(volume.staging)).toEqual(['_data'])
    expect(isToBeFilled(request.target, request.staging)).toBe(false)
  })

  it('is finished or undone without its source, too', async () => {
    const base = temporaryDirectory()
    const layers = imageWithData(base)
    const volume = emptyVolume(base)
    const staging = isInside ? volume.target : volume.staging
    const request = { source: fillSource(layers, 'data'), target: volume.target, staging }
    expect(await finishFill(volume.target, staging)).toBe(false)
    failAt('fill.entries')
    await expect(fill(request)).rejects.toThrow()
    failpoints.clear()
    expect(await finishFill(volume.target, staging)).toBe(true)
    expect(describeVolume(volume.target)).toEqual(await expected(layers))
    expect(await finishFill(volume.target, staging)).toBe(false)
  })
})

describe('a volume that is a filesystem of its own', () => {
  it('is filled whole, or is empty when the content has no room', async () => {
    const base = temporaryDirectory()
    mkdirSync(join(base, 'layer/data'), { recursive: true })
    writeFileSync(join(base, 'layer/data/first'), 'small')
    writeFileSync(join(base, 'layer/data/second'), Buffer.alloc(600 * 1024))
    const target = mounted('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs')
    const request = { source: fillSource([join(base, 'layer')], 'data'), target, staging: target }
    expect(await fill(request)).toBe(true)
    expect(readdirSync(target)).toEqual(expect.arrayContaining(['first', 'second']))
    for (const name of readdirSync(target)) rmSync(join(target, name))
    writeFileSync(join(base, 'layer/data/third'), Buffer.alloc(600 * 1024))
    for (const source of [request.source, fillSource([join(base, 'layer')], 'data')])
      await expect(fill({ ...request, source })).rejects.toMatchObject({
        code: 'VOLUME_FAILED',
        message: expect.stringMatching(/ENOSPC.*free some space/),
        details: { errno: 'ENOSPC', target },
      })
    expect(readdirSync(target)).toEqual([])
  })

  it('of a new ext4 has lost+found, and is not filled', async () => {
    const base = temporaryDirectory()
    const layers = imageWithData(base)
    execFileSync('truncate', ['-s', '8M', join(base, 'image')])
    execFileSync('mkfs.ext4', ['-q', join(base, 'image')])
    const target = mounted('-o', 'loop', join(base, 'image'))
    expect(await fill({ source: fillSource(layers, 'data'), target, staging: target })).toBe(false)
    expect(readdirSync(target)).toEqual(['lost+found'])
  })

  it('has no staging of ours in what a container has put there under its name', async () => {
    const base = temporaryDirectory()
    const layers = imageWithData(base)
    const volume = emptyVolume(base)
    const inside = join(volume.target, '.inboard-filling')
    mkdirSync(join(inside, '.filled/files'), { recursive: true, mode: 0o700 })
    mkdirSync(join(inside, '.filled/top'))
    native().chownAt(AT_FDCWD, inside, 1000, 1000)
    const request = { source: fillSource(layers, 'data'), target: volume.target, staging: volume.target }
    expect(await fill(request)).toBe(false)
    rmSync(inside, { recursive: true })
    symlinkSync(volume.staging, inside)
    expect(await fill(request)).toBe(false)
    expect(readdirSync(volume.target)).toEqual(['.inboard-filling'])
  })

  it.each<[string, (inside: string) => void]>([
    ['a link where what is staged would be', (inside) => symlinkSync('/etc', join(inside, '.filled'))],
    ['half of what is staged', (inside) => mkdirSync(join(inside, '.filled/files'), { recursive: true })],
    ['something else', (inside) => writeFileSync(join(inside, 'other'), '')],
    ['links where what is to be removed would be', (inside) => symlinkSync('/etc', join(inside, '.filling-1'))],
  ])('is not kept from others by a container’s root that has made %s there', async (_what, make) => {
    const base = temporaryDirectory()
    const { target } = emptyVolume(base)
    const inside = join(target, '.inboard-filling')
    mkdirSync(inside, { mode: 0o700 })
    make(inside)
    writeFileSync(join(target, 'content'), '')
    const before = readdirSync('/etc')
    const source = fillSource(imageWithData(base), 'data')
    expect(await fill({ source, target, staging: target })).toBe(false)
    expect(await finishFill(target, target)).toBe(false)
    expect(readdirSync(target)).toContain('content')
    expect(readdirSync('/etc')).toEqual(before)
  })
})

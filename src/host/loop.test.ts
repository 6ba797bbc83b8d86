import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import type { Readable } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { binaries } from './addon.js'
import { closing, failureOf, temporaryDirectory } from './fixture.js'
import { type LoopOptions, native } from './index.js'

function image(content = 'x'.repeat(4096)): string {
  const path = join(temporaryDirectory(), 'image')
  writeFileSync(path, content)
  return path
}

function attached(file: string | number, options: LoopOptions) {
  const { path, fd } = native().loopAttach(file, options)
  return { path, fd: closing(fd) }
}

const attribute = (device: string, name: string) =>
  readFileSync(`/sys/block/${basename(device)}/loop/${name}`, 'latin1').trim()
const isOver = (device: string, file: string) =>
  existsSync(`/sys/block/${basename(device)}/loop/backing_file`) && attribute(device, 'backing_file') === file

/** A program that makes devices over the file, prints their paths, and ends with its input. */
function attaching(file: string, count: number): string {
  const program = join(temporaryDirectory(), 'attach.cjs')
  writeFileSync(
    program,
    `const native = require(${JSON.stringify(join(binaries().directory, 'inboard.node'))})
     for (let made = 0; made < ${count}; made++)
       process.stdout.write(native.loopAttach(${JSON.stringify(file)}, { readOnly: true }).path + '\\n')
     process.stdin.resume()`,
  )
  return program
}

/** The first lines of a stream. */
async function linesOf(stream: Readable, count: number): Promise<string[]> {
  let text = ''
  for await (const chunk of stream) {
    text += chunk
    if (text.split('\n').length > count) break
  }
  return text.trim().split('\n')
}

describe('loopAttach', () => {
  it('makes a device over a file, as long as it is used', async () => {
    const file = image(`${'first'.padEnd(512)}${'second'.padEnd(512)}`)
    const { path, fd } = native().loopAttach(file, { readOnly: false })
    try {
      expect(readFileSync(path, 'latin1')).toBe(readFileSync(file, 'latin1'))
      expect([attribute(path, 'backing_file'), attribute(path, 'autoclear')]).toEqual([file, '1'])
      expect(readFileSync(`/sys/block/${basename(path)}/ro`, 'latin1')).toBe('0\n')
    } finally {
      closeSync(fd)
    }
    await expect.poll(() => isOver(path, file)).toBe(false)
  })

  it('shows a part of an open file, read-only', () => {
    const file = image(`${'first'.padEnd(512)}${'second'.padEnd(512)}${'third'.padEnd(512)}`)
    const descriptor = closing(openSync(file, 'r'))
    const { path, fd } = attached(descriptor, { readOnly: true, offset: 512, sizeLimit: 512 })
    const block = Buffer.alloc(1024)
    expect(readSync(fd, block, 0, 1024, 0)).toBe(512)
    expect(block.toString('latin1', 0, 6)).toBe('second')
    expect(readFileSync(`/sys/block/${basename(path)}/ro`, 'latin1')).toBe('1\n')
  })

  it('goes past the page cache when it is asked to', () => {
    const { path } = attached(image(), { readOnly: false, directIo: true })
    expect(attribute(path, 'dio')).toBe('1')
  })

  it('gives each its own device, when many want one at once, until they are killed', async () => {
    const file = image()
    const program = attaching(file, 4)
    const children = [1, 2, 3].map(() => spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] }))
    onTestFinished(() => {
      for (const child of children) child.kill('SIGKILL')
    })
    const paths = (await Promise.all(children.map(({ stdout }) => linesOf(stdout, 4)))).flat()
    expect(new Set(paths).size).toBe(12)
    expect(paths.filter((path) => isOver(path, file))).toEqual(paths)
    const ends = children.map((child) => once(child, 'exit'))
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(ends)
    await expect.poll(() => paths.filter((path) => isOver(path, file))).toEqual([])
  })

  it('makes the node of a device that /dev lacks', () => {
    const empty = 'mount -t tmpfs tmpfs /dev && mknod /dev/loop-control c 10 237 && mknod /dev/null c 1 3'
    const made = execFileSync(
      'unshare',
      [
        '-m',
        'sh',
        '-c',
        `${empty} && "$@" < /dev/null && stat -c '%F %a' /dev/loop[0-9]*`,
        'sh',
        process.execPath,
        attaching(image(), 1),
      ],
      { encoding: 'utf8' },
    )
    expect(made).toMatch(/^\/dev\/loop\d+\nblock special file 600\n$/)
  })

  it('carries a filesystem whose mount keeps the device', async () => {
    const file = image()
    truncateSync(file, 4 * 1024 * 1024)
    execFileSync('mkfs.ext4', ['-q', file], { env: { PATH: '/usr/sbin:/sbin:/usr/bin:/bin' } })
    const target = join(temporaryDirectory(), 'at')
    mkdirSync(target)
    const { path, fd } = native().loopAttach(file, { readOnly: false })
    try {
      await native().mount(path, target, 'ext4', 0, '')
    } finally {
      closeSync(fd)
    }
    onTestFinished(async () => {
      if (native().mountedAt(target)) await native().unmount(target, 0)
    })
    expect(native().mountedAt(target)).toMatchObject({ major: 7 })
    expect(isOver(path, file)).toBe(true)
    await native().unmount(target, 0)
    await expect.poll(() => isOver(path, file)).toBe(false)
  })

  it('refuses what is no file', () => {
    const path = temporaryDirectory()
    expect(failureOf(() => native().loopAttach(join(path, 'missing'), { readOnly: true }))).toMatchObject({
      code: 'ENOENT',
      syscall: 'open',
    })
    expect(failureOf(() => native().loopAttach(closing(openSync(path, 'r')), { readOnly: true })).code).toBe('EINVAL')
  })
})

import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { binaries, loadBinaries, packageRoot, programPath, rebuildCommand } from './addon.js'
import { failureOf, temporaryDirectory } from './fixture.js'
import { initExecutablePath, native, supervisorExecutable } from './index.js'

describe('loadBinaries', () => {
  it('refuses another platform before it looks for anything', () => {
    const error = failureOf(() => loadBinaries('/nonexistent', 'darwin'))
    expect(error).toMatchObject({
      name: 'UnsupportedHostError',
      code: 'UNSUPPORTED_HOST',
      details: { feature: 'linux' },
    })
    expect(error.message).toContain('not on darwin')
  })

  it('tells the user of a bundler what to do', () => {
    expect(failureOf(() => loadBinaries(undefined, 'linux')).message).toContain('mark inboard as external')
  })

  it('names the command that builds what was never built', () => {
    const root = join(temporaryDirectory(), 'node_modules', 'inboard')
    mkdirSync(root, { recursive: true })
    const error = failureOf(() => loadBinaries(root, 'linux'))
    expect(error).toMatchObject({
      code: 'UNSUPPORTED_HOST',
      details: { feature: 'addon', hint: 'npm rebuild inboard' },
    })
    expect(error.message).toContain('has not been built')
  })

  it('says why an addon cannot be loaded, with the cause', () => {
    const root = temporaryDirectory()
    mkdirSync(join(root, 'build', 'Release'), { recursive: true })
    writeFileSync(join(root, 'build', 'Release', 'broken.node'), 'not an ELF file')
    const error = failureOf(() => loadBinaries(root, 'linux'))
    expect(error).toMatchObject({ details: { feature: 'addon', hint: 'node scripts/build-native.mjs' } })
    expect(error.message).toContain('broken.node')
    expect(error.cause).toBeInstanceOf(Error)
  })
})

describe('rebuildCommand', () => {
  const path = (...programs: string[]) => {
    const directory = temporaryDirectory()
    for (const program of programs) {
      writeFileSync(join(directory, program), '')
      chmodSync(join(directory, program), 0o755)
    }
    return directory
  }
  const installed = '/app/node_modules/inboard'

  it('installs a compiler first where there is none, by the package manager of the host', () => {
    expect(rebuildCommand(installed, path('make', 'python3', 'c++'))).toBe('npm rebuild inboard')
    expect(rebuildCommand(installed, path('apt-get'))).toMatch(
      /^apt-get install -y g\+\+ make .* && npm rebuild inboard$/,
    )
    expect(rebuildCommand(installed, path('apk', 'make'))).toMatch(/^apk add /)
    expect(rebuildCommand(installed, path('dnf', 'g++'))).toMatch(/^dnf install /)
  })
})

describe('the addon', () => {
  it('is found from any directory of the package', () => {
    expect(packageRoot(import.meta.dirname)).toBe(join(import.meta.dirname, '../..'))
    expect(packageRoot('/')).toBeUndefined()
  })

  it('is loaded once', () => {
    expect(native()).toBe(native())
  })

  it('works in several threads at once and after they have ended', async () => {
    const addon = join(binaries().directory, 'inboard.node')
    const program = `
      const { parentPort, workerData } = require('node:worker_threads')
      const native = require(workerData)
      native.removeTree('/tmp/inboard-none/x').then(() => parentPort.postMessage(native.geteuid()))`
    const answers = Array.from({ length: 4 }, async () => {
      const worker = new Worker(program, { eval: true, workerData: addon })
      const answer = await new Promise((resolve) => worker.once('message', resolve))
      await worker.terminate()
      return answer
    })
    expect(await Promise.all(answers)).toEqual([0, 0, 0, 0])
    expect(native().geteuid()).toBe(0)
    expect(createRequire(import.meta.url)(addon).geteuid()).toBe(0)
  })
})

describe('the programs', () => {
  it('the supervisor is one sealed executable for the whole process', () => {
    expect(supervisorExecutable()).toBe(supervisorExecutable())
    expect(statSync(`/proc/self/fd/${supervisorExecutable()}`).mode & 0o777).toBe(0o500)
  })

  it('a missing one is named with the command that builds it', () => {
    const error = failureOf(() => programPath('inboard-nothing'))
    expect(error).toMatchObject({ code: 'UNSUPPORTED_HOST', details: { feature: 'inboard-nothing' } })
    expect(error.message).toContain('node scripts/build-native.mjs')
  })

  it('the init is an executable file beside the addon', () => {
    expect(dirname(initExecutablePath())).toBe(binaries().directory)
    expect(statSync(initExecutablePath()).mode & 0o111).not.toBe(0)
  })
})
